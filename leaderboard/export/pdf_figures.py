"""figures/*.pdf: scores of every task and score against cost, as wide as one column of a paper.

Fonts are embedded as TrueType, which publishers ask for; shapes tell kinds apart, so that nothing
rests on colour; the same results give the same bytes.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..schema import Column
from ..tables import Line
from ..variance import Estimate
from .material import Material, Scope, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

FOLDER = "figures"

_WIDTH = 3.3  # inches
_ROW = 0.17
_STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a $ in a name is a dollar
    "text.usetex": False,
}
_INK, _GREY, _BLUE = "#1a1a1a", "#767676", "#0072b2"  # the blue of Okabe and Ito
_MARKS = {
    "reference": {"marker": "|", "color": _GREY, "markersize": 8},
    "control": {"marker": "s", "color": _GREY, "markersize": 3.5, "markerfacecolor": "white"},
    "tokenizer": {"marker": "o", "color": _BLUE, "markersize": 4},
    "ceiling": {"marker": "D", "color": _INK, "markersize": 3.5, "markerfacecolor": "white"},
}
_COSTS = {
    "encoder_gflops": ("encoder GFLOPs of one image", 1.0),
    "encoder_parameters": ("encoder parameters, millions", 1e6),
}
_APART = 1.1  # costs closer than this are about the same
# Where a label may stand beside its point, in points; the first that is free.
_PLACES = [(4, 3), (4, -8), (-4, 3), (-4, -8), (4, 10), (-4, 10), (4, -15), (-4, -15), (4, 17)]


def export(material: Material, folder: Path) -> list[Path]:
    """Write one figure a task and one of score against cost, where costs are known and differ
    by more than a tenth.
    """
    import matplotlib

    paths = []
    with matplotlib.rc_context(_STYLE):
        for i, scope in enumerate(material.scopes):
            lines = [line for line in material.rows if line.entries[i]]
            if lines:
                path = folder / FOLDER / f"scores-{scope.name}.pdf"
                paths.append(_write(path, _score_figure(scope, lines, i)))
        figure = _cost_figure(material)
        if figure is not None:
            paths.append(_write(folder / FOLDER / "cost.pdf", figure))
    return paths


def _score_figure(scope: Scope, lines: Sequence[Line], index: int) -> Figure:
    """Dots and 95 % intervals, one row a line of the main table; dashed: the best control."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, 0.55 + _ROW * len(lines)), layout="constrained")
    axes = figure.subplots()
    scale = _scale(scope)
    for row, line in enumerate(lines):
        _dot(axes, line.kind, line.entries[index].estimate, scale, row)
    controls = [
        line.entries[index].estimate.mean * scale for line in lines if line.kind == "control"
    ]
    if controls:
        best = (max if scope.task["higher_is_better"] else min)(controls)
        axes.axvline(best, color=_GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
    axes.set_yticks(range(len(lines)), [_drawn(line.title) for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        label.set_fontweight("bold" if line.entries[index].leads else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(axis="x", color="#dddddd", linewidth=0.4)
    axes.set_axisbelow(True)
    axes.set_xlabel(_label(scope))
    return figure


def _dot(axes: Axes, kind: str, e: Estimate, scale: float, row: int) -> None:
    if not math.isnan(e.low):
        ends = [e.low * scale, e.high * scale]
        axes.plot(ends, [row, row], color=_MARKS[kind]["color"], linewidth=1, zorder=2)
    axes.plot([e.mean * scale], [row], linestyle="none", zorder=3, **_MARKS[kind])


def _cost_figure(material: Material) -> Figure | None:
    """Score against the encoder's cost; the steps join those that no cheaper encoder outscores."""
    from matplotlib import ticker
    from matplotlib.figure import Figure

    found = _costs(material)
    if found is None:
        return None
    scope, label, points = found
    figure = Figure(figsize=(_WIDTH, 2.3), layout="constrained")
    axes, scale = figure.subplots(), _scale(scope)
    for _, cost, e in points:
        if not math.isnan(e.low):
            ends = [e.low * scale, e.high * scale]
            axes.plot([cost, cost], ends, color=_BLUE, linewidth=0.8, zorder=2)
        axes.plot([cost], [e.mean * scale], linestyle="none", zorder=3, **_MARKS["tokenizer"])
    front = _front([(cost, e.mean * scale) for _, cost, e in points], scope)
    axes.step(*zip(*front, strict=True), where="post", color=_GREY, linewidth=0.7, zorder=1)
    if max(cost for _, cost, _ in points) > 5 * min(cost for _, cost, _ in points):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")  # powers of ten would be formulas
        axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.margins(0.12)
    axes.set_xlabel(label)
    axes.set_ylabel(_label(scope))
    _name(figure, axes, [(_drawn(c["title"]), cost, e.mean * scale) for c, cost, e in points])
    return figure


def _costs(material: Material) -> tuple[Scope, str, list[tuple[Column, float, Estimate]]] | None:
    """The scope and the cost that tell most tokenizers apart: overall first, operations first."""
    for scope in reversed(material.scopes):
        i = material.scopes.index(scope)
        scored = [line for line in material.rows if line.kind == "tokenizer" and line.entries[i]]
        for field, (label, unit) in _COSTS.items():
            points = [
                (line.column, line.column[field] / unit, line.entries[i].estimate)
                for line in scored
                if line.column[field]
            ]
            costs = [cost for _, cost, _ in points]
            if points and max(costs) > _APART * min(costs):
                return scope, label, points
    return None


def _front(points: list[tuple[float, float]], scope: Scope) -> list[tuple[float, float]]:
    """Points that no other of at most their cost outscores, by cost."""
    sign = 1 if scope.task["higher_is_better"] else -1
    front: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * score > sign * front[-1][1]:
            front.append((cost, score))
    return front


def _name(figure: Figure, axes: Axes, points: list[tuple[str, float, float]]) -> None:
    """Write every point's name where it covers no other name; at the last place if all do."""
    figure.draw_without_rendering()
    placed = []
    for name, x, y in points:
        for place in _PLACES:
            text = _beside(axes, name, (x, y), place)
            box = text.get_window_extent()
            inside = axes.bbox.x0 - 25 <= box.x0 and box.x1 <= figure.bbox.x1
            if inside and not any(box.overlaps(other) for other in placed):
                break
            if place != _PLACES[-1]:
                text.remove()
        placed.append(box)


def _beside(
    axes: Axes, name: str, point: tuple[float, float], place: tuple[int, int]
) -> Annotation:
    side = "left" if place[0] > 0 else "right"
    return axes.annotate(
        name, point, place, textcoords="offset points", ha=side, fontsize=6, annotation_clip=False
    )


def _label(scope: Scope) -> str:
    return _drawn(f"{scope.title}: {scope.unit}")


def _drawn(text: str) -> str:
    """A name as the font can write it, with a sign for every character that it lacks."""
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    return "".join(c if ord(c) in known else "\ufffd" for c in short(text))


def _scale(scope: Scope) -> float:
    return 100.0 if scope.task["unit"] == "percent" else 1.0


def _write(path: Path, figure: Figure) -> Path:
    """The figure as a PDF without a date, whole or not at all."""
    file = io.BytesIO()
    figure.savefig(file, format="pdf", metadata={"CreationDate": None, "Creator": "gvt"})
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        temporary.write_bytes(file.getvalue())
        os.replace(temporary, path)
    return path
