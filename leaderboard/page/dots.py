"""Dots with their intervals, one row a column: the chart that scores, rates and ranks share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from . import svg
from .names import cut

_WIDTH, _ROW, _LABEL, _VALUE = 440, 25, 180, 48
_LETTERS = 22  # what has room beside a chart, set in bold


@dataclass(frozen=True)
class Dot:
    """One row; ``value`` None: there is nothing to draw, but the row stays.

    ``shown`` stands at the row's right end, ``said`` in the text alternative. ``low`` and ``high``
    are NaN where there is no interval; ``also`` are further values, drawn small.
    """

    title: str
    kind: str
    value: float | None
    shown: str
    said: str
    low: float = math.nan
    high: float = math.nan
    also: tuple[float, ...] = ()


def dot_chart(
    name: str,
    head: str,
    dots: Sequence[Dot],
    axis: str,
    label: Callable[[float], str],
    *,
    bar: float | None = None,
    ticks: Sequence[float] = (),
) -> Markup:
    """The drawing. ``label`` writes a tick, ``bar`` is where a dashed upright line stands."""
    known = [dot for dot in dots if dot.value is not None]
    values = [v for dot in known for v in (dot.value, dot.low, dot.high, *dot.also)]
    values = [v for v in (*values, *(() if bar is None else (bar,))) if not math.isnan(v)]
    ticks = ticks or svg.ticks(min(values, default=0.0), max(values, default=1.0))
    low, high = ticks[0], ticks[-1]
    left, right = _LABEL, _WIDTH - _VALUE
    top, bottom = 8, 8 + _ROW * len(dots)

    def x(value: float) -> float:
        return left + (value - low) / ((high - low) or 1) * (right - left)

    parts = []
    for tick in ticks:
        parts.append(svg.vertical("grid", x(tick), top, bottom))
        parts.append(
            f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 16}" '
            f'text-anchor="middle">{label(tick)}</text>'
        )
    if bar is not None:
        parts.append(svg.vertical("bar", x(bar), top, bottom))
    for i, dot in enumerate(dots):
        y = top + _ROW * (i + 0.5)
        title = svg.text(cut(dot.title, _LETTERS))
        parts.append(_text("name", dot.kind, left - 10, y, title))
        parts.append(_text("value", dot.kind, _WIDTH, y, svg.text(dot.shown)))
        if dot.value is None:
            continue
        if not math.isnan(dot.low):
            a, b = x(dot.low), x(dot.high)
            ends = f"M{a:.1f} {y - 3}v6M{b:.1f} {y - 3}v6"
            parts.append(f'<path class="interval {dot.kind}" d="M{a:.1f} {y}H{b:.1f}{ends}"/>')
        small = "".join(f"M{x(value):.1f} {y + 5}v4" for value in dot.also)
        if small:
            parts.append(f'<path class="seeds" d="{small}"/>')
        parts.append(_mark(dot.kind, x(dot.value), y))
    parts.append(f'<text class="axis" x="{left}" y="{bottom + 34}">{svg.text(axis)}</text>')
    spoken = "; ".join(f"{dot.title}: {dot.said}" for dot in dots)
    return svg.svg(name, _WIDTH, bottom + 42, head, spoken, parts)


def _text(name: str, kind: str, x: float, y: float, text: Markup) -> str:
    return f'<text class="{name} {kind}" x="{x}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def _mark(kind: str, x: float, y: float) -> str:
    if kind == "reference":
        return f'<line class="mark {kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7}" y2="{y + 7}"/>'
    if kind == "ceiling":
        shape = f"M{x:.1f} {y - 5}L{x + 5:.1f} {y}L{x:.1f} {y + 5}L{x - 5:.1f} {y}Z"
        return f'<path class="mark {kind}" d="{shape}"/>'
    return f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y}" r="3.8"/>'
