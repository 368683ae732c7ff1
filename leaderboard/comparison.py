"""Every two columns compared on every task and overall: difference, test, what could be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from . import bootstrap
from .overall import OVERALL, mean_influence, overall_tasks, shared_images
from .significance import holm, sign_flip_p, student_p
from .statistics import CONFIDENCE, Difference, Influence, influence, seed_average

if TYPE_CHECKING:
    from .results import Cell, Results
    from .schema import Task

POWER = 0.8
_SAME = 1e-12  # scores closer than this are equal


@dataclass(frozen=True)
class Comparison:
    """a - b on one scope (a task's name, or OVERALL); positive where ``a`` is better."""

    a: str
    b: str
    scope: str
    difference: Difference
    test: str  # "mcnemar", "t" or "bootstrap": what p comes from
    p: float  # NaN where nothing can be tested
    adjusted: float  # Holm over all pairs of tokenizers of the scope; p where a control takes part
    wins: int  # samples on which a is better, seeds averaged
    ties: int
    losses: int
    detectable: float  # smallest true difference that this comparison shows with 80 % power

    @property
    def clear(self) -> bool:
        """Whether a difference is shown: p, interval and every seed say so.

        The seeds are asked too because few of them hardly estimate how much they differ.
        """
        return self.adjusted < 1 - CONFIDENCE and self.difference.clear

    def mirrored(self) -> Comparison:
        """The same comparison as b - a."""
        e = self.difference.estimate
        turned = replace(e, mean=-e.mean, low=-e.high, high=-e.low)
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=Difference(turned, tuple(-d for d in self.difference.per_seed)),
            wins=self.losses,
            losses=self.wins,
        )


