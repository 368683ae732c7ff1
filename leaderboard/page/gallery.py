"""The sample images of the report: which ones, and every column's answer beside the gold one."""

from __future__ import annotations

import base64
import io
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..results import Cell, Results
from ..schema import Column, Task
from ..tables import display_order, number

SIZE = 20
SEED = 0
_PIXELS = 224  # longest side of a thumbnail
_LONGEST = 400  # characters of a text that are shown


@dataclass(frozen=True)
class Answer:
    """One column's answer; ``mark`` is right, wrong, partly, score, failed or missing."""

    column: Column
    text: str
    mark: str
    word: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One card of the gallery."""

    task: Task
    doc_id: int
    image_id: str
    thumbnail: str | None  # data URI
    problem: str  # why there is no thumbnail
    category: str | None
    question: str
    gold: tuple[str, ...]
    disagreement: bool
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Gallery:
    """The chosen samples, and how often tokenizers disagree in all of them (task -> share)."""

    samples: tuple[Sample, ...]
    disagreement: dict[str, float]
    seed: int


def choose_samples(results: Results, size: int = SIZE, seed: int = SEED) -> Gallery:
    """Spread ``size`` samples over the tasks, disagreements between tokenizers first.

    Within a task the samples are shuffled with ``seed``; those on which the tokenizers disagree
    come first, categories take turns, and no image is shown twice while others are left.
    """
    shares: dict[str, float] = {}
    queues: list[tuple[Task, list[int], np.ndarray]] = []
    for task in results.tasks:
        split = _disagreements(results, task)
        if len(split):
            shares[task["name"]] = float(split.mean())
        order = list(range(len(split)))
        random.Random(f"{seed} {task['name']}").shuffle(order)
        queues.append((task, _take_turns(order, results, task, split), split))
    chosen: list[tuple[Task, int, bool]] = []
    seen: set[str] = set()
    while len(chosen) < size and any(queue for _, queue, _ in queues):
        for task, queue, split in queues:
            if queue and len(chosen) < size:
                images = results.samples[task["name"]].image_ids
                fresh = next((k for k, i in enumerate(queue) if images[i] not in seen), 0)
                i = queue.pop(fresh)
                seen.add(images[i])
                chosen.append((task, i, bool(split[i])))
    chosen.sort(key=lambda item: results.tasks.index(item[0]))
    samples = tuple(_sample(results, task, i, split) for task, i, split in chosen)
    return Gallery(samples, shares, seed)


def _disagreements(results: Results, task: Task) -> np.ndarray:
    """bool[n]: right/wrong differs between tokenizers, or scores are among the quarter widest."""
    n = len(results.samples[task["name"]])
    cells = [results.cell(c["name"], task["name"]) for c in results.columns("tokenizer")]
    scores = np.array([cell.scores[0] for cell in cells if cell is not None])
    if len(scores) < 2:
        return np.zeros(n, dtype=bool)
    if task["unit"] == "percent":
        scores = np.where(np.isnan(scores), np.nan, scores >= 0.5)
    known = np.isnan(scores).sum(axis=0) <= len(scores) - 2
    spread = np.zeros(n)
    spread[known] = np.nanmax(scores[:, known], axis=0) - np.nanmin(scores[:, known], axis=0)
    if task["unit"] == "percent":
        return spread > 0
    return (spread > 0) & (spread >= np.quantile(spread, 0.75))


def _take_turns(order: list[int], results: Results, task: Task, split: np.ndarray) -> list[int]:
    """Disagreements first; within both halves one sample of each category after the other."""
    categories = results.samples[task["name"]].categories
    used: dict[tuple[bool, str | None], int] = {}
    ranked = []
    for i in order:
        key = (bool(split[i]), categories[i])
        used[key] = used.get(key, 0) + 1
        ranked.append((not split[i], used[key], len(ranked), i))
    return [i for *_, i in sorted(ranked)]


def _sample(results: Results, task: Task, i: int, disagreement: bool) -> Sample:
    samples = results.samples[task["name"]]
    thumbnail, problem = _thumbnail(results.run_dir, samples.images[i])
    answers = []
    for column in display_order(results):
        cell = results.cell(column["name"], task["name"])
        answers.append(_answer(column, cell, i))
    return Sample(
        task,
        samples.doc_ids[i],
        samples.image_ids[i],
        thumbnail,
        problem,
        samples.categories[i],
        _cut(samples.questions[i]),
        tuple(_cut(text) for text in samples.gold[i][:5]),
        disagreement,
        tuple(answers),
    )


def _answer(column: Column, cell: Cell | None, i: int) -> Answer:
    if cell is None or not cell.present[0, i]:
        return Answer(column, "", "missing", "no answer on file")
    if i in cell.errors[0]:
        return Answer(column, _cut(cell.errors[0][i]), "failed", "failed")
    score, task = float(cell.scores[0, i]), cell.task
    if task["unit"] == "score":
        mark, word = "score", number(task, score)
    elif score >= 1:
        mark, word = "right", "right"
    elif score <= 0:
        mark, word = "wrong", "wrong"
    else:
        mark, word = "partly", f"partly right, {number(task, score)} %"
    notes = []
    if cell.invalid[0, i]:
        notes.append("not understood")
    if cell.truncated[0, i]:
        notes.append("cut off")
    text = cell.answers[0][i]
    return Answer(column, _cut(text) if text else "(empty)", mark, word, tuple(notes))


def _thumbnail(run_dir: Path, image: str | None) -> tuple[str | None, str]:
    """A data URI of at most 224 px, or None and the reason."""
    if image is None:
        return None, "no image on file"
    try:
        from PIL import Image

        with Image.open(run_dir / image) as opened:
            picture = opened.convert("RGB")
    except Exception as error:  # a strange file must not cost the report
        return None, f"image not readable ({type(error).__name__})"
    picture.thumbnail((_PIXELS, _PIXELS))
    small = max(picture.size) <= 96
    buffer = io.BytesIO()
    picture.save(buffer, "PNG" if small else "JPEG", **({} if small else {"quality": 82}))
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}", ""


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
