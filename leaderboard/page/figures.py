"""What else was measured on each task, beside its main score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..tables import figure_table

if TYPE_CHECKING:
    from .render import Page

TITLE = "Beside it"


def context(page: Page) -> dict[str, Any] | None:
    """One table a task that has such figures."""
    tables = [(task, figure_table(page.results, task)) for task in page.tasks]
    tables = [(task, table) for task, table in tables if table["rows"]]
    return {"figures": tables} if tables else None
