"""Axes cover their data in round numbers, and labels neither collide nor leave the drawing."""

import math
import random
import re
from itertools import pairwise

import pytest

from leaderboard.page import scatter, svg
from leaderboard.page.charts import score_chart
from leaderboard.tables import Entry, Line
from leaderboard.variance import Estimate


def test_log_ticks_cover_and_are_round():
    dice = random.Random(3)
    for _ in range(300):
        low = 10 ** dice.uniform(-3, 10)
        high = low * 10 ** dice.uniform(0, 6)
        ticks = svg.log_ticks(low, high)
        assert ticks[0] <= low * (1 + 1e-9) and ticks[-1] >= high * (1 - 1e-9)
        assert ticks == sorted(set(ticks)) and len(ticks) <= 13
        for tick in ticks:
            assert round(tick / 10 ** math.floor(math.log10(tick) + 1e-9), 6) in (1, 2, 5)


def test_labels_are_spread_in_order_and_near():
    dice = random.Random(4)
    for _ in range(200):
        wanted = [dice.uniform(0, 100) for _ in range(dice.randint(1, 9))]
        places = svg.spread(wanted, 13, 0, 120)
        order = sorted(range(len(wanted)), key=lambda i: wanted[i])
        ordered = [places[i] for i in order]
        assert all(b - a >= 13 - 1e-9 for a, b in pairwise(ordered))
        assert min(places) >= -1e-9 and max(places) <= 120 + 1e-9
    assert svg.spread([10, 50, 90], 13, 0, 120) == [10, 50, 90]  # nothing to move
    assert svg.spread([50, 50], 10, 0, 120) == pytest.approx([45, 55])


def points(count, seed):
    dice = random.Random(seed)
    return [
        scatter.Point(f"Tokenizer {i}", "tokenizer", dice.uniform(1, 9), dice.uniform(1, 9))
        for i in range(count)
    ]


AXIS = scatter.Axis([0, 10], str, "x")


@pytest.mark.parametrize("count", [2, 8, 20])
def test_labels_of_a_scatter_do_not_cover_each_other(count):
    for seed in range(5):
        drawn = scatter.scatter("s", "head", "", points(count, seed), AXIS, AXIS)
        boxes = []
        for x, y, anchor, text in re.findall(
            r'class="name tokenizer" x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)">([^<]+)', drawn
        ):
            width = 6 * len(text)
            left = float(x) - {"start": 0, "middle": width / 2, "end": width}[anchor]
            assert left >= -1 and left + width <= 461 and 0 <= float(y) <= 300
            boxes.append((left, float(y) - 9, left + width, float(y)))
        assert len(boxes) == count
        crossed = [
            (a, b)
            for i, a in enumerate(boxes)
            for b in boxes[:i]
            if min(a[2], b[2]) > max(a[0], b[0]) and min(a[3], b[3]) > max(a[1], b[1])
        ]
        assert not crossed


def test_a_name_cannot_leave_its_element():
    evil = '"/><script>alert(1)</script>'
    drawn = scatter.scatter("s", evil, evil, [scatter.Point(evil, "tokenizer", 1, 1)], AXIS, AXIS)
    assert "<script" not in drawn and drawn.count("<title") == 1


def test_lines_differ_in_shape_as_well_as_colour():
    drawn = [svg.marks(i, [(10, 10)]) for i in range(svg.SERIES)]
    shapes = {re.search(r' d="M[\d. ]+([^"]+)"', mark)[1] for mark in drawn}
    colours = {re.search(r"series (s\d)", mark)[1] for mark in drawn}
    assert len(shapes) == len(colours) == svg.SERIES >= 6


def test_the_labels_of_a_percent_axis_are_the_places_of_its_ticks():
    estimate = Estimate(0.55, 0.505, 0.595, 100, 50)
    task = {"name": "t", "title": "T", "metric_title": "accuracy", "unit": "percent"}
    task["higher_is_better"] = True
    line = Line("a", "A", "tokenizer", (Entry(task, estimate),))
    drawn = score_chart(task, 0, [line])
    ticks = re.findall(r'class="tick" x="([\d.]+)"[^>]*>([\d.]+)<', drawn)
    steps = {round(float(b) - float(a), 6) for (_, a), (_, b) in pairwise(ticks)}
    assert len(ticks) > 3 and len(steps) == 1
