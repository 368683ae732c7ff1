"""Reads the rows of a task into arrays: what rows have in common is parsed and kept once.

A row as ``schema.write_rows`` writes it has two halves: what all columns say of a sample, and what
one column answers. Most halves come again, the first in every column, the second wherever an
answer is short, so a half is known by its text. A row of another form is parsed as a whole.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import schema
from .fields import shorten
from .schema import SchemaError, Task

if TYPE_CHECKING:
    from .cells import Samples

# No text of a row can look like this: its quotes would be escaped. What is nested can, and then the
# halves are no objects.
_BETWEEN = ', "answer": '
_DECODER = json.JSONDecoder()
_LONGEST = 4096  # characters of a half that is remembered
_MOST = 50_000  # second halves that are remembered: about 50 MB of captions


class _Answer(NamedTuple):
    """The second half of a row."""

    text: str | None
    scores: dict[str, float]
    invalid: bool
    truncated: bool
    chance: float
    error: str | None


@dataclass(frozen=True)
class Sheet:
    """One file's answers in its order: m rows, each at its sample's place."""

    places: np.ndarray  # int[m]
    answers: list[str | None]
    scores: dict[str, np.ndarray]  # by the score's name, float[m]; NaN where a row has none
    invalid: np.ndarray  # bool[m]
    truncated: np.ndarray  # bool[m]
    errors: dict[int, str]  # place -> message


class TaskReader:
    """Reads the files of one task, in any number, into sheets; ``samples`` grows with them."""

    def __init__(self, task: Task, samples: Samples) -> None:
        self._task, self._samples = task, samples
        self._places: dict[str, int] = {}  # by first half
        self._answers: dict[str, _Answer] = {}  # by second half
        self._texts: dict[str, str] = {}  # each once
        self._met: set[int] = set()  # places in the file that is read

    def read(self, path: Path, folder: Path) -> Sheet:
        """The rows of a file, whose images are relative to ``folder``.

        Raises SchemaError naming file and line: also where a ``doc_id`` comes twice or means
        another sample than before, and where a score is missing or out of bounds.
        """
        base = os.path.abspath(folder)
        places: list[int] = []
        answers: list[_Answer] = []
        met = self._met = set()
        for number, line in schema.read_lines(path):
            cut = line.find(_BETWEEN)
            place, answer = self._places.get(line[:cut]), self._answers.get(line[cut:])
            if place is None or answer is None:
                place, answer = self._parse(line, cut, f"{path}:{number}", base)
            if place in met:
                raise _twice(f"{path}:{number}", self._samples.doc_ids[place])
            met.add(place)
            places.append(place)
            answers.append(answer)
        return _sheet(places, answers)

    def _parse(self, line: str, cut: int, where: str, base: str) -> tuple[int, _Answer]:
        """The place and answer of a row of which a half at least is new."""
        head, tail = line[:cut], line[cut:]
        place, answer = self._places.get(head), self._answers.get(tail)
        sample = said = None
        if cut >= 0:
            sample = {} if place is not None else _half(head + "}", schema.ANSWER_FIELDS)
            said = {} if answer is not None else _half("{" + tail[2:], schema.SAMPLE_FIELDS)
        if sample is None or said is None:
            row = schema.parse_row(line, where)
            answer = self._answer(row, where)
            return self._place(row, answer, where, base), answer
        if answer is None:
            schema.validate_answer(said, where)
            answer = self._answer(said, where)
            if len(tail) <= _LONGEST and len(self._answers) < _MOST:
                self._answers[tail] = answer
        if place is None:
            schema.validate_sample(sample, where)
            place = self._place(sample, answer, where, base)
            if len(head) <= _LONGEST:
                self._places[head] = place
        return place, answer

    def _answer(self, row: dict[str, Any], where: str) -> _Answer:
        task, scores, failed = self._task, row["scores"], row["error"] is not None
        if not failed and task["unit"] != "none":
            score = scores.get(task["metric"])
            if score is None:
                known = shorten(", ".join(scores)) if scores else "none"
                raise SchemaError(f"{where}: no score {task['metric']!r} (has: {known})")
            if task["unit"] == "percent" and not 0 <= score <= 1:
                raise SchemaError(f"{where}: {task['metric']} is {score}, expected 0 to 1")
        return _Answer(
            text=self._once(row["answer"]),
            scores=scores,
            invalid=not failed and not row["valid"],
            truncated=not failed and row["truncated"],
            chance=math.nan if row["chance"] is None else float(row["chance"]),
            error=row["error"],
        )

    def _place(self, row: dict[str, Any], answer: _Answer, where: str, base: str) -> int:
        """Add the row's sample to the task's samples, or check that it is the one already there."""
        samples, image = self._samples, row["image"]
        if image is not None:
            image = self._once(os.path.join(base, image))
        place = samples.place.get(row["doc_id"])
        if place in self._met:
            raise _twice(where, row["doc_id"])
        if place is None:
            place = samples.place[row["doc_id"]] = len(samples)
            samples.doc_ids.append(row["doc_id"])
            samples.image_ids.append(self._once(row["image_id"]))
            samples.images.append(image)
            samples.digests.append(self._once(row["image_sha256"]))
            samples.categories.append(self._once(row["category"]))
            samples.questions.append(self._once(row["question"]))
            samples.gold.append([self._once(text) for text in row["gold"]])
            samples.chance.append(answer.chance)
            return place
        if samples.images[place] is None:  # the blind control may not carry the path
            samples.images[place] = image
        known = (samples.image_ids[place], samples.categories[place], samples.gold[place])
        if known != (row["image_id"], row["category"], row["gold"]):
            raise SchemaError(
                f"{where}: doc_id {row['doc_id']} has another image, category or gold answer than "
                "in a column read before; the columns were not run on the same data"
            )
        return place

    def _once(self, text: str | None) -> str | None:
        """The same text as one object."""
        return text if text is None else self._texts.setdefault(text, text)


def _twice(where: str, doc_id: int) -> SchemaError:
    return SchemaError(f"{where}: doc_id {doc_id} appears twice")


def _half(text: str, foreign: frozenset[str]) -> dict[str, Any] | None:
    """A half of a row, parsed; None where it is none, or holds fields of the other."""
    try:
        half, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return None if text[end:].strip(" \t\r\n") or not foreign.isdisjoint(half) else half


def _sheet(places: list[int], answers: list[_Answer]) -> Sheet:
    distinct = {id(answer): answer for answer in answers}
    index = {key: k for k, key in enumerate(distinct)}
    codes = np.fromiter(map(index.__getitem__, map(id, answers)), np.intp, len(answers))
    once = list(distinct.values())
    names = {name: None for answer in once for name in answer.scores}
    return Sheet(
        places=np.array(places, dtype=np.intp),
        answers=[answer.text for answer in answers],
        scores={
            name: np.array([answer.scores.get(name, math.nan) for answer in once], float)[codes]
            for name in names
        },
        invalid=np.array([answer.invalid for answer in once], bool)[codes],
        truncated=np.array([answer.truncated for answer in once], bool)[codes],
        errors={
            place: answer.error
            for place, answer in zip(places, answers, strict=True)
            if answer.error is not None
        },
    )
