"""Training and held-out loss of every connector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..schema import Alignment, Column
from . import svg

if TYPE_CHECKING:
    from .render import Page

TITLE = "Alignment"


_PANEL = (210, 118)
_POINTS = 80  # a curve is thinned to about this many


def context(page: Page) -> dict[str, Any] | None:
    """One panel a column that was aligned."""
    alignment = page.results.run["alignment"]
    panels = loss_panels(alignment, page.columns)
    held_out = any(run.get("held_out") for run in alignment)
    return {"losses": panels, "held_out": held_out} if panels else None


def loss_panels(
    alignment: Sequence[Alignment], columns: Sequence[Column]
) -> list[tuple[str, str, Markup]]:
    """One (title, last loss, panel) a column: its loss by step (every seed), the others in grey.

    Its loss on held-out images, where a run has one, is dashed. All panels share both axes; the
    loss axis covers the 99 % lowest losses, so that the first steps do not flatten the rest.
    """
    runs = [run for run in alignment if run["curve"]]
    points = [p for run in runs for p in _finite([*run["curve"], *run.get("held_out", ())])]
    if not points:
        return []
    losses = sorted(p[1] for p in points)
    steps = max(p[0] for p in points) or 1
    low, high = min(0.0, losses[0]), losses[min(len(losses) - 1, int(0.99 * len(losses)))]
    width, height = _PANEL
    left, right, top, bottom = 30, width - 6, 8, height - 20

    def path(curve: Sequence[Sequence[float]]) -> str:
        curve = _finite(curve)
        thin = curve[:: -(-len(curve) // _POINTS) or 1]
        thin += curve[-1:] if thin and thin[-1] != curve[-1] else []
        return " ".join(
            f"{left + p[0] / steps * (right - left):.1f},"
            f"{max(top, bottom - (p[1] - low) / ((high - low) or 1) * (bottom - top)):.1f}"
            for p in thin
        )

    paths = [(run["column"], path(run["curve"])) for run in runs]
    ticks = [t for t in svg.ticks(low, high) if low <= t <= high]
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
        every = "".join(f'<polyline class="other" points="{line}"/>' for _, line in paths)
        # Drawn once for all panels: the curves of twenty columns in each would fill a megabyte.
        parts.append('<use href="#losses-all"/>' if panels else f'<g id="losses-all">{every}</g>')
        lines = [(line, "own") for name, line in paths if name == column["name"]]
        lines += [(path(run["held_out"]), "own held") for run in own if run.get("held_out")]
        parts += [f'<polyline class="{kind}" points="{line}"/>' for line, kind in lines]
        final = ", ".join(map(_last, own))
        title, text = f"{column['title']}: alignment loss", f"Loss after the last step: {final}"
        panel = svg.svg(f"loss-{column['name']}", width, height, title, text, parts)
        panels.append((column["title"], final, panel))
    return panels


def _finite(curve: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    return [point for point in curve if all(map(math.isfinite, point))]


def _last(run: Alignment) -> str:
    held_out = run.get("held_out")
    beside = f" (held out {held_out[-1][1]:.3f})" if held_out else ""
    return f"{run['curve'][-1][1]:.3f}{beside}"
