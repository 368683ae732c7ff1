"""Simulated runs: what their columns score, drawn at random, as results of a run in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leaderboard.cells import Cell, Samples
from leaderboard.claims import Claim
from leaderboard.overall import OVERALL
from leaderboard.results import Results

_CREDIT = np.array([1.0, 1.0, 0.6, 0.3])  # what a right answer of a VQA question may earn


@dataclass(frozen=True)
class Design:
    """One kind of run. Effects are half-widths of uniform distributions around ``accuracy``.

    ``image``: how much easier an image is for all; ``own``: for one tokenizer; ``seed``: what an
    alignment seed does to a tokenizer's accuracy, ``wild`` times as much to the first one's;
    ``together``: to each half of the tokenizers as a whole; ``luck``: share of questions on which
    the tokenizers' luck is the same; ``kept``: on which seeds do not change it.

    Tokenizers are equally good unless the first ones, as many as a ``group``, are ``better``, or
    each is a ``step`` better than the next: by so much score. A run with a ``group`` claims that so
    many columns score above as many others.
    """

    name: str
    scores: str = "right or wrong"  # or "VQA credit", "CIDEr-D"
    tokenizers: int = 4
    seeds: int = 1
    images: int = 250
    questions: int = 2  # on one image, of one task
    tasks: int = 1  # all on the same images
    accuracy: float = 0.6
    image: float = 0.2
    own: float = 0.1
    seed: float = 0.0
    luck: float = 0.5
    kept: float = 0.6
    together: float = 0.0
    wild: float = 1.0
    group: int = 0
    better: float = 0.0
    step: float = 0.0

    @property
    def scope(self) -> str:
        """Where columns are compared."""
        return OVERALL if self.tasks > 1 else "task0"


def draw(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Scores float[tasks, tokenizers, seeds, samples] of one run and what equal ones expect."""
    d, samples = design, design.images * design.questions
    shape = (d.tasks, d.tokenizers, d.seeds, samples)

    def uniform(half: float, *size: int) -> np.ndarray:
        return rng.uniform(-half, half, size)

    skill = uniform(d.image, 1, 1, 1, d.images) + uniform(d.own, 1, d.tokenizers, 1, d.images)
    skill = d.accuracy + np.repeat(skill, d.questions, axis=-1)
    skill = _improved(skill, d) + _of_seeds(d, uniform)
    kept = rng.random((d.tasks, d.tokenizers, 1, samples))
    shared = rng.random((d.tasks, 1, 1, samples))
    own = np.where(rng.random(shape) < d.kept, kept, rng.random(shape))
    chosen = np.where(rng.random((d.tasks, 1, 1, samples)) < d.luck, shared, own)
    if d.scores == "CIDEr-D":
        # skewed as captions' scores are: most near zero, few far above the mean
        return skill * -np.log1p(-chosen), d.accuracy
    right = (chosen < skill).astype(float)
    if d.scores == "VQA credit":
        worth = rng.choice(_CREDIT, size=(d.tasks, 1, 1, samples))
        return right * worth, d.accuracy * float(_CREDIT.mean())
    return right, d.accuracy


def _improved(skill: np.ndarray, design: Design) -> np.ndarray:
    gain = design.step * np.arange(design.tokenizers)[::-1, None, None]
    gain[: max(design.group, 1)] += design.better
    if design.scores == "CIDEr-D":
        return skill + gain
    # a share of what is missing, so that no accuracy gets above one
    credit = float(_CREDIT.mean()) if design.scores == "VQA credit" else 1.0
    return skill + (1 - skill) * gain / credit / (1 - design.accuracy)


def _of_seeds(design: Design, uniform: Callable[..., np.ndarray]) -> np.ndarray:
    moved = uniform(design.seed, 1, design.tokenizers, design.seeds, 1)
    moved[:, 0] *= design.wild
    if design.together:
        halves = uniform(design.together, 1, 2, design.seeds, 1)
        moved += np.repeat(halves, design.tokenizers // 2, axis=1)
    return moved


def as_results(scores: np.ndarray, design: Design) -> Results:
    """A run in memory of scores float[tasks, tokenizers, seeds, samples]."""
    unit = "score" if design.scores == "CIDEr-D" else "percent"
    tasks = [
        {"name": f"task{t}", "title": f"task{t}", "unit": unit, "higher_is_better": True}
        for t in range(design.tasks)
    ]
    names = [f"t{k}" for k in range(design.tokenizers)]
    columns = [
        {"name": name, "title": name, "kind": "tokenizer", "tokenizer": name} for name in names
    ]
    digests = [str(i // design.questions) for i in range(scores.shape[-1])]
    samples, cells, nothing = {}, {}, np.zeros(scores.shape[2:], dtype=bool)
    for task, of_task in zip(tasks, scores, strict=True):
        shared = Samples(doc_ids=list(range(len(digests))), image_ids=digests, digests=digests)
        shared.clusters = np.arange(len(digests)) // design.questions
        samples[task["name"]] = shared
        for column, own in zip(columns, of_task, strict=True):
            seeds = list(range(design.seeds))
            cells[column["name"], task["name"]] = Cell(
                column, task, shared, seeds, own, [], [], nothing, nothing, nothing, {}
            )
    seeds = list(range(design.seeds))
    run = {"columns": columns, "tasks": tasks, "seeds": seeds, "alignment": []}
    run["config"] = {"suite": {"claims": _claims(names, design)}}
    return Results(Path(), run, samples, cells)


def _claims(names: list[str], design: Design) -> list[Claim]:
    if not design.group:
        return []
    higher, lower = names[: design.group], names[design.group : 2 * design.group]
    claim: Claim = {"name": "first above next", "statement": "", "scope": design.scope}
    return [claim | {"higher": higher, "lower": lower}]
