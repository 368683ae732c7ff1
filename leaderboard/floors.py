"""What is scored without seeing (chance, constants, the questions alone), and who beats it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from . import statistics
from .statistics import Constant
from .variance import Estimate

if TYPE_CHECKING:
    from .cells import Cell, Samples
    from .results import Results
    from .schema import Task

TITLES = {
    "majority": "the majority answer",
    "image_free": "the best prediction without the image",
}
_BOUNDS = 0.0, 1.0


class Floors:
    """The floors of one set of results, made when asked for.

    Constants are chosen with the gold answers in hand, which their intervals do not know.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._constants: dict[tuple[str, str | None], Constant | None] = {}
        self._earned: dict[str, np.ndarray] = {}

    def chance(self, task: Task) -> float:
        """Mean probability that a uniform guess is right; NaN if unknown."""
        return statistics.mean_chance(np.array(self._samples(task).chance))

    def majority(self, task: Task, category: str | None = None) -> Constant | None:
        """Best constant answer, on the whole task or one category.

        None for unbounded scores and where no constant can be scored.
        """
        if task["unit"] != "percent" or not task.get("constant", True):
            return None
        key = task["name"], category
        if key not in self._constants:
            samples = self._samples(task)
            places = range(len(samples)) if category is None else samples.by_category[category]
            self._constants[key] = statistics.best_constant([samples.gold[i] for i in places])
        return self._constants[key]

    def majority_estimate(self, task: Task) -> Estimate | None:
        """What the best constant answer scores, with its interval."""
        earned, clusters = self._majority(task), self._samples(task).clusters
        return None if earned is None else statistics.clustered_mean(earned, clusters, _BOUNDS)

    def majority_by_category(self, task: Task) -> Estimate | None:
        """What the best constant answers of the categories score together, with its interval.

        None below two categories, and where these are made of the answers.
        """
        samples = self._samples(task)
        if task.get("category_tells", False) or len(samples.by_category) < 2:
            return None
        earned = np.full(len(samples), math.nan)
        for category, places in samples.by_category.items():
            constant = self.majority(task, category)
            if constant is not None:
                earned[places] = _earned(constant, samples, places)
        if np.isnan(earned).any():
            return None
        return statistics.clustered_mean(earned, samples.clusters, _BOUNDS)

    def image_free(self, task: Task) -> Cell | None:
        """The best prediction without the image; None where the task has no audit."""
        return self._results.image_free.get(task["name"])

    def not_beaten(self, column: str, task: Task) -> list[str]:
        """The floors there are (keys of ``TITLES``) that a column is not shown to beat."""
        cell, floor = self._results.cell(column, task["name"]), self.image_free(task)
        constant = self._majority(task)
        scores = {
            "majority": None if constant is None else constant[None],
            "image_free": floor and floor.scores,
        }
        known = {name: own for name, own in scores.items() if own is not None}
        return [name for name, own in known.items() if cell and not _beats(cell, own)]

    def _samples(self, task: Task) -> Samples:
        return self._results.samples[task["name"]]

    def _majority(self, task: Task) -> np.ndarray | None:
        """float[n], what the best constant answer earns on every sample."""
        constant, name = self.majority(task), task["name"]
        if constant is None:
            return None
        if name not in self._earned:
            samples = self._samples(task)
            self._earned[name] = _earned(constant, samples, range(len(samples)))
        return self._earned[name]


def _earned(constant: Constant, samples: Samples, places: Iterable[int]) -> np.ndarray:
    return np.array([statistics.credit(constant.answer, samples.gold[i]) for i in places])


def _beats(cell: Cell, floor: np.ndarray) -> bool:
    """Whether a cell is shown to be better than scores float[1, n] of the same samples."""
    x, y = (cell.scores, floor) if cell.task["higher_is_better"] else (floor, cell.scores)
    difference = statistics.paired_difference(x, y, cell.samples.clusters, cell.seed_effect)
    return difference.clear and difference.estimate.mean > 0
