"""The main table: every column on every task, between floor and ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cost import costs

if TYPE_CHECKING:
    from .render import Page

TITLE = "Scores"


def context(page: Page) -> dict[str, Any]:
    """The lines of the table and what each column took."""
    return {"lines": page.lines, "costs": costs(page.results)}
