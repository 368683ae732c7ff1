"""What a reader needs to trust the numbers or to make them again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ..results import Results
from ..tables import display_order

if TYPE_CHECKING:
    from .render import Page

TITLE = "How this was made"


def context(page: Page) -> dict[str, Any]:
    """The command and the counts; the template reads the rest from the run itself."""
    return {"command": shlex.join(page.results.run["command"]), "counts": _counts(page.results)}


def _counts(results: Results) -> list[dict[str, Any]]:
    """Answers, failed, invalid, cut off and missing samples of every cell that should exist."""
    rows = []
    for task in results.run["tasks"]:
        for column in display_order(results):
            cell = results.cell(column["name"], task["name"])
            counts = cell.counts() if cell else None
            seeds, first = len(cell.seeds) if cell else 0, ""
            if cell and counts["failed"]:
                first = next(message for errors in cell.errors for message in errors.values())
            rows.append(
                {"task": task, "column": column, "counts": counts, "error": first, "seeds": seeds}
            )
    return rows
