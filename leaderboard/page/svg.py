"""Pieces of inline SVG with text alternatives; colours come from CSS classes of the page."""

from __future__ import annotations

import math

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
