"""PDF figures: column width, embedded TrueType, the same bytes, points where the scores are."""

from __future__ import annotations

import re
import warnings

import matplotlib
import pytest

from leaderboard import schema
from leaderboard.export import pdf_figures


@pytest.fixture(autouse=True)
def _few_tasks(run_dir):
    """Figures are slow; two tasks have an overall score too."""
    run = schema.read_run(run_dir)
    schema.write_run(run_dir, run | {"tasks": run["tasks"][:2]})


def give_costs(run_dir):
    """DeiT costs most and MAE least."""
    run = schema.read_run(run_dir)
    costs = {"deit": 12.0, "clip": 4.0, "mae": 1.0, "dino": 4.0}
    for column in run["columns"]:
        column["encoder_gflops"] = costs.get(column["name"], column["encoder_gflops"])
    schema.write_run(run_dir, run)


def test_pages_are_a_column_wide_with_fonts_in_them(run_dir, tmp_path, make_material):
    paths = pdf_figures.export(make_material(run_dir), tmp_path)
    names = [path.name for path in paths]
    assert names == [f"scores-{n}.pdf" for n in ("vqa", "oc", "overall")]
    for path in paths:
        data = path.read_bytes()
        width, height = map(float, re.search(rb"/MediaBox \[ 0 0 (\S+) (\S+) \]", data).groups())
        assert width == pytest.approx(3.3 * 72) and height < 3.3 * 72
        assert b"/FontFile2" in data and b"/Type3" not in data
        assert b"CreationDate" not in data


def test_the_same_results_give_the_same_bytes(run_dir, tmp_path, make_material):
    give_costs(run_dir)
    first = pdf_figures.export(make_material(run_dir), tmp_path / "a")
    again = pdf_figures.export(make_material(run_dir), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert first[-1].name == "cost.pdf"


def test_points_and_intervals_are_the_estimates(run_dir, make_material):
    made = make_material(run_dir)
    with matplotlib.rc_context(pdf_figures._STYLE):
        axes = pdf_figures._score_figure(made.scopes[0], made.rows, 0).axes[0]
    drawn = [tuple(line.get_xdata()) for line in axes.lines]
    for line in made.rows:
        e = line.entries[0].estimate
        assert (100 * e.mean,) in drawn
        assert e.low != e.low or (100 * e.low, 100 * e.high) in drawn
    labels = {label.get_text(): label.get_fontweight() for label in axes.get_yticklabels()}
    assert labels == {
        line.title: "bold" if line.entries[0].leads else "normal" for line in made.rows
    }


def test_the_front_joins_whom_no_cheaper_encoder_outscores(run_dir, make_material):
    give_costs(run_dir)
    made = make_material(run_dir)
    scope, label, points = pdf_figures._costs(made)
    assert scope.name == "overall" and "GFLOPs" in label
    front = pdf_figures._front([(cost, e.mean) for _, cost, e in points], scope)
    assert [(c["name"], cost) for c, cost, _ in points] == [
        ("deit", 12.0),
        ("clip", 4.0),
        ("mae", 1.0),
        ("dino", 4.0),
    ]
    for column, cost, e in points:
        assert e.mean == made.results.overall(column["name"]).mean
        beaten = any(p[2].mean > e.mean and p[1] <= cost for p in points)
        assert ((cost, e.mean) in front) is not beaten


def test_hostile_names_are_drawn_without_a_word(hostile_dir, tmp_path, make_material):
    give_costs(hostile_dir)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = pdf_figures.export(make_material(hostile_dir), tmp_path)
    assert len(paths) == 4 and all(path.parent == tmp_path / "figures" for path in paths)


def test_costs_that_span_decades_have_plain_ticks(run_dir, make_material):
    give_costs(run_dir)
    with matplotlib.rc_context(pdf_figures._STYLE):
        figure = pdf_figures._cost_figure(make_material(run_dir))
        figure.draw_without_rendering()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    shown = [label.get_text() for label in axes.get_xticklabels()]
    inside = {text for text, at in zip(shown, axes.get_xticks(), strict=True) if low <= at <= high}
    assert axes.get_xscale() == "log" and {"1", "2", "5", "10"} <= inside
    assert [text.get_text() for text in axes.texts] == ["DeiT", "CLIP", "MAE", "DINO"]
    boxes = [text.get_window_extent() for text in axes.texts]
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
