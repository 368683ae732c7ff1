"""Texts of a run cut to what a page has room for, as every table repeats a title."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .schema import Run
from .text import shorten

_NAME = 60  # characters of a column's name behind a title that another column has as well
_TITLE, _PROSE = 200, 4000  # characters of a name, and of any other text, that are shown


def presentable(run: Run) -> Run:
    """The run with its overlong texts cut, and every title of a column its own."""
    columns = [cut(column) for column in run["columns"]]
    count = Counter(column["title"] for column in columns)
    return {
        **cut(run),
        "columns": [
            {**column, "title": f"{column['title']} ({shorten(column['name'], _NAME)})"}
            if count[column["title"]] > 1
            else column
            for column in columns
        ],
        "tasks": [cut(task) for task in run["tasks"]],
        "warnings": [shorten(warning, _PROSE) for warning in run["warnings"]],
    }


def cut(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its own overlong texts cut."""
    return {
        key: shorten(value, _TITLE if key.endswith("title") else _PROSE)
        if isinstance(value, str)
        else value
        for key, value in record.items()
    }
