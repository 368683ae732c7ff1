"""Every task on its own scale: dots and 95 % intervals, from floor to ceiling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..schema import Task
from ..tables import Line, number
from ..text import EN_DASH
from . import svg

if TYPE_CHECKING:
    from .render import Page

TITLE = "Charts"


_WIDTH, _ROW, _LABEL, _VALUE = 440, 25, 150, 48


def context(page: Page) -> dict[str, Any]:
    """One chart a task."""
    return {"charts": [score_chart(task, i, page.lines) for i, task in enumerate(page.tasks)]}


def score_chart(task: Task, index: int, lines: Sequence[Line]) -> Markup:
    """Dots and 95 % intervals of one task, one row a line of the main table.

    ``index`` is the task's place in the lines' entries. A dashed vertical marks the best control,
    the score a tokenizer has to pass. A reference that does not exist here is left out; a
    model without a score keeps its row.
    """
    lines = [line for line in lines if line.kind != "reference" or line.entries[index]]
    known = [entry for line in lines if (entry := line.entries[index])]
    values = [
        v
        for entry in known
        for v in (entry.estimate.mean, entry.estimate.low, entry.estimate.high)
        if not math.isnan(v)
    ]
    ticks = svg.ticks(min(values, default=0.0), max(values, default=1.0))
    low, high = ticks[0], ticks[-1]
    left, right = _LABEL, _WIDTH - _VALUE
    top, bottom = 8, 8 + _ROW * len(lines)

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = []
    for tick in ticks:
        parts.append(svg.vertical("grid", x(tick), top, bottom))
        label = f"{100 * tick:.0f}" if task["unit"] == "percent" else f"{tick:g}"
        parts.append(
            f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 16}" '
            f'text-anchor="middle">{label}</text>'
        )
    controls = [
        (line.entries[index].estimate.mean, line.title)
        for line in lines
        if line.kind == "control" and line.entries[index]
    ]
    bar = (max if task["higher_is_better"] else min)(controls, default=None)
    if bar:
        parts.append(svg.vertical("bar", x(bar[0]), top, bottom))
    spoken = []
    for i, line in enumerate(lines):
        y, entry = top + _ROW * (i + 0.5), line.entries[index]
        title = line.title if len(line.title) <= 21 else line.title[:20] + "…"
        parts.append(
            f'<text class="name {line.kind}" x="{left - 10}" y="{y + 4:.1f}" '
            f'text-anchor="end">{svg.text(title)}</text>'
        )
        shown = entry.value if entry else EN_DASH
        parts.append(
            f'<text class="value {line.kind}" x="{_WIDTH}" y="{y + 4:.1f}" '
            f'text-anchor="end">{shown}</text>'
        )
        if not entry:
            spoken.append(f"{line.title}: no score")
            continue
        e = entry.estimate
        if not math.isnan(e.low):
            a, b = x(e.low), x(e.high)
            ends = f"M{a:.1f} {y - 3}v6M{b:.1f} {y - 3}v6"
            parts.append(f'<path class="interval {line.kind}" d="M{a:.1f} {y}H{b:.1f}{ends}"/>')
        parts.append(_mark(line.kind, x(e.mean), y))
        spoken.append(
            f"{line.title}: {entry.value}" + (f" ({entry.interval})" if entry.interval else "")
        )
    unit = "%" if task["unit"] == "percent" else ""
    axis = f"{task['metric_title']}{', ' + unit if unit else ''}"
    if bar:
        axis += f"; dashed: {bar[1]} ({number(task, bar[0])})"
    parts.append(f'<text class="axis" x="{left}" y="{bottom + 34}">{svg.text(axis)}</text>')
    head = f"{task['title']}: {task['metric_title']} with 95 % intervals"
    return svg.svg(f"chart-{task['name']}", _WIDTH, bottom + 42, head, "; ".join(spoken), parts)


def _mark(kind: str, x: float, y: float) -> str:
    if kind == "reference":
        return f'<line class="mark {kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7}" y2="{y + 7}"/>'
    if kind == "ceiling":
        shape = f"M{x:.1f} {y - 5}L{x + 5:.1f} {y}L{x:.1f} {y + 5}L{x - 5:.1f} {y}Z"
        return f'<path class="mark {kind}" d="{shape}"/>'
    return f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y}" r="3.8"/>'
