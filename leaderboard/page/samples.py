"""Sample images with the answer of every column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gallery import choose_samples

if TYPE_CHECKING:
    from .render import Page

TITLE = "Samples"


def context(page: Page) -> dict[str, Any]:
    """The chosen samples."""
    return {"gallery": choose_samples(page.results)}
