"""TextVQA: questions about text in photographs, ten human answers each (Singh et al. 2019).

Format: ``TextVQA_0.5.1_val.json``; a ``data`` list.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.data.official.reading import Fields, Unique, check, listed
from gvt.data.official.sources import Source
from gvt.errors import UserError

_PEOPLE = 10
FIELDS = {"question_id": int, "image_id": str, "question": str, "answers": list}


def records(files: dict[str, Path], _: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the questions."""
    unique = Unique("question_id")
    for where, fields in listed(files["questions"], "data"):
        check(fields, {"question_id": int}, where)
        unique.add(fields["question_id"], where)
        yield where, fields


def row(where: str, fields: Fields, _: Source, __: str | None) -> dict[str, Any]:
    """``answers`` are all ten; no tokens of a text recogniser are given."""
    answers = fields["answers"]
    if len(answers) != _PEOPLE or not all(type(answer) is str for answer in answers):
        raise UserError(f"{where}: 'answers' must hold {_PEOPLE} texts")
    return {
        "id": fields["question_id"],
        "image_id": fields["image_id"],
        "image": fields["image_id"],
        "question": fields["question"],
        "answers": answers,
        "category": None,
        "chance": None,
    }
