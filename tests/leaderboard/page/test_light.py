"""Sections stay light however many columns a run has, and still say every number."""

import random
import re

import numpy as np
import pytest

from leaderboard.page.alignment import loss_panels
from leaderboard.page.counting import Confusion, confusion_charts, error_chart
from leaderboard.variance import Estimate

MOST = 150_000  # bytes of drawings in a section


def runs(columns, seeds=1, steps=10_000):
    return [
        {
            "column": f"c{i}",
            "seed": seed,
            "curve": [[step, 3 / (1 + step / 100) + 0.01 * i] for step in range(0, steps + 1, 10)],
        }
        for i in range(columns)
        for seed in range(seeds)
    ]


def columns(count):
    return [{"name": f"c{i}", "title": f"Tokenizer {i}"} for i in range(count)]


def test_loss_curves_of_many_columns():
    panels = loss_panels(runs(23), columns(23))
    drawn = [panel for *_, panel in panels]
    assert sum(map(len, drawn)) < MOST
    assert len(re.findall('class="other"', "".join(drawn))) == 23
    assert all('<use href="#losses-all"/>' in panel for panel in drawn[1:])
    assert all(panel.count('class="own"') == 1 for panel in drawn)


def test_a_panel_tells_the_last_loss_of_every_seed():
    curves = runs(2, seeds=2)
    curves[1]["curve"][-1][1] = 0.125
    (_, final, panel), _ = loss_panels(curves, columns(2))
    assert final == f"{curves[0]['curve'][-1][1]:.3f}, 0.125"
    assert f"Loss after the last step: {final}" in panel
    assert loss_panels([], columns(2)) == []


def test_held_out_losses_are_drawn_beside_the_others():
    curves = runs(2)
    curves[1]["held_out"] = [[5_000, 2.0], [10_000, 0.5]]
    (_, without, first), (_, final, panel) = loss_panels(curves, columns(2))
    assert final == f"{curves[1]['curve'][-1][1]:.3f} (held out 0.500)"
    assert "held" not in without + first
    (points,) = re.findall('class="own held" points="([^"]+)"', panel)
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in points.split())
    assert (x1 < x2, y1 < y2) == (True, True)  # the axis of an SVG goes down


@pytest.mark.parametrize("tasks", [2])
def test_confusions_and_errors_of_many_columns(tasks):
    dice, rng = random.Random(1), np.random.default_rng(1)
    size = 0
    for task in range(tasks):
        found, lines = [], []
        for i in range(23):
            right = 200 * np.eye(9, 12, k=1) + rng.poisson(20 + 5 * i, (9, 12))
            table = Confusion(tuple(range(1, 10)), tuple(range(11)), right.astype(int))
            found.append((f"c{i}", f"Tokenizer {i}", table))
            errors = {n: Estimate(dice.random(), 0, 1, 9, 9) for n in range(1, 10)}
            lines.append((f"Tokenizer {i}", "tokenizer", errors))
        panels = confusion_charts(f"t{task}", found, 0.2)
        assert all(
            f"9 there: 0 {int(own.table[8, 0])}, 1 {int(own.table[8, 1])}" in panel
            for (*_, own), panel in zip(found, panels, strict=True)
        )
        size += sum(map(len, panels)) + len(error_chart(f"e{task}", "Counting", lines))
    assert size < 1.3 * MOST  # every square of these tables is filled, as in no real one