class Comparisons:
    """The comparisons of one set of results, made scope by scope when asked for."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._made: dict[str, dict[tuple[str, str], Comparison]] = {}

    @cached_property
    def scopes(self) -> list[str]:
        """Task names in suite order, then OVERALL where it exists."""
        names = [task["name"] for task in self._results.tasks]
        return names + ([OVERALL] if overall_tasks(self._results) else [])

    def pair(self, a: str, b: str, scope: str) -> Comparison | None:
        """Any two columns that both have the scope; None where one has not."""
        made = self._scope(scope)
        if (b, a) in made:
            return made[b, a].mirrored()
        return made.get((a, b))

    def of(self, scope: str) -> list[Comparison]:
        """All pairs of tokenizers, a before b in display order."""
        names = {column["name"] for column in self._results.columns("tokenizer")}
        return [c for (a, b), c in self._scope(scope).items() if a in names and b in names]

    def _scope(self, scope: str) -> dict[tuple[str, str], Comparison]:
        if scope not in self._made:
            compare = (
                _Overall(self._results) if scope == OVERALL else _OneTask(self._results, scope)
            )
            self._made[scope] = _corrected(compare.pairs(), self._results)
        return self._made[scope]


class _OneTask:
    def __init__(self, results: Results, name: str) -> None:
        self.results = results
        self.task: Task = next(task for task in results.tasks if task["name"] == name)
        self.bounds = (-1.0, 1.0) if self.task["unit"] == "percent" else None

    def pairs(self) -> list[Comparison]:
        name = self.task["name"]
        cells = [
            cell
            for column in self.results.run["columns"]
            if (cell := self.results.cell(column["name"], name)) is not None and cell.estimate.n
        ]
        made = [self.compare(a, b) for a, b in combinations(cells, 2)]
        return [comparison for comparison in made if comparison is not None]

    def compare(self, a: Cell, b: Cell) -> Comparison | None:
        apart = paired_scores(a, b)
        moved = influence(apart, a.samples.clusters)
        if not moved.n:
            return None
        estimate, test = moved.estimate(self.bounds), "t"
        variance, degrees = moved.spread
        if moved.images < 2:
            p = math.nan
        elif variance == 0:
            p = 1.0 if moved.mean == 0 else 2.0 ** (1 - moved.images)
        else:
            p = student_p(moved.mean, variance, degrees)
        if len(apart) == 1 and moved.images > 1:
            sums = _image_sums(apart[0], a.samples.clusters)
            if a.right_or_wrong and b.right_or_wrong:
                test, p = "mcnemar", sign_flip_p(np.rint(sums[0]))
            elif self.task["unit"] == "score":
                test = "bootstrap"
                if variance > 0:
                    t = bootstrap.studentized(sums[0][:, None], sums[1][:, None])[:, 0]
                    p = bootstrap.p_value(t, abs(moved.mean) / math.sqrt(variance), degrees)
                    margin = bootstrap.quantile(t) * math.sqrt(variance)
                    estimate = replace(estimate, low=moved.mean - margin, high=moved.mean + margin)
        return Comparison(
            a.column["name"],
            b.column["name"],
            self.task["name"],
            Difference(estimate, _per_seed(apart)),
            test,
            p,
            p,
            *_tally(apart),
            _detectable(moved),
        )


class _Overall:
    def __init__(self, results: Results) -> None:
        self.results = results
        self.tasks = overall_tasks(results)
        self.images = shared_images(results, self.tasks)

    def pairs(self) -> list[Comparison]:
        names = [c["name"] for c in self.results.run["columns"] if self.results.overall(c["name"])]
        return [self.compare(a, b) for a, b in combinations(names, 2)]

    def compare(self, a: str, b: str) -> Comparison:
        parts, tally, seeds = [], np.zeros(3, dtype=int), []
        for task in self.tasks:
            left, right = self.results.cell(a, task["name"]), self.results.cell(b, task["name"])
            apart = paired_scores(left, right)
            parts.append(influence(apart, left.samples.clusters))
            tally += _tally(apart)
            seeds.append(_per_seed(apart))
        moved = mean_influence(parts, self.images)
        variance, degrees = moved.spread
        p = 1.0 if variance == 0 else student_p(moved.mean, variance, degrees)
        per_seed = tuple(float(d) for d in np.mean(seeds, axis=0))
        return Comparison(
            a,
            b,
            OVERALL,
            Difference(moved.estimate((-1.0, 1.0)), per_seed),
            "t",
            p,
            p,
            *(int(count) for count in tally),
            _detectable(moved),
        )


def paired_scores(a: Cell, b: Cell) -> np.ndarray:
    """a - b of every seed and sample, positive where ``a`` is better: float[S, n], NaN if missing.

    Seeds are those that both have. Who has but one (the ceiling, which no connector is trained for)
    meets every seed of the other.
    """
    x, y = a.scores, b.scores
    if len(x) > 1 and len(y) > 1:
        both = [seed for seed in a.seeds if seed in b.seeds]
        x = x[[a.seeds.index(seed) for seed in both]]
        y = y[[b.seeds.index(seed) for seed in both]]
    return x - y if a.task["higher_is_better"] else y - x


def _corrected(pairs: list[Comparison], results: Results) -> dict[tuple[str, str], Comparison]:
    names = {column["name"] for column in results.columns("tokenizer")}
    family = [i for i, c in enumerate(pairs) if c.a in names and c.b in names]
    adjusted = holm(np.array([pairs[i].p for i in family]))
    for i, p in zip(family, adjusted, strict=True):
        pairs[i] = replace(pairs[i], adjusted=float(p))
    return {(c.a, c.b): c for c in pairs}


def _image_sums(apart: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~np.isnan(apart)
    sums = np.bincount(clusters[known], weights=apart[known])
    counts = np.bincount(clusters[known]).astype(float)
    return sums[counts > 0], counts[counts > 0]


def _per_seed(apart: np.ndarray) -> tuple[float, ...]:
    return tuple(float(np.nanmean(row)) for row in apart if not np.isnan(row).all())


def _tally(apart: np.ndarray) -> tuple[int, int, int]:
    d = seed_average(apart)
    wins, losses = int((d > _SAME).sum()), int((d < -_SAME).sum())
    return wins, int((~np.isnan(d)).sum()) - wins - losses, losses


def _detectable(moved: Influence) -> float:
    """(t_0.975 + t_0.8) standard errors: what a t test finds with that power."""
    variance, degrees = moved.spread
    if moved.images < 2 or variance == 0:
        return math.nan
    reach = stdtrit(degrees, 0.5 + CONFIDENCE / 2) + stdtrit(degrees, POWER)
    return float(reach * math.sqrt(variance))
