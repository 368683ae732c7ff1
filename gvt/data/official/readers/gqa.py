"""GQA: compositional questions made from scene graphs, one answer each (Hudson and Manning 2019).

Format: one JSON object, question id → ``question``, ``imageId``, ``answer``, ``types``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.data.official.reading import Fields, check, read_json
from gvt.data.official.sources import Source
from gvt.errors import UserError

FIELDS = {"question_id": str, "imageId": str, "question": str, "answer": str, "types": dict}


def records(files: dict[str, Path], _: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the questions."""
    path = files["questions"]
    content = read_json(path, unique_keys=True)
    if type(content) is not dict:
        raise UserError(f"{path}: expected an object, question id → question")
    for number, fields in content.items():
        where = f"{path}: question {number}"
        check(fields, {}, where)
        yield where, {**fields, "question_id": number}


def row(where: str, fields: Fields, _: Source, __: str | None) -> dict[str, Any]:
    """The category is the question's structure (query, verify, logical, choose, compare)."""
    check(fields["types"], {"structural": str}, f"{where}.types")
    return {
        "id": fields["question_id"],
        "image_id": fields["imageId"],
        "image": fields["imageId"],
        "question": fields["question"],
        "answers": [fields["answer"]],
        "category": fields["types"]["structural"],
        "chance": None,
    }
