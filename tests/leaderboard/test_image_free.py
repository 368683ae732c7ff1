"""The best prediction without the image in tables, report, scores and verdicts."""

import io
import json
import re

import numpy as np
import pytest
from rich.console import Console

import leaderboard
from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.statistics import paired_difference
from leaderboard.tables import main_lines
from leaderboard.terminal import print_results
from leaderboard.verdict import judge_all
from leaderboard.wording import put_in_words


def add(run_dir, task, score):
    """Give a task of a run an audit; ``score`` is called with each row of the blind column."""
    run = schema.read_run(run_dir)
    entry = next(entry for entry in run["tasks"] if entry["name"] == task)
    entry["image_free"] = {
        "predictor": "by <noun>",
        "predictors": {"constant": 0.3, "noun": 0.4},
        "suspects": ["exis", "<b>"],
    }
    schema.write_run(run_dir, run)
    rows = [row for _, row in schema.read_rows(schema.rows_path(run_dir, "blind", 1, task))]
    done = [row | {"scores": {"acc": score(row)}, "answer": "x"} for row in rows]
    schema.write_rows(schema.audit_path(run_dir, task), done)
    return np.array([row["scores"]["acc"] for row in done])


def line(results):
    return next(
        (line for line in main_lines(results, judge_all(results)) if line.name == "image_free"),
        None,
    )


def test_an_older_run_has_no_such_row(run_dir):
    results = load_results(run_dir)
    assert line(results) is None
    leaderboard.write_report(run_dir)
    scores = json.loads((run_dir / schema.SCORES_FILE).read_text())
    assert scores["frames"]["vqa"]["image_free"] is None
    assert "Best without image" not in (run_dir / schema.REPORT_FILE).read_text()


def test_the_row_stands_behind_the_majorities(run_dir):
    own = add(run_dir, "mci", lambda row: float(row["doc_id"] % 5 > 0))
    results = load_results(run_dir)
    names = [entry.name for entry in main_lines(results, judge_all(results))]
    assert names[:4] == ["chance", "majority", "majority_by_category", "image_free"]
    entries = dict(
        zip([task["name"] for task in results.tasks], line(results).entries, strict=True)
    )
    assert [name for name, entry in entries.items() if entry] == ["mci"]
    assert entries["mci"].estimate.mean == pytest.approx(own.mean())
    assert entries["mci"].note == "by <noun>"
    assert entries["mci"].interval
    assert [column["name"] for column in results.columns()].count("image_free") == 0


def test_report_terminal_and_scores_show_it(run_dir):
    own = add(run_dir, "mci", lambda row: float(row["doc_id"] % 5 > 0))
    page = leaderboard.write_report(run_dir).read_text()
    row = re.search(r'<th scope="row">Best without image</th>(.*?)</tr>', page, re.DOTALL)[1]
    assert f'<span class="v">{100 * own.mean():.1f}</span>' in row
    assert "by &lt;noun&gt;" in page and "“exis”" in page and "“&lt;b&gt;”" in page
    frame = json.loads((run_dir / schema.SCORES_FILE).read_text())["frames"]["mci"]["image_free"]
    assert frame["mean"] == pytest.approx(own.mean())
    assert frame["low"] < frame["mean"] < frame["high"]
    assert frame["predictor"] == "by <noun>"
    output = io.StringIO()
    print_results(load_results(run_dir), Console(file=output, width=100))
    assert re.search(rf"Best without image .*{100 * own.mean():.1f}±", output.getvalue())


def test_who_does_not_beat_it_is_marked_and_cannot_lead(run_dir):
    before = next(v for v in judge_all(load_results(run_dir)) if v.task["name"] == "mci")
    assert before.settled == ("deit",)  # it leads by far
    own = add(run_dir, "mci", lambda row: float(row["doc_id"] % 6 > 0))  # 83 %
    results = load_results(run_dir)
    verdicts = judge_all(results)
    verdict = next(v for v in verdicts if v.task["name"] == "mci")
    for name in ("deit", "clip", "mae", "dino"):
        cell = results.cell(name, "mci")
        difference = paired_difference(cell.scores, own[None], cell.samples.clusters)
        beats = difference.clear and difference.estimate.mean > 0
        assert ("image_free" in verdict.not_above.get(name, ())) is not beats
    assert "image_free" in verdict.not_above["deit"]
    assert verdict.settled == ()
    sentences = dict(put_in_words(results, verdicts).tasks)
    assert "the best prediction without the image" in sentences["Identification"]


def test_who_beats_it_is_not_marked(run_dir):
    add(run_dir, "mci", lambda row: float(row["doc_id"] % 2))
    verdict = next(v for v in judge_all(load_results(run_dir)) if v.task["name"] == "mci")
    assert "image_free" not in verdict.not_above.get("deit", ())


def test_rows_of_other_data_are_refused(run_dir):
    add(run_dir, "mci", lambda row: 1.0)
    path = schema.audit_path(run_dir, "mci")
    rows = [row for _, row in schema.read_rows(path)]
    schema.write_rows(path, [rows[0] | {"gold": ["another"]}, *rows[1:]])
    with pytest.raises(schema.SchemaError, match="not run on the same data"):
        load_results(run_dir)


def test_a_broken_summary_is_named(run_dir):
    add(run_dir, "mci", lambda row: 1.0)
    run = json.loads((run_dir / schema.RUN_FILE).read_text())
    del next(task for task in run["tasks"] if task["name"] == "mci")["image_free"]["predictor"]
    (run_dir / schema.RUN_FILE).write_text(json.dumps(run))
    with pytest.raises(schema.SchemaError, match=r"image_free.predictor' is missing"):
        load_results(run_dir)


def test_of_a_mixture_the_commonest_predictor_is_named(run_dir):
    add(run_dir, "mci", lambda row: float(row["doc_id"] % 5 > 0))
    run = schema.read_run(run_dir)
    task = next(task for task in run["tasks"] if task["name"] == "mci")
    task["image_free"]["predictor"] = "bag of words 3/5, by noun 2/5"
    schema.write_run(run_dir, run)
    page = leaderboard.write_report(run_dir).read_text()
    assert "mostly bag of words<" in page
    assert "by noun 2/5" not in page
