"""How tokenizers count: what they answer for every true count, and how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ..cells import Cell
from ..variance import Estimate, influence
from . import svg
from .names import cut

_MOST = 10  # this count and all above it are one
_LEFT, _TOP = 26, 4
_WIDE, _HIGH, _GAP = 18, 16, 6  # of a square, and before the last column
_SHADES = (0.02, 0.15, 0.35, 0.6, 0.85)  # least share of each shade
_DARK = 4  # from this shade on figures are light


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
    scored = ~np.isnan(cell.scores) & ~np.isnan(cell.others["true_count"])
    said = cell.others.get("answered_count", np.full(cell.scores.shape, np.nan))
    if (np.isnan(said) & scored & ~cell.invalid).any():
        return None
    truth = _whole(cell.others["true_count"][scored]).astype(int)
    said = _whole(said[scored])
    true = np.unique(truth)
    answered = np.arange(min(true[0], np.nanmin(said, initial=true[0])), _MOST + 1)
    answered = answered[answered <= max(true[-1], np.nanmax(said, initial=true[-1]))].astype(int)
    table = np.zeros((len(true), len(answered) + 1), dtype=int)
    column = np.where(np.isnan(said), len(answered), said - answered[0]).astype(int)
    np.add.at(table, (np.searchsorted(true, truth), column), 1)
    return Confusion(tuple(true.tolist()), tuple(answered.tolist()), table)


def errors_by_count(cell: Cell) -> dict[int, Estimate]:
    """Mean absolute error with its interval, by true count; ten and more are one."""
    truth = _whole(cell.others["true_count"])
    found = {}
    for count in np.unique(truth[~np.isnan(truth)]):
        inside = np.where(truth == count, cell.others["mae"], np.nan)
        error = influence(inside, cell.samples.clusters).summed
        if error.n:
            found[int(count)] = error.estimate()
    return found


def _whole(counts: np.ndarray) -> np.ndarray:
    """Counts within the axis; NaN stays."""
    return np.clip(np.floor(counts), 0, _MOST)


def count_name(count: int) -> str:
    """How a count is called: ``10+`` stands for itself and all above."""
    return f"{count}+" if count == _MOST else str(count)


def confusion_charts(
    task: str, found: Sequence[tuple[str, str, Confusion]], written: float
) -> list[Markup]:
    """A panel a (name, title, confusion), squares shaded by the share of their row.

    All share their axes, which are drawn once. Shares from ``written`` on stand in their squares.
    """
    true = sorted({count for *_, own in found for count in own.true})
    answered = sorted({count for *_, own in found for count in own.answered})
    axes, drawn = _axes(f"counts-{task}", true, answered), []
    for name, title, own in found:
        shades, figures, spoken = _squares(own, true, answered, written)
        fills = [f'<path class="q{q}" d="{"".join(d)}"/>' for q, d in sorted(shades.items())]
        parts = [*fills, axes, *figures]
        width, height = _ends(true, answered)
        text = "Answers by true count. " + "; ".join(spoken)
        head = f"{title}: answered counts"
        drawn.append(svg.svg(f"counts-{task}-{name}", width, height, head, text, parts))
        axes = f'<use href="#{svg.text(f"counts-{task}")}"/>'
    return drawn


def _ends(true: Sequence[int], answered: Sequence[int]) -> tuple[int, int]:
    width = _LEFT + _WIDE * (len(answered) + 1) + _GAP + 6
    return width, _TOP + _HIGH * len(true) + 16


def _axes(name: str, true: Sequence[int], answered: Sequence[int]) -> str:
    """The counts along both sides, and frames around what is right."""
    frames = "".join(
        f"M{_LEFT + _WIDE * answered.index(count)} {_TOP + _HIGH * i}h{_WIDE}v{_HIGH}h-{_WIDE}z"
        for i, count in enumerate(true)
        if count in answered
    )
    width, height = _ends(true, answered)
    centre = _WIDE // 2
    down = [(_LEFT - 9, _TOP + _HIGH * i + 12, count) for i, count in enumerate(true)]
    across = [(_LEFT + _WIDE * k + centre, height - 4, c) for k, c in enumerate(answered)]
    texts = [
        f'<text class="tick mid" x="{x}" y="{y}">{text}</text>'
        for x, y, text in (
            *((x, y, count_name(count)) for x, y, count in down + across),
            (width - 6 - centre, height - 4, "none"),
        )
    ]
    return f'<g id="{svg.text(name)}"><path class="agree" d="{frames}"/>{"".join(texts)}</g>'


def _squares(
    found: Confusion, true: Sequence[int], answered: Sequence[int], written: float
) -> tuple[dict[int, list[str]], list[str], list[str]]:
    """By shade the squares, by row the figures, by row what is said."""
    shades: dict[int, list[str]] = {}
    figures, spoken = [], []
    for count, row in zip(found.true, found.table, strict=True):
        y, total, said, own = _TOP + _HIGH * true.index(count), row.sum(), [], []
        for j in np.flatnonzero(row):
            none, share = j == len(found.answered), row[j] / total
            place = len(answered) if none else answered.index(found.answered[j])
            x = _LEFT + _WIDE * place + (_GAP if none else 0)
            said.append(f"{'no number' if none else count_name(found.answered[j])} {row[j]}")
            shade = sum(share >= least for least in _SHADES)
            if shade:
                shades.setdefault(shade, []).append(f"M{x} {y + _HIGH // 2}h{_WIDE}")
            if share >= written:
                dark = ' class="dark"' if shade >= _DARK else ""
                own.append(f'<tspan{dark} x="{x + _WIDE // 2}">{100 * share:.0f}</tspan>')
        if own:
            figures.append(f'<text class="in" y="{y + 12}">{"".join(own)}</text>')
        spoken.append(f"{count_name(count)} there: {', '.join(said)}")
    return shades, figures, spoken


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
            parts.append(svg.marks(series, [*points, (right + 14, y)]))
            series += 1
        label = svg.text(cut(line, 18))
        parts.append(f'<text class="name {kind}" x="{right + 23}" y="{y + 4:.1f}">{label}</text>')
        values = ", ".join(f"{count_name(count)} {e.mean:.2f}" for count, e in errors.items())
        spoken.append(f"{line}: {values}")
    axis = "objects there; upwards: mean absolute error, in objects"
    parts.append(f'<text class="axis" x="{left}" y="{bottom + 32}">{axis}</text>')
    return svg.svg(
        name, width, bottom + 40, f"{title}: error by true count", "; ".join(spoken), parts
    )
