"""Points with intervals on two axes, every one named beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup

from . import svg
from .names import cut

_WIDTH, _HEIGHT = 460, 340
_LEFT, _END, _TOP, _FLOOR = 38, 448, 12, 294  # of the plotted area
_LETTER, _LINE = 6.7, 13  # size of a letter and of a line of a label
LETTERS = 22  # of a name that are shown
# Where a label may stand: offset of its start, middle or end from the point, the best first.
PLACES = [(7, -6, "start"), (7, 15, "start"), (-7, -6, "end"), (-7, 15, "end")]
PLACES += [(0, -12, "middle"), (0, 21, "middle")]
NEAR = len(PLACES)
"""Places from here on are so far from their point that a line leads there."""
PLACES += [
    (side * (10 + reach), 4 + up * (8 + reach), "start" if side > 0 else "end")
    for reach in (6, 16, 28, 42)
    for up in (-1, 1)
    for side in (1, -1)
]

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Axis:
    """Ticks in data units, how they are written, what the axis says; ``log`` for a log scale."""

    ticks: Sequence[float]
    label: Callable[[float], str]
    title: str
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies between the first and the last tick, 0 to 1."""
        low, high = self.ticks[0], self.ticks[-1]
        if self.log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        return (value - low) / ((high - low) or 1)


@dataclass(frozen=True)
class Point:
    """One column; intervals are (low, high) or None. ``faint`` ones stand back."""

    title: str
    kind: str
    x: float
    y: float
    across: tuple[float, float] | None = None
    up: tuple[float, float] | None = None
    faint: bool = False


@dataclass(frozen=True)
class Layout:
    """Where everything stands, in units of the drawing: of each point its place, its interval's
    ends (None without) and the number of its label's place."""

    places: list[tuple[float, float]]
    across: list[tuple[float, float] | None]
    up: list[tuple[float, float] | None]
    labels: list[int]


def lay_out(
    points: Sequence[Point], x: Axis, y: Axis, line: Sequence[tuple[float, float]] = ()
) -> Layout:
    """Points by their values, labels where they cover least of points, intervals and ``line``."""
    places = [(across(x, point.x), upward(y, point.y)) for point in points]
    wide = [point.across and tuple(across(x, v) for v in point.across) for point in points]
    high = [point.up and tuple(upward(y, v) for v in point.up) for point in points]
    taken: list[Box] = [(x - 5, y - 5, x + 5, y + 5) for x, y in places]
    for (px, py), flat, tall in zip(places, wide, high, strict=True):
        taken += [(flat[0], py - 1, flat[1], py + 1)] if flat else []
        taken += [(px - 1, tall[1], px + 1, tall[0])] if tall else []
    for (a, b), (c, d) in pairwise(line):
        taken.append((min(a, c) - 1, min(b, d) - 1, max(a, c) + 1, max(b, d) + 1))
    return Layout(places, wide, high, _labels(points, places, taken))


def across(axis: Axis, value: float) -> float:
    """Where a value of the horizontal axis stands."""
    return round(_LEFT + axis.share(value) * (_END - _LEFT), 1)


def upward(axis: Axis, value: float) -> float:
    """Where a value of the vertical axis stands."""
    return round(_FLOOR - axis.share(value) * (_FLOOR - _TOP), 1)


def scatter(
    name: str,
    head: str,
    spoken: str,
    points: Sequence[Point],
    x: Axis,
    y: Axis,
    line: Sequence[tuple[float, float]] = (),
) -> Markup:
    """The drawing; ``line`` are corners of a line through it, in units of the drawing."""
    parts, layout = _grid(x, y), lay_out(points, x, y, line)
    if line:
        corners = " ".join(f"{a:g},{b:g}" for a, b in line)
        parts.append(f'<polyline class="frontier" points="{corners}"/>')
    for i, point in enumerate(points):
        (px, py), style = layout.places[i], f"{point.kind}{' faint' if point.faint else ''}"
        cross = ""
        if ends := layout.across[i]:
            cross += f"M{ends[0]:g} {py:g}H{ends[1]:g}"
        if ends := layout.up[i]:
            cross += f"M{px:g} {ends[0]:g}V{ends[1]:g}"
        if cross:
            parts.append(f'<path class="interval {style}" d="{cross}"/>')
        parts.append(f'<circle class="mark {style}" cx="{px:g}" cy="{py:g}" r="4"/>')
    for i, point in enumerate(points):
        (px, py), number = layout.places[i], layout.labels[i]
        dx, dy, anchor = PLACES[number]
        if number >= NEAR:
            parts.append(f'<path class="leader" d="M{px:g} {py:g}l{dx} {dy - 4}"/>')
        style = f"{point.kind}{' faint' if point.faint else ''}"
        parts.append(
            f'<text class="name {style}" x="{px + dx:g}" y="{py + dy:g}" '
            f'text-anchor="{anchor}">{svg.text(cut(point.title, LETTERS))}</text>'
        )
    return svg.svg(name, _WIDTH, _HEIGHT, head, spoken, parts)


def axis_title(x: Axis, y: Axis) -> str:
    """What stands below the drawing."""
    return f"across: {x.title}; upwards: {y.title}"


def _grid(x: Axis, y: Axis) -> list[str]:
    texts, lines = [], []
    for tick in x.ticks:
        place = across(x, tick)
        lines.append(f"M{place:g} {_TOP}V{_FLOOR}")
        texts.append(_tick(place, _FLOOR + 16, "middle", x.label(tick)))
    for tick in y.ticks:
        place = upward(y, tick)
        lines.append(f"M{_LEFT} {place:g}H{_END}")
        texts.append(_tick(_LEFT - 6, place + 4, "end", y.label(tick)))
    axes = svg.text(axis_title(x, y))
    below = f'<text class="axis" x="{_LEFT}" y="{_FLOOR + 36}">{axes}</text>'
    return [f'<path class="grid" d="{"".join(lines)}"/>', *texts, below]


def _tick(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text class="tick" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{svg.text(text)}</text>'


def _labels(
    points: Sequence[Point], places: Sequence[tuple[float, float]], taken: list[Box]
) -> list[int]:
    """The number of each label's place, beside all that is ``taken``."""
    found = []
    for point, (x, y) in zip(points, places, strict=True):
        width = _LETTER * min(len(point.title), LETTERS)
        boxes = [_box(x + dx, y + dy, anchor, width) for dx, dy, anchor in PLACES]
        number = int(np.argmin(_hidden(np.array(boxes), np.array(taken))))
        taken.append(boxes[number])
        found.append(number)
    return found


def _hidden(boxes: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Of each box float[k, 4] the area that it shares with others; huge outside the drawing."""
    left, top, right, bottom = (boxes[:, None, side] for side in range(4))
    wide = np.minimum(right, taken[:, 2]) - np.maximum(left, taken[:, 0])
    high = np.minimum(bottom, taken[:, 3]) - np.maximum(top, taken[:, 1])
    area = (wide.clip(0) * high.clip(0)).sum(axis=1)
    outside = (left < 2) | (right > _WIDTH) | (top < 0) | (bottom > _FLOOR)
    return area + 1e6 * outside[:, 0]


def _box(x: float, y: float, anchor: str, width: float) -> Box:
    left = x - {"start": 0, "middle": 0.5, "end": 1}[anchor] * width
    return left, y - _LINE + 3, left + width, y + 3
