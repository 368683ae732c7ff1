"""What the gallery's script reads: the chosen samples in columns, within a number of bytes."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...cells import Cell
from ...results import Results
from ...schema import Task
from ..names import short_category
from .choice import MOST_CATEGORIES, SEED, choose
from .patterns import PARTLY, Patterns, find_patterns
from .thumbnails import UnreadableError, kind, thumbnail

MOST_SAMPLES = 600
MOST_BYTES = 4_000_000
_BYTES_A_CELL = 24_000  # the share of the page of a run of C columns on T tasks is C * T times this
_LEAST_BYTES = 200_000
_LONGEST = 400  # characters of a text that are shown
_MOST_GOLD = 5  # different gold answers that are shown


def make_document(results: Results, seed: int = SEED) -> dict[str, Any]:
    """Choose samples until there are enough or their texts and images fill the gallery's share.

    ``texts`` is a table of all texts: a string, or a list of its start and the number of characters
    left out. ``images`` is one of images: base64, or a list of one reason why there is none. The
    lists of ``samples`` have one entry a sample, in the order in which they were chosen; what they
    hold is indices into those tables, into ``tasks`` and into the task's ``categories``. ``totals``
    of a task are counts over the whole run: of the task, then of each category.
    """
    columns = results.columns("tokenizer") + results.columns("control", "ceiling")
    patterns = {task["name"]: find_patterns(results, task, columns) for task in results.tasks}
    tasks = [_task(results, task, patterns[task["name"]]) for task in results.tasks]
    tables = _Tables()
    document = {
        "seed": seed,
        "total": sum(len(results.samples[task["name"]]) for task in results.tasks),
        "command": _command(results),
        "kind": kind(),
        "columns": [{key: c[key] for key in ("name", "title", "kind")} for c in columns],
        "tasks": tasks,
        "texts": tables.texts,
        "images": tables.images,
    }
    share = min(MOST_BYTES, max(_LEAST_BYTES, _BYTES_A_CELL * len(columns) * len(tasks)))
    left = share - _bytes(document)
    places = {task["name"]: place for place, task in enumerate(results.tasks)}
    rows: list[dict[str, Any]] = []
    for task, i in choose(results, patterns, seed):
        if len(rows) == MOST_SAMPLES or left <= tables.bytes:
            break
        cells = [results.cell(column["name"], task["name"]) for column in columns]
        place, found = places[task["name"]], patterns[task["name"]]
        row = {"task": place, "disagree": int(found.whole["disagree"][i])}
        row |= _sample(results, task, i, tables, tasks[place]["categories"])
        row |= _answers(task, cells, found.goodness[:, i], i, tables)
        left -= _bytes(row)
        rows.append(row)
    document["samples"] = {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
    return document


@dataclass
class _Tables:
    """Texts and images, each once, and the bytes they take."""

    texts: list[str | list] = field(default_factory=list)
    images: list[str | list] = field(default_factory=list)
    bytes: int = 0
    _places: dict[tuple[str, str | None], int] = field(default_factory=dict)

    def text(self, text: str) -> int:
        text = text.strip()
        return self._place(self.texts, ("text", text), lambda: _start(text))

    def image(self, path: str | None) -> int:
        return self._place(self.images, ("image", path), lambda: _image(path))

    def _place(
        self, table: list, key: tuple[str, str | None], make: Callable[[], str | list]
    ) -> int:
        if key not in self._places:
            self._places[key] = len(table)
            table.append(make())
            self.bytes += _bytes(table[-1])
        return self._places[key]


def _start(text: str) -> str | list:
    return text if len(text) <= _LONGEST else [text[:_LONGEST], len(text) - _LONGEST]


def _image(path: str | None) -> str | list:
    try:
        return thumbnail(path)
    except UnreadableError as reason:
        return [str(reason)]


def _bytes(value: Any) -> int:
    """Size in the page, where ``<``, ``>`` and ``&`` are escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "replace")) + 5 * sum(map(text.count, "<>&"))


def _command(results: Results) -> str:
    """The command that explains a sample, up to the sample's name; empty for several runs."""
    if len(results.sources) != 1:
        return ""
    return f"gvt explain {shlex.quote(results.sources[0].path.resolve().name)} --sample "


def _task(results: Results, task: Task, patterns: Patterns) -> dict[str, Any]:
    largest = dict(list(results.samples[task["name"]].by_category.items())[:MOST_CATEGORIES])
    totals = [patterns.totals(), *(patterns.totals(places) for places in largest.values())]
    keys = ("name", "title", "unit", "metric_title", "higher_is_better")
    names = [short_category(name) for name in largest]
    return {key: task[key] for key in keys} | {"categories": names, "totals": totals}


def _sample(
    results: Results, task: Task, i: int, tables: _Tables, categories: list[str]
) -> dict[str, Any]:
    """What all columns share; a category that is not in ``categories`` is added to it."""
    samples = results.samples[task["name"]]
    category = samples.categories[i]
    if category is not None and short_category(category) not in categories:
        categories.append(short_category(category))
    gold = Counter(text.strip() for text in samples.gold[i]).most_common()
    return {
        "doc": samples.doc_ids[i],
        "image": tables.image(samples.images[i]),
        "image_id": tables.text(samples.image_ids[i]),
        "category": -1 if category is None else categories.index(short_category(category)),
        "question": tables.text(samples.questions[i]),
        "gold": [[tables.text(text), count] for text, count in gold[:_MOST_GOLD]],
        "more_gold": max(0, len(gold) - _MOST_GOLD),
    }


def _answers(
    task: Task, cells: list[Cell | None], goodness: np.ndarray, i: int, tables: _Tables
) -> dict[str, Any]:
    """One entry a column: the text (-1 for none), the mark, the score where the mark does not say
    it, and what else is to be said (empty lists where nothing is)."""
    texts, marks, values, notes = [], "", [], []
    for cell, good in zip(cells, goodness, strict=True):
        mark = _mark(task, cell, float(good), i)
        text = cell.errors[0][i] if mark == "f" else (cell.answers[0][i] or "") if cell else ""
        texts.append(-1 if mark == "-" else tables.text(text))
        values.append(round(float(cell.scores[0, i]), 6) if mark in "pqs" else None)
        notes.append("" if mark == "-" else _notes(task, cell, i))
        marks += mark
    return {
        "answers": texts,
        "marks": marks,
        "values": values if any(value is not None for value in values) else [],
        "notes": notes if any(notes) else [],
    }


def _mark(task: Task, cell: Cell | None, goodness: float, i: int) -> str:
    """r(ight), p(artly, counts as right), q (partly, counts as wrong), w(rong), s(core), f(ailed)
    or - (no answer on file)."""
    if cell is not None and i in cell.errors[0]:
        return "f"
    if math.isnan(goodness):
        return "-"
    if task["unit"] != "percent":
        return "s"
    if 0 < goodness < 1:
        return "p" if goodness >= PARTLY else "q"
    return "r" if goodness >= 1 else "w"


def _notes(task: Task, cell: Cell, i: int) -> str:
    """``i`` for an answer that was not understood, ``t`` for one cut off, then, where seeds differ,
    in how many of them it is right: ``it2/3``."""
    notes = "i" * bool(cell.invalid[0, i]) + "t" * bool(cell.truncated[0, i])
    if task["unit"] == "percent":
        scores = cell.scores[:, i][~np.isnan(cell.scores[:, i])]
        right = int(((scores if task["higher_is_better"] else 1 - scores) >= PARTLY).sum())
        if 0 < right < len(scores):
            notes += f"{right}/{len(scores)}"
    return notes
