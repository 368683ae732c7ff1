"""Every task on its own scale: dots and 95 % intervals, from floor to ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..schema import Task
from ..tables import Line, number
from ..text import EN_DASH
from .dots import Dot, dot_chart
from .names import cut

if TYPE_CHECKING:
    from .render import Page

TITLE = "Charts"

_LETTERS = 24  # of each name below a chart


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
    controls = [
        (line.entries[index].estimate.mean, line.title)
        for line in lines
        if line.kind == "control" and line.entries[index]
    ]
    bar = (max if task["higher_is_better"] else min)(controls, default=None)
    percent = task["unit"] == "percent"
    axis = f"{cut(task['metric_title'], _LETTERS)}{', %' if percent else ''}"
    if not task["higher_is_better"]:
        axis += ", lower is better"
    if bar:
        axis += f"; dashed: {cut(bar[1], _LETTERS)} ({number(task, bar[0])})"
    return dot_chart(
        f"chart-{task['name']}",
        f"{task['title']}: {task['metric_title']} with 95 % intervals",
        [_dot(line, index) for line in lines],
        axis,
        (lambda tick: f"{100 * tick:g}") if percent else (lambda tick: f"{tick:g}"),
        bar=bar and bar[0],
    )


def _dot(line: Line, index: int) -> Dot:
    entry = line.entries[index]
    if not entry:
        return Dot(line.title, line.kind, None, EN_DASH, "no score")
    e = entry.estimate
    said = entry.value + (f" ({entry.interval})" if entry.interval else "")
    return Dot(line.title, line.kind, e.mean, entry.value, said, e.low, e.high)
