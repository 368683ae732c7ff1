"""VQAv2: questions and, but for the test splits, ten human answers each.

Format: visualqa.org; a ``questions`` list and an ``annotations`` list, joined by ``question_id``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.data.official.reading import Fields, Unique, check, listed, one_of
from gvt.data.official.sources import Source
from gvt.errors import UserError

FIELDS = {"question_id": int, "image_id": int, "question": str}
_PEOPLE = 10
_TYPES = ("yes/no", "number", "other")
_ANNOTATION = {"question_id": int, "image_id": int, "answer_type": str, "answers": list}


def records(files: dict[str, Path], _: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the questions in their order, each with its annotation's fields and place."""
    annotations = {}
    if "annotations" in files:
        unique = Unique("question_id")
        for where, annotation in listed(files["annotations"], "annotations"):
            check(annotation, _ANNOTATION, where)
            unique.add(annotation["question_id"], where)
            annotations[annotation["question_id"]] = (where, annotation)
    unique = Unique("question_id")
    for where, question in listed(files["questions"], "questions"):
        check(question, FIELDS, where)
        unique.add(question["question_id"], where)
        if "annotations" not in files:
            yield where, question
            continue
        number = question["question_id"]
        if number not in annotations:
            raise UserError(f"{where}: question_id {number} is not in {files['annotations']}")
        place, annotation = annotations.pop(number)
        if annotation["image_id"] != question["image_id"]:
            raise UserError(
                f"{place}: image_id is {annotation['image_id']}, but"
                f" {question['image_id']} in {where}"
            )
        yield place, {**annotation, **question}
    for place, annotation in annotations.values():
        number = annotation["question_id"]
        raise UserError(f"{place}: question_id {number} is not in {files['questions']}")


def row(where: str, fields: Fields, source: Source, _: str | None) -> dict[str, Any]:
    """``answers`` are all ten; a test split has none. The category is the type of answer."""
    answers = []
    if "annotations" in source.files:
        check(fields, {"answers": list, "answer_type": str}, where)
        answers = _texts(where, fields["answers"])
        one_of(fields["answer_type"], _TYPES, "answer_type", where)
    return {
        "id": fields["question_id"],
        "question_id": fields["question_id"],
        "image_id": str(fields["image_id"]),
        "image": fields["image_id"],
        "question": fields["question"],
        "answers": answers,
        "answer_type": fields["answer_type"] if answers else None,
        "category": fields["answer_type"] if answers else None,
        "chance": None,
    }


def _texts(where: str, answers: list) -> list[str]:
    if len(answers) != _PEOPLE:
        raise UserError(f"{where}: 'answers' holds {len(answers)}, not {_PEOPLE}")
    try:
        texts = [answer["answer"] for answer in answers]
    except (KeyError, TypeError):
        texts = [None]
    if set(map(type, texts)) != {str}:
        # Two million answers are looked at one by one only where one is at fault.
        for index, answer in enumerate(answers):
            check(answer, {"answer": str}, f"{where}.answers[{index}]")
    return texts
