"""Names of the run as the page has them: long ones cut."""

from __future__ import annotations

_CATEGORY = 120  # characters


def short_category(name: str) -> str:
    """What the page calls a category, in tables, links and scripts; scores.json has all of it."""
    return cut(name, _CATEGORY + 1)


def cut(name: str, letters: int) -> str:
    """A name that is short enough for its place."""
    return name if len(name) <= letters else name[: letters - 1] + "…"
