"""How tokenizers count: what they answer for every true count, and how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ..results import Cell
from ..variance import Estimate, influence
from . import svg

_MOST = 10  # this count and all above it are one
_SQUARE, _HEIGHT = 17, 15
_SHADES = (0.02, 0.15, 0.35, 0.6, 0.85)  # least share of each shade
_WRITTEN = 0.05  # least share whose figure stands in its square


@dataclass(frozen=True)
class Confusion:
    """Answers by true count; counts of ten and more are one.

    true, answered: the counts in order. table int[true, answered + 1]: seeds pooled, the last
    column those without a number.
    """

    true: tuple[int, ...]
    answered: tuple[int, ...]
    table: np.ndarray


def confusion(cell: Cell) -> Confusion | None:
    """Of a counting cell; None for rows from before the answered count was a score."""
    scored = ~np.isnan(cell.scores)
    said = cell.others.get("answered_count", np.full(cell.scores.shape, np.nan))
    if (np.isnan(said) & scored & ~cell.invalid).any():
        return None
    truth = np.minimum(cell.others["true_count"][scored], _MOST).astype(int)
    said = np.minimum(said[scored], _MOST)
    true = np.unique(truth)
    answered = np.arange(min(true[0], np.nanmin(said, initial=true[0])), _MOST + 1)
    answered = answered[answered <= max(true[-1], np.nanmax(said, initial=true[-1]))].astype(int)
    table = np.zeros((len(true), len(answered) + 1), dtype=int)
    column = np.where(np.isnan(said), len(answered), said - answered[0]).astype(int)
    np.add.at(table, (np.searchsorted(true, truth), column), 1)
    return Confusion(tuple(true.tolist()), tuple(answered.tolist()), table)


def errors_by_count(cell: Cell) -> dict[int, Estimate]:
    """Mean absolute error with its interval, by true count; ten and more are one."""
    truth = np.minimum(cell.others["true_count"], _MOST)
    found = {}
    for count in np.unique(truth[~np.isnan(truth)]):
        inside = np.where(truth == count, cell.others["mae"], np.nan)
        found[int(count)] = influence(inside, cell.samples.clusters).summed.estimate()
    return found


def count_name(count: int) -> str:
    """How a count is called: ``10+`` stands for itself and all above."""
    return f"{count}+" if count == _MOST else str(count)


def confusion_chart(name: str, title: str, found: Confusion, answered: Sequence[int]) -> Markup:
    """Squares shaded by the share of their row; ``answered`` is the axis all panels share."""
    left, top = 26, 4
    width = left + _SQUARE * (len(answered) + 1) + 10
    bottom = top + _HEIGHT * len(found.true)
    shades: dict[int, list[str]] = {}
    figures: dict[bool, list[str]] = {False: [], True: []}
    frames, spoken, labels = [], [], []
    for i, (count, row) in enumerate(zip(found.true, found.table, strict=True)):
        y, total = top + _HEIGHT * i, row.sum()
        labels.append(f'<tspan x="{left - 5}" y="{y + 11}">{count_name(count)}</tspan>')
        said = []
        for j, amount in enumerate(row):
            if not amount:
                continue
            none = j == len(found.answered)
            place = len(answered) if none else answered.index(found.answered[j])
            x, share = left + _SQUARE * place + (6 if none else 0), amount / total
            said.append(f"{'no number' if none else count_name(found.answered[j])} {amount}")
            shade = sum(share >= least for least in _SHADES)
            if shade:
                shades.setdefault(shade, []).append(f"M{x} {y}h{_SQUARE}v{_HEIGHT}h-{_SQUARE}z")
            if share >= _WRITTEN:
                figures[shade > 3].append(
                    f'<tspan x="{x + _SQUARE / 2}" y="{y + 11}">{100 * share:.0f}</tspan>'
                )
        if count in answered:
            x = left + _SQUARE * answered.index(count)
            frames.append(f"M{x} {y}h{_SQUARE}v{_HEIGHT}h-{_SQUARE}z")
        spoken.append(f"{count_name(count)} there: {', '.join(said)}")
    parts = [f'<path class="q{q}" d="{"".join(d)}"/>' for q, d in sorted(shades.items())]
    parts.append(f'<path class="agree" d="{"".join(frames)}"/>')
    for dark, texts in figures.items():
        if texts:
            parts.append(f'<text class="in{" dark" if dark else ""}">{"".join(texts)}</text>')
    parts.append(f'<text class="tick" text-anchor="end">{"".join(labels)}</text>')
    below = [
        f'<tspan x="{left + _SQUARE * (k + 0.5)}" y="{bottom + 12}">{count_name(count)}</tspan>'
        for k, count in enumerate(answered)
    ]
    below.append(f'<tspan x="{width - 12}" y="{bottom + 12}">none</tspan>')
    parts.append(f'<text class="tick" text-anchor="middle">{"".join(below)}</text>')
    text = "Answers by true count. " + "; ".join(spoken)
    return svg.svg(name, width, bottom + 16, f"{title}: answered counts", text, parts)


def error_chart(
    name: str, title: str, lines: Sequence[tuple[str, str, dict[int, Estimate]]]
) -> Markup:
    """Mean absolute error by true count, a line a (title, kind, errors), named at its end."""
    counts = sorted({count for *_, errors in lines for count in errors})
    width, top, gap = 440, 10, 13
    height = max(170, gap * len(lines) + 10)
    left, right, bottom = 28, width - 132, top + height
    most = max((e.mean for *_, errors in lines for e in errors.values()), default=1.0)
    ticks = svg.ticks(0.0, most or 1.0)
    step = (right - left - 16) / max(len(counts) - 1, 1)

    def point(count: int, error: float) -> tuple[float, float]:
        x = left + 8 + step * counts.index(count)
        return x, bottom - error / ticks[-1] * (bottom - top)

    parts = []
    for tick in ticks:
        y = point(counts[0], tick)[1]
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for count in counts:
        x = point(count, 0)[0]
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">'
            f"{count_name(count)}</text>"
        )
    drawn = [[point(count, e.mean) for count, e in errors.items()] for *_, errors in lines]
    places = svg.spread([points[-1][1] for points in drawn], gap, top, bottom)
    spoken, series = [], 0
    for (line, kind, errors), points, y in zip(lines, drawn, places, strict=True):
        path = " ".join(f"{x:.1f},{v:.1f}" for x, v in points)
        own = kind == "tokenizer"
        style = f"line s{series % svg.SERIES}" if own else "line control"
        parts.append(f'<polyline class="{style}" points="{path}"/>')
        end = points[-1]
        parts.append(
            f'<path class="leader" d="M{end[0] + 6:.1f} {end[1]:.1f}L{right + 6} {y:.1f}"/>'
        )
        if own:
            parts += [svg.mark(series, x, v) for x, v in points]
            parts.append(svg.mark(series, right + 14, y))
            series += 1
        label = svg.text(svg.cut(line, 18))
        parts.append(f'<text class="name {kind}" x="{right + 23}" y="{y + 4:.1f}">{label}</text>')
        values = ", ".join(f"{count_name(count)} {e.mean:.2f}" for count, e in errors.items())
        spoken.append(f"{line}: {values}")
    axis = "objects there; upwards: mean absolute error, in objects"
    parts.append(f'<text class="axis" x="{left}" y="{bottom + 32}">{axis}</text>')
    return svg.svg(
        name, width, bottom + 40, f"{title}: error by true count", "; ".join(spoken), parts
    )
