"""The papers of tasks' data: entries of ``tasks/citations.bib`` by their keys, or a task's own."""

from __future__ import annotations

import functools
from typing import Any

from gvt.errors import UserError, nearest
from gvt.paths import data_dir
from leaderboard.export.bibtex import entries, key_of


@functools.cache
def citations() -> dict[str, str]:
    """All entries, key → BibTeX."""
    text = (data_dir("tasks") / "citations.bib").read_text(encoding="utf-8")
    return {key_of(entry): entry for entry in entries(text)}


def task_bibtex(citation: Any, where: str) -> list[str]:
    """The BibTeX entries that a task's ``citation:`` means: a key, a list of keys, BibTeX or None.

    Raises:
        UserError: starting with ``where``, for a key that does not exist.
    """
    found = []
    for one in citation if isinstance(citation, list) else [citation] if citation else []:
        if isinstance(one, str) and (own := entries(one)):
            found += own
        elif one in citations():
            found.append(citations()[one])
        else:
            guess = ", ".join(nearest(str(one), citations())) or ", ".join(citations())
            raise UserError(
                f"{where}: citation: no BibTeX, and '{one}' is not in citations.bib",
                f"Nearest: {guess}.",
            )
    return list(dict.fromkeys(found))
