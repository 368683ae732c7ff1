"""Which one to use: the headline and a sentence a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..wording import put_in_words

if TYPE_CHECKING:
    from .render import Page

TITLE = ""


def context(page: Page) -> dict[str, Any]:
    """The words, and the files to submit of tasks whose answers are not public."""
    return {
        "wording": put_in_words(page.results, page.verdicts),
        "submissions": page.results.submissions,
    }
