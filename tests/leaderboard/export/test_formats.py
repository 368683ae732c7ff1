"""All formats at once, on runs that have little to show."""

from __future__ import annotations

import pytest

from leaderboard import schema
from leaderboard.export import FORMATS, export


def no_rows(run_dir, run):
    for path in (run_dir / "samples").rglob("*.jsonl"):
        path.unlink()


def only_controls(run_dir, run):
    run["columns"] = [column for column in run["columns"] if column["kind"] == "control"]
    drop_others(run)


def one_tokenizer_one_task(run_dir, run):
    run["columns"] = [column for column in run["columns"] if column["name"] == "clip"]
    run["tasks"] = run["tasks"][3:]
    drop_others(run)


def no_public_answers(run_dir, run):
    for task in run["tasks"]:
        task["unit"] = "none"


def a_column_without_a_task(run_dir, run):
    for seed in (1, 2):
        schema.rows_path(run_dir, "mae", seed, "vqa").unlink()


def drop_others(run):
    names = {column["name"] for column in run["columns"]}
    for field in ("stages", "alignment"):
        run[field] = [entry for entry in run[field] if entry["column"] in names]


@pytest.mark.parametrize(
    "change",
    [no_rows, only_controls, one_tokenizer_one_task, no_public_answers, a_column_without_a_task],
)
def test_little_is_written_too(run_dir, tmp_path, make_material, change):
    run = schema.read_run(run_dir)
    change(run_dir, run)
    schema.write_run(run_dir, run)
    formats = [name for name in FORMATS if name not in ("pdf", "html")]
    if change is one_tokenizer_one_task:
        formats.append("pdf")
    paths = export(make_material(run_dir), tmp_path / "out", formats)
    assert len(paths) == len(set(paths)) and all(path.stat().st_size for path in paths)
    assert {path.name for path in paths} >= {"report.md", "report.tex", "scores.csv"}
    assert (tmp_path / "out" / "differences.csv").read_text().startswith('"scope","scope_title",')
    assert not list((tmp_path / "out").rglob(".*"))


def test_what_cannot_be_written_leaves_no_half_file(run_dir, tmp_path, make_material, monkeypatch):
    from leaderboard.export import parquet_tables

    def broken(*_):
        raise OSError("No space left on device")

    before = export(make_material(run_dir), tmp_path, ["parquet"])[0].read_bytes()
    monkeypatch.setattr(parquet_tables, "_own", broken)
    with pytest.raises(OSError, match="No space"):
        export(make_material(run_dir), tmp_path, ["parquet"])
    assert (tmp_path / "samples.parquet").read_bytes() == before
    names = {path.name for path in tmp_path.iterdir()} - {"run"}
    assert names == {"samples.parquet", "scores.parquet", "differences.parquet"}
