"""The frontier against its definition, and places in the drawing against the numbers."""

import json
import random
import re

import pytest

from leaderboard import schema
from leaderboard.page.pareto import frontier
from leaderboard.page.render import render
from leaderboard.results import load_results
from leaderboard.verdict import judge_all

SIZES = {"deit": 86_000_000, "clip": 304_000_000, "mae": 22_000_000, "dino": 86_000_000}


def dominates(one, other, less, more):
    cost = (one[0] <= other[0]) if less else (one[0] >= other[0])
    score = (one[1] >= other[1]) if more else (one[1] <= other[1])
    return cost and score and one != other


@pytest.mark.parametrize("less", [True, False])
@pytest.mark.parametrize("more", [True, False])
def test_the_frontier_is_what_nobody_dominates(less, more):
    dice = random.Random(f"{less} {more}")
    for _ in range(300):
        points = {
            f"p{i}": (dice.randint(1, 6), dice.randint(1, 6)) for i in range(dice.randint(1, 9))
        }
        wanted = {
            name
            for name, own in points.items()
            if not any(dominates(other, own, less, more) for other in points.values())
        }
        found = frontier(points, less, more)
        assert set(found) == wanted and len(found) == len(wanted)


@pytest.fixture
def priced(run_dir):
    run = schema.read_run(run_dir)
    for column in run["columns"]:
        if column["kind"] == "tokenizer":
            column["encoder_parameters"] = SIZES[column["name"]]
    schema.write_run(run_dir, run)
    return run_dir


def page_of(run_dir):
    results = load_results(run_dir)
    return render(results, judge_all(results)), results


def section(page):
    return page[page.index('<section id="pareto">') :].partition("</section>")[0]


def numbers(page):
    found = re.search(r'<script type="application/json" id="data-pareto">(.*?)</script>', page)
    return json.loads(found[1])


def value_at(place, ticks, read):
    """What stands at a place of a linear axis, by its first and last tick."""
    (first, low), (last, high) = ticks[0], ticks[-1]
    return read(low) + (place - first) / (last - first) * (read(high) - read(low))


def test_the_first_chart_says_every_number_and_who_is_dominated(priced):
    page, results = page_of(priced)
    said = re.search(r"<desc[^>]*>(.*?)</desc>", section(page))[1].split("; ")
    scores = {name: results.overall(name).mean for name in SIZES}
    best = {
        name
        for name in SIZES
        if not any(
            dominates((SIZES[o], scores[o]), (SIZES[name], scores[name]), True, True) for o in SIZES
        )
    }
    for name, text in zip(SIZES, said, strict=True):
        assert text.startswith(f"{results.title(name)}: {SIZES[name] / 1e6:.3g} M, ")
        assert f" {100 * scores[name]:.1f} (" in text
        assert text.endswith("on the frontier" if name in best else "dominated")
    assert section(page).count("mark tokenizer faint") == len(SIZES) - len(best)


def test_every_scope_is_there_for_the_script_and_in_its_place(priced):
    page, results = page_of(priced)
    data = numbers(page)
    assert list(data["charts"]) == [
        f"{scope} parameters" for scope in ("overall", "vqa", "oc", "mci", "caption")
    ]
    chart = data["charts"]["vqa parameters"]
    for name, point in zip(SIZES, chart["points"], strict=True):
        e = results.cell(name, "vqa").estimate
        for place, value in zip(point[1:4], (e.mean, e.low, e.high), strict=True):
            assert value_at(place, chart["y"], float) == pytest.approx(100 * value, abs=0.1)
    places = {name: point[0] for name, point in zip(SIZES, chart["points"], strict=True)}
    assert places["mae"] < places["deit"] == places["dino"] < places["clip"]


def test_costs_that_are_alike_or_unknown_are_said(priced):
    page, _ = page_of(priced)
    for text in (
        "No chart of encoder GFLOPs an image: about the same for all.",
        "No chart of visual tokens an image: about the same for all.",
        "No chart of images a second: about the same for all.",
    ):
        assert text in section(page)
    run = schema.read_run(priced)
    for column in run["columns"][2:5]:
        column["encoder_gflops"] = None
    schema.write_run(priced, run)
    page, _ = page_of(priced)
    assert "No chart of encoder GFLOPs an image: not known of two tokenizers." in section(page)


def test_without_any_cost_there_is_a_table_and_no_chart(run_dir):
    page, _ = page_of(run_dir)
    assert "<svg" not in section(page) and "<select" not in section(page)
    assert "data-pareto" not in page.partition("<script>")[0] and "1.23 M" in section(page)


def test_who_lacks_a_score_is_missing_from_that_chart_alone(priced):
    for seed in (1, 2):
        schema.rows_path(priced, "clip", seed, "oc").unlink()
    page, _ = page_of(priced)
    charts = numbers(page)["charts"]
    assert charts["oc parameters"]["points"][1] is None
    assert charts["vqa parameters"]["points"][1] is not None
    assert charts["overall parameters"]["points"][1] is None


def test_costs_and_scores_of_different_tokenizers_make_no_chart(run_dir):
    """Two have parameters, the other two a score on the counting task."""
    run = schema.read_run(run_dir)
    for column in run["columns"]:
        if column["kind"] == "tokenizer":
            column["encoder_parameters"] = SIZES.get(
                column["name"] * (column["name"] in "deitclip")
            )
    schema.write_run(run_dir, run)
    for name in ("deit", "clip"):
        for seed in (1, 2):
            schema.rows_path(run_dir, name, seed, "oc").unlink()
    page, _ = page_of(run_dir)
    chart = numbers(page)["charts"]["oc parameters"]
    assert chart["points"] == [None] * 4 and chart["line"] == []
    assert "no tokenizer has both" in section(page)  # all four tasks' mean lacks them, too
