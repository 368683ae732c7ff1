"""What a reader needs to trust the numbers or to make them again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ..export.bibtex import bibliography
from ..recipes import trainings
from ..results import Results
from ..tables import display_order

if TYPE_CHECKING:
    from .render import Page

TITLE = "How this was made"

_LEVELS = {2: "Serious", 1: "Caution", 0: "Note"}


def context(page: Page) -> dict[str, Any]:
    """Warnings, commands, counts, works to cite; the template reads the rest from the run."""
    results = page.results
    works, counts = bibliography(results.run), _counts(results)
    return {
        "caveats": [(_LEVELS[caveat.level], caveat) for caveat in page.caveats],
        "sources": [(source, shlex.join(source.run["command"])) for source in results.sources],
        "joined": shlex.join(results.run["command"]),
        "counts": counts,
        "troubled": [row for row in counts if not row["counts"] or _trouble(row["counts"])],
        "llms": _llms(results),
        "bibtex": "\n\n".join(work.entry for work in works.references),
        "uncited": works.uncited,
        "recipes": {name: one.name for one in trainings(results) for name in one.columns},
        "connectors": {
            column["name"]: [a for a in results.run["alignment"] if a["column"] == column["name"]]
            for column in results.columns()
        },
    }


def _llms(results: Results) -> list[dict[str, Any]]:
    """The frozen language models of all runs, each once; none where a run tells none."""
    told = [source.run["config"].get("llm") for source in results.sources]
    known = [llm for llm in told if isinstance(llm, dict) and isinstance(llm.get("name"), str)]
    return [llm for i, llm in enumerate(known) if llm not in known[:i]]


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


def _trouble(counts: dict[str, int]) -> bool:
    return any(counts[key] for key in ("failed", "invalid", "truncated", "missing"))
