"""Every task by category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..results import Results
from ..tables import category_lines, number
from ..verdict import TaskVerdict

if TYPE_CHECKING:
    from .render import Page

TITLE = "Categories"


_MOST = 40  # rows of a table; the rest is in scores.json


def context(page: Page) -> dict[str, Any]:
    """One table a task."""
    return {"categories": [_table(page.results, verdict) for verdict in page.verdicts]}


def _table(results: Results, verdict: TaskVerdict) -> dict[str, Any]:
    task = verdict.task
    groups = results.samples[task["name"]].by_category
    rows = []
    for category in list(groups)[:_MOST]:
        constant, entries = category_lines(results, task, category)
        rows.append(
            {
                "category": category,
                "n": len(groups[category]),
                "majority": number(task, constant.mean) if constant else "",
                "answer": constant.answer if constant else "",
                "entries": entries,
            }
        )
    return {"task": task, "rows": rows, "left_out": max(0, len(groups) - _MOST)}
