"""Pieces of inline SVG with text alternatives; colours come from CSS classes of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from ..text import printable


def svg(
    name: str, width: float, height: float, title: str, spoken: str, parts: list[str]
) -> Markup:
    """A drawing of ``width`` by ``height`` units; ``name`` makes ids, ``spoken`` says it all."""
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{text(name)}-t {text(name)}-d">'
        f'<title id="{text(name)}-t">{text(title)}</title>'
        f'<desc id="{text(name)}-d">{text(spoken)}</desc>{"".join(parts)}</svg>'
    )


def vertical(name: str, x: float, top: float, bottom: float) -> str:
    """An upright line of the CSS class ``name``."""
    return f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'


def ticks(low: float, high: float) -> list[float]:
    """Round numbers that cover ``low`` to ``high`` in about four steps."""
    span = (high - low) or 1.0
    if high == low:  # all alike, perhaps all zero: an axis of one unit
        high = low + span
    power = 10 ** math.floor(math.log10(span / 4))
    step = min((s * power for s in (1, 2, 2.5, 5, 10)), key=lambda s: abs(span / s - 4))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def text(value: str) -> Markup:
    """Text of a run, safe inside an element and an attribute."""
    return escape(printable(value))


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers 1, 2, 5, 10 … from at most ``low`` to at least ``high``, both above zero."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    marks = [round(m * 10.0**p, 10) for p in range(first, last + 1) for m in (1, 2, 5)]
    if last - first > 3:
        marks = [10.0**p for p in range(first, last + 1)]
    below = [m for m in marks if m <= low * (1 + 1e-9)][-1:]
    above = [m for m in marks if m >= high * (1 - 1e-9)][:1]
    return sorted({*below, *(m for m in marks if low < m < high), *above})


_SHAPES = (
    "M{l} {y}a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z",
    "M{l} {t}h6.8v6.8h-6.8z",
    "M{x} {t}l4.2 7.2h-8.4z",
    "M{x} {u}l4.8 4.8l-4.8 4.8l-4.8-4.8z",
    "M{x} {b}l-4.2-7.2h8.4z",
    "M{l} {t}l6.8 6.8m0-6.8l-6.8 6.8",
)
SERIES = len(_SHAPES)
"""How many lines of a chart differ in shape and colour."""


def marks(number: int, places: Sequence[tuple[float, float]]) -> str:
    """The marks of a chart's line ``number``: its shape in the class of its colour."""
    shape = _SHAPES[number % SERIES]
    drawn = "".join(
        shape.format(
            x=_short(x),
            y=_short(y),
            l=_short(x - 3.5),
            t=_short(y - 3.6),
            u=_short(y - 4.8),
            b=_short(y + 4),
        )
        for x, y in places
    )
    return f'<path class="series s{number % SERIES}" d="{drawn}"/>'


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels: near those wanted, ``gap`` apart, in the same order, within the bounds."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    blocks: list[list[float]] = []  # mean of places moved together, how many
    for k, i in enumerate(order):
        blocks.append([wanted[i] - k * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value, size = blocks.pop()
            blocks[-1][0] = (blocks[-1][0] * blocks[-1][1] + value * size) / (blocks[-1][1] + size)
            blocks[-1][1] += size
    start = [value for value, size in blocks for _ in range(int(size))]
    most = high - (len(wanted) - 1) * gap
    places = [0.0] * len(wanted)
    for k, (i, value) in enumerate(zip(order, start, strict=True)):
        places[i] = max(low, min(value, most)) + k * gap
    return places


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
