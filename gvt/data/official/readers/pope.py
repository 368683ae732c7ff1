"""POPE: is an object there or not? Three ways of choosing the absent ones (Li et al. 2023).

Format: JSON Lines with ``question_id``, ``image`` (a file name of val2014), ``text``, ``label``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.data.official.reading import Fields, Unique, check, lines, one_of
from gvt.data.official.sources import Source

FIELDS = {"question_id": int, "image": str, "text": str, "label": str}


def records(files: dict[str, Path], _: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the lines."""
    unique = Unique("question_id")
    for where, fields in lines(files["questions"]):
        check(fields, {"question_id": int}, where)
        unique.add(fields["question_id"], where)
        yield where, fields


def row(where: str, fields: Fields, _: Source, __: str | None) -> dict[str, Any]:
    """Ask the question as it stands, as the paper asks its identification questions."""
    label = one_of(fields["label"].strip().lower(), ("yes", "no"), "label", where)
    return {
        "id": fields["question_id"],
        "image_id": fields["image"].removesuffix(".jpg"),
        "image": fields["image"],
        "text_in": fields["text"],
        "answers": [label],
        "category": "present" if label == "yes" else "absent",
        "chance": 0.5,
    }
