"""The report end to end: true numbers, nothing dropped, nothing fetched, hostile text harmless."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

import leaderboard
from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.verdict import judge_all
from leaderboard.wording import put_in_words

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x07\x1b[31m\u202e{{ 7*7 }}"


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are balanced."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def only_our_script_runs(text):
    """Whether the policy allows one script, by its hash, and all others are data."""
    allowed = re.search(r"script-src 'sha256-([^']+)'", text)[1]
    running = re.findall(r"<script>(.*?)</script>", text, re.S)
    kinds = re.findall(r"<script([^>]*)>", text)
    assert all(re.fullmatch(r"| type=\"application/json\" id=\"data-[a-z-]+\"", k) for k in kinds)
    digest = hashlib.sha256(running[0].encode()).digest()
    return len(running) == 1 and base64.b64encode(digest).decode() == allowed


def rewrite(run_dir, column, seed, task, change):
    path = schema.rows_path(run_dir, column, seed, task)
    rows = [row for _, row in schema.read_rows(path)]
    path.unlink()
    schema.write_rows(path, change(rows))


def failed(row):
    return row | {"scores": {}, "answer": None, "valid": False, "error": "out of memory"}


def hostile(row):
    return row | {
        "question": HOSTILE,
        "gold": [HOSTILE],
        "answer": HOSTILE * 500,
        "category": HOSTILE,
        "image": "../" + HOSTILE,
        "image_id": HOSTILE + row["image_id"],
    }


def test_report_and_scores(run_dir):
    path = leaderboard.write_report(run_dir)
    page = Page(path.read_text())
    assert path.name == "report.html"
    for text in ("Use DeiT.", "Blind", "Scene as text", "2.13.0", "accelerate launch -m gvt"):
        assert text in page.text
    assert page.tags.count("svg") == 4 + 5 + 6  # tasks, rankings, losses
    assert page.tags.count("title") == 1 + 4 + 5 + 6
    scores = json.loads((run_dir / "scores.json").read_text())
    rows = [
        [
            row["scores"]["acc"]
            for _, row in schema.read_rows(schema.rows_path(run_dir, "clip", s, "vqa"))
        ]
        for s in (1, 2)
    ]
    cell = scores["columns"]["clip"]["vqa"]
    assert cell["mean"] == pytest.approx(sum(map(sum, rows)) / 180)
    assert cell["seeds"]["1"] == pytest.approx(sum(rows[0]) / 90)
    assert cell["low"] < cell["mean"] < cell["high"]
    assert (cell["n"], cell["images"], cell["n_failed"]) == (90, 30, 0)
    assert sum(c["n"] for c in cell["categories"].values()) == 90
    assert f"{100 * cell['mean']:.1f}" in page.text


def test_nothing_is_fetched_and_nothing_runs(run_dir):
    text = leaderboard.write_report(run_dir).read_text()
    page = Page(text)
    assert "https://example.org/paper" in page.text  # a citation, as plain text
    assert only_our_script_runs(text)
    assert not {"link", "iframe", "object"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in ("src", "href"):
            assert value.startswith(("data:image/", "#"))
    style = re.search(r"<style>(.*?)</style>", (run_dir / "report.html").read_text(), re.S)[1]
    assert "url(" not in style and "@import" not in style


def test_hostile_text_neither_runs_nor_breaks_the_page(run_dir):
    for column in ("blind", "random", "deit", "clip", "mae", "dino", "text"):
        for seed in (1, 2):
            rewrite(run_dir, column, seed, "vqa", lambda rows: [hostile(r) for r in rows])
    run = schema.read_run(run_dir)
    run["title"] = run["warnings"][0] = run["columns"][3]["title"] = run["tasks"][0]["title"] = (
        HOSTILE
    )
    run["columns"][3]["citation"] = run["hardware"]["cpu"] = HOSTILE
    claims = [
        dict.fromkeys(("name", "statement", "scope", "source"), HOSTILE)
        | {"higher": [HOSTILE * 9], "lower": ["mae"]},
        {"name": "c", "statement": HOSTILE, "scope": "vqa", "higher": ["deit"], "lower": ["mae"]},
    ]
    run["config"] = {"</pre>" + HOSTILE: HOSTILE, "suite": {"claims": claims}}
    schema.write_run(run_dir, run)
    text = leaderboard.write_report(run_dir).read_text()
    page = Page(text)
    assert only_our_script_runs(text)
    assert not {"link", "iframe"} & set(page.tags)
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
    assert "{{ 7*7 }}" in page.text
    assert len(text) < 1_000_000


def test_names_without_end_are_cut_and_said_to_be(run_dir):
    run = schema.read_run(run_dir)
    for entry in (run, *run["columns"], *run["tasks"]):
        entry["title"] = entry["description"] = HOSTILE * 1000
    for task in run["tasks"]:
        task["metric_title"] = HOSTILE * 1000
    run["warnings"] = [HOSTILE * 1000]
    schema.write_run(run_dir, run)
    text = leaderboard.write_report(run_dir).read_text()
    assert only_our_script_runs(text)
    assert len(text) < 3_000_000
    assert "more characters)" in Page(text).text
    assert schema.read_run(run_dir) == run


def test_hostile_text_in_the_terminal(run_dir, capsys):
    run = schema.read_run(run_dir)
    run["columns"][3]["title"] = hostile = "[bold]\x1b[31mred"
    claim = {"name": "c", "statement": hostile, "scope": "vqa", "higher": [hostile], "lower": ["x"]}
    run["config"]["suite"] = {"claims": [claim]}
    schema.write_run(run_dir, run)
    leaderboard.print_table(run_dir)
    out = capsys.readouterr().out
    assert "[bold]" in out and "\x1b[31m" not in out


def test_failed_rows_are_counted_and_in_no_score(run_dir):
    for seed in (1, 2):
        rewrite(run_dir, "mae", seed, "oc", lambda rows: [failed(r) for r in rows[:5]] + rows[5:])
    page = Page(leaderboard.write_report(run_dir).read_text())
    cell = json.loads((run_dir / "scores.json").read_text())["columns"]["mae"]["oc"]
    assert (cell["n"], cell["n_failed"], cell["n_missing"]) == (85, 10, 0)
    assert "n = 85 of 90" in page.text and "out of memory" in page.text


def test_missing_rows_and_cells_are_shown(run_dir):
    rewrite(run_dir, "clip", 1, "oc", lambda rows: rows[:-3])
    for seed in (1, 2):
        schema.rows_path(run_dir, "dino", seed, "vqa").unlink()
    page = Page(leaderboard.write_report(run_dir).read_text())
    scores = json.loads((run_dir / "scores.json").read_text())["columns"]
    assert scores["clip"]["oc"]["n_missing"] == 3
    assert scores["dino"]["vqa"] is None
    assert "No score for DINO." in page.text and "no answers on file" in page.text
    leaderboard.print_table(run_dir)


def test_a_cell_that_failed_altogether_has_no_score(run_dir):
    for seed in (1, 2):
        rewrite(run_dir, "dino", seed, "mci", lambda rows: [failed(r) for r in rows])
    leaderboard.write_report(run_dir)
    cell = json.loads((run_dir / "scores.json").read_text())["columns"]["dino"]["mci"]
    assert cell["mean"] is None and cell["n_failed"] == 180


def test_a_task_where_everyone_scores_nothing(run_dir):
    run = schema.read_run(run_dir)
    task = next(task for task in run["tasks"] if task["unit"] == "score")
    name, metric = task["name"], task["metric"]
    for path in (run_dir / "samples").rglob(f"{name}.jsonl"):
        rows = [row | {"scores": {metric: 0.0}} for _, row in schema.read_rows(path)]
        path.unlink()
        schema.write_rows(path, rows)
    page = Page(leaderboard.write_report(run_dir).read_text())
    assert "0.00" in page.text


def test_run_without_any_row(run_dir):
    for path in (run_dir / "samples").rglob("*.jsonl"):
        path.unlink()
    page = Page(leaderboard.write_report(run_dir).read_text())
    assert "No tokenizer has a score." in page.text


def test_equal_tokenizers_share_the_lead(run_dir):
    for seed in (1, 2):
        rows = [row for _, row in schema.read_rows(schema.rows_path(run_dir, "deit", seed, "mci"))]
        schema.write_rows(schema.rows_path(run_dir, "clip", seed, "mci"), rows)
    results = load_results(run_dir)
    verdicts = judge_all(results)
    assert set(verdicts[2].leaders) == {"deit", "clip"}
    assert "score the same." in put_in_words(results, verdicts).tasks[2][1]


def test_a_tokenizer_like_the_control_is_named(run_dir):
    for seed in (1, 2):
        rows = [row for _, row in schema.read_rows(schema.rows_path(run_dir, "blind", seed, "vqa"))]
        schema.write_rows(schema.rows_path(run_dir, "mae", seed, "vqa"), rows)
    verdict = judge_all(load_results(run_dir))[0]
    assert {"blind", "random"} <= set(verdict.not_above["mae"])
    assert "deit" not in verdict.not_above


def test_lower_is_better(run_dir):
    run = schema.read_run(run_dir)
    run["tasks"][3]["higher_is_better"] = False
    schema.write_run(run_dir, run)
    assert judge_all(load_results(run_dir))[3].best in ("dino", "mae")


def test_unreadable_image_is_said(run_dir):
    for path in (run_dir / "images").glob("*.png"):
        path.write_text("not a picture")
    page = Page(leaderboard.write_report(run_dir).read_text())
    assert "image not readable (UnidentifiedImageError)" in page.text


def test_a_broken_row_leaves_the_old_report(run_dir):
    before = leaderboard.write_report(run_dir).read_text()
    schema.rows_path(run_dir, "clip", 1, "vqa").write_text("{")
    with pytest.raises(schema.SchemaError):
        leaderboard.write_report(run_dir)
    assert (run_dir / "report.html").read_text() == before


def test_terminal_table_fits_80_columns(run_dir, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    leaderboard.print_table(run_dir)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert out.count("DeiT") == 2  # one table, one headline
    assert "Captioning" in out and "…" not in out


def test_import_is_light():
    code = (
        "import sys, leaderboard, leaderboard.schema; "
        "print([m for m in ('torch', 'pandas', 'scipy', 'numpy', 'jinja2', 'matplotlib', 'gvt') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
