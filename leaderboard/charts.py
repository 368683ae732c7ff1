"""Charts as inline SVG with text alternatives; colours come from CSS classes of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

from .schema import Alignment, Column, Task
from .tables import Line, number
from .text import EN_DASH, printable

_WIDTH, _ROW, _LABEL, _VALUE = 440, 25, 150, 48
_PANEL = (210, 118)
_POINTS = 120  # a curve is thinned to about this many


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
    ticks = _ticks(min(values, default=0.0), max(values, default=1.0))
    low, high = ticks[0], ticks[-1]
    left, right = _LABEL, _WIDTH - _VALUE
    top, bottom = 8, 8 + _ROW * len(lines)

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    parts = []
    for tick in ticks:
        parts.append(_vertical("grid", x(tick), top, bottom))
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
        parts.append(_vertical("bar", x(bar[0]), top, bottom))
    spoken = []
    for i, line in enumerate(lines):
        y, entry = top + _ROW * (i + 0.5), line.entries[index]
        title = line.title if len(line.title) <= 21 else line.title[:20] + "…"
        parts.append(
            f'<text class="name {line.kind}" x="{left - 10}" y="{y + 4:.1f}" '
            f'text-anchor="end">{_text(title)}</text>'
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
    parts.append(f'<text class="axis" x="{left}" y="{bottom + 34}">{_text(axis)}</text>')
    head = f"{task['title']}: {task['metric_title']} with 95 % intervals"
    return _svg(f"chart-{task['name']}", _WIDTH, bottom + 42, head, "; ".join(spoken), parts)


def loss_panels(
    alignment: Sequence[Alignment], columns: Sequence[Column]
) -> list[tuple[str, str, Markup]]:
    """One (title, last loss, panel) a column: its loss by step (every seed), the others in grey.

    All panels share both axes; the loss axis covers the 99 % lowest losses, so that the first steps
    do not flatten the rest.
    """
    runs = [run for run in alignment if run["curve"]]
    points = [p for run in runs for p in run["curve"] if all(map(math.isfinite, p))]
    if not points:
        return []
    losses = sorted(p[1] for p in points)
    steps = max(p[0] for p in points) or 1
    low, high = min(0.0, losses[0]), losses[min(len(losses) - 1, int(0.99 * len(losses)))]
    width, height = _PANEL
    left, right, top, bottom = 30, width - 6, 8, height - 20

    def path(run: Alignment) -> str:
        curve = [p for p in run["curve"] if all(map(math.isfinite, p))]
        thin = curve[:: max(1, len(curve) // _POINTS)]
        thin += curve[-1:] if thin and thin[-1] != curve[-1] else []
        return " ".join(
            f"{left + p[0] / steps * (right - left):.1f},"
            f"{max(top, bottom - (p[1] - low) / ((high - low) or 1) * (bottom - top)):.1f}"
            for p in thin
        )

    paths = [(run["column"], run["seed"], path(run)) for run in runs]
    ticks = [t for t in _ticks(low, high) if low <= t <= high]
    panels = []
    for column in columns:
        own = [run for run in runs if run["column"] == column["name"]]
        if not own:
            continue
        parts = []
        for tick in ticks:
            y = bottom - (tick - low) / ((high - low) or 1) * (bottom - top)
            parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                f'<text class="tick" x="{left - 5}" y="{y + 3:.1f}" '
                f'text-anchor="end">{tick:g}</text>'
            )
        parts.append(f'<text class="tick" x="{left}" y="{height - 4}">0</text>')
        parts.append(
            f'<text class="tick" x="{right}" y="{height - 4}" '
            f'text-anchor="end">{steps:,.0f} steps</text>'
        )
        for name, _, line in paths:
            if name != column["name"]:
                parts.append(f'<polyline class="other" points="{line}"/>')
        for name, _, line in paths:
            if name == column["name"]:
                parts.append(f'<polyline class="own" points="{line}"/>')
        final = ", ".join(f"{run['curve'][-1][1]:.3f}" for run in own)
        title, text = f"{column['title']}: alignment loss", f"Loss after the last step: {final}"
        panel = _svg(f"loss-{column['name']}", width, height, title, text, parts)
        panels.append((column["title"], final, panel))
    return panels


def _vertical(name: str, x: float, top: float, bottom: float) -> str:
    return f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>'


def _mark(kind: str, x: float, y: float) -> str:
    if kind == "reference":
        return f'<line class="mark {kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7}" y2="{y + 7}"/>'
    if kind == "ceiling":
        shape = f"M{x:.1f} {y - 5}L{x + 5:.1f} {y}L{x:.1f} {y + 5}L{x - 5:.1f} {y}Z"
        return f'<path class="mark {kind}" d="{shape}"/>'
    return f'<circle class="mark {kind}" cx="{x:.1f}" cy="{y}" r="3.8"/>'


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers that cover ``low`` to ``high`` in about four steps."""
    span = (high - low) or 1.0
    if high == low:  # all alike, perhaps all zero: an axis of one unit
        high = low + span
    power = 10 ** math.floor(math.log10(span / 4))
    step = min((s * power for s in (1, 2, 2.5, 5, 10)), key=lambda s: abs(span / s - 4))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _svg(name: str, width: float, height: float, title: str, text: str, parts: list[str]) -> Markup:
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" '
        f'aria-labelledby="{_text(name)}-t {_text(name)}-d">'
        f'<title id="{_text(name)}-t">{_text(title)}</title>'
        f'<desc id="{_text(name)}-d">{_text(text)}</desc>{"".join(parts)}</svg>'
    )


def _text(value: str) -> Markup:
    return escape(printable(value))
