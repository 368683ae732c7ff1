"""Every broken file gets one error that names file, line and field."""

from __future__ import annotations

import json

import pytest

from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.schema import SchemaError


def test_a_constant_answer_is_not_scored_where_the_task_says_so(run_dir):
    assert load_results(run_dir).floors.majority(schema.read_run(run_dir)["tasks"][0])
    change_run(run_dir, lambda run: run["tasks"][0].update(constant=False))
    results = load_results(run_dir)
    assert results.floors.majority(results.tasks[0]) is None
    change_run(run_dir, lambda run: run["tasks"][0].update(constant="no"))
    with pytest.raises(SchemaError, match=r"tasks\[0\]\.constant is 'no'"):
        schema.read_run(run_dir)


def test_a_task_without_a_score_is_in_no_table(run_dir):
    name = schema.read_run(run_dir)["tasks"][0]["name"]
    change_run(run_dir, lambda run: run["tasks"][0].update(unit="none", metric="valid"))
    for path in (run_dir / "samples").rglob(f"{name}.jsonl"):
        rows = [{**row, "scores": {}} for _, row in schema.read_rows(path)]
        schema.write_rows(path, rows)
    seed = schema.read_run(run_dir)["seeds"][0]
    path = schema.submission_path(run_dir, "clip", seed, name)
    path.parent.mkdir(parents=True)
    path.write_text("[]")
    results = load_results(run_dir)
    assert name not in [task["name"] for task in results.tasks]
    ((task, files),) = results.submissions
    assert task["name"] == name
    assert files == [f"submissions/clip/seed{seed}/{name}.json"]


def change_run(run_dir, change):
    path = run_dir / "run.json"
    run = json.loads(path.read_text())
    change(run)
    path.write_text(json.dumps(run))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.update(format_version=2), "format_version 2 is newer"),
        (lambda r: r.update(format_version="1"), "format_version is '1'"),
        (lambda r: r.pop("seeds"), "field 'seeds' is missing"),
        (lambda r: r["columns"][0].update(kind="other"), r"columns\[0\].kind is 'other'"),
        (lambda r: r["columns"][0].update(encoder_parameters=True), "encoder_parameters is True"),
        (lambda r: r["columns"][1].update(name="blind"), "'blind' appears twice"),
        (lambda r: r["columns"][0].update(name="../up"), "also a file name"),
        (lambda r: r["stages"][0].update(column="nobody"), "no column named 'nobody'"),
        (lambda r: r["alignment"][0].update(curve=[[1]]), "points must be"),
    ],
)
def test_broken_run(run_dir, change, message):
    change_run(run_dir, change)
    with pytest.raises(SchemaError, match=message) as caught:
        schema.read_run(run_dir)
    assert str(run_dir / "run.json") in str(caught.value)


def test_run_that_is_not_there_or_not_json(tmp_path):
    with pytest.raises(SchemaError, match=r"is .* a run directory"):
        schema.read_run(tmp_path)
    (tmp_path / "run.json").write_text('{\n"a": }')
    with pytest.raises(SchemaError, match=r"run\.json:2: not JSON"):
        schema.read_run(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("doc_id", "7", "doc_id is '7', expected int"),
        ("gold", [1], "gold holds 1"),
        ("scores", {"acc": float("nan")}, "expected a finite number"),
        ("scores", {}, "no score 'acc'"),
        ("scores", {"acc": 7.0}, "expected 0 to 1"),
        ("chance", 1.5, "expected 0 to 1"),
        ("error", "boom", "must have no scores"),
        ("doc_id", 0, "doc_id 0 appears twice"),
        ("gold", ["another"], "not run on the same data"),
    ],
)
def test_broken_row_names_file_and_line(run_dir, field, value, message):
    path = schema.rows_path(run_dir, "clip", 2, "oc")
    lines = path.read_text().splitlines()
    lines[3] = json.dumps(json.loads(lines[3]) | {field: value})
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(SchemaError, match=message) as caught:
        load_results(run_dir)
    assert str(caught.value).startswith(f"{path}:4: ")


def test_cut_off_line_is_an_error(run_dir):
    path = schema.rows_path(run_dir, "clip", 2, "oc")
    path.write_text(path.read_text()[:-20])
    with pytest.raises(SchemaError, match=r"oc\.jsonl:90: not JSON"):
        load_results(run_dir)


def test_rows_survive_the_round_trip(run_dir, tmp_path):
    rows = [row for _, row in schema.read_rows(schema.rows_path(run_dir, "clip", 1, "vqa"))]
    rows[0]["answer"] = "line\nbreak \u2028 \u202e é"
    path = schema.write_rows(tmp_path / "again.jsonl", rows)
    assert [row for _, row in schema.read_rows(path)] == rows


def test_a_refused_write_leaves_the_old_file(run_dir):
    path = schema.rows_path(run_dir, "clip", 1, "vqa")
    before = path.read_bytes()
    with pytest.raises(SchemaError, match="field 'doc_id' is missing"):
        schema.write_rows(path, [{}])
    assert path.read_bytes() == before
