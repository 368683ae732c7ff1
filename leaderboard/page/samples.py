"""Sample images with the answer of every column; a script shows, filters and searches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .gallery.document import make_document

if TYPE_CHECKING:
    from .render import Page

TITLE = "Samples"


def context(page: Page) -> dict[str, Any] | None:
    """How many samples are here, of how many, and how much they disagree; the rest is data."""
    document = make_document(page.results)
    samples, tasks = document["samples"], document["tasks"]
    if not samples:
        return None
    page.data["samples"] = document
    return {
        "chosen": len(samples["doc"]),
        "total": document["total"],
        "seed": document["seed"],
        "here": _share(sum(samples["disagree"]), len(samples["doc"])),
        "in_run": _share(sum(task["totals"][0]["disagree"] for task in tasks), document["total"]),
        "several_seeds": len(page.results.run["seeds"]) > 1,
        "scored": [task["title"] for task in tasks if task["unit"] != "percent"],
        "partly": any("p" in marks or "q" in marks for marks in samples["marks"]),
        "command": document["command"],
    }


def _share(part: int, whole: int) -> str:
    """In percent, whole numbers; one decimal below 10 %."""
    percent = 100 * part / whole
    return f"{percent:.0f}" if percent >= 10 or percent == 0 else f"{percent:.1f}"
