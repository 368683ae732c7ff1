"""Every two columns compared on every task and overall: difference, test, what could be seen."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from . import bootstrap
from .overall import OVERALL, mean_influence, overall_tasks, shared_images
from .significance import holm, sign_flip_p, student_p
from .statistics import Difference, seed_average, seed_means
from .variance import CONFIDENCE, Estimate, Mean, SeedEffect, influence, pooled, unseen

if TYPE_CHECKING:
    from .results import Cell, Results

POWER = 0.8
_SAME = 1e-12  # scores closer than this are equal
_RESAMPLED = 20  # images that differ: of fewer, the variance of a resample is mostly chance


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
    detectable: float  # smallest true difference shown with 80 % power; NaN where there is none

    @property
    def clear(self) -> bool:
        """Whether a difference is shown: the corrected p, the interval and every seed say so.

        The seeds are asked because a difference that one of three alignments turns around is no
        property of the tokenizer, and three hardly tell how large such turns are.
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
        return [c for (a, b), c in self._scope(scope).items() if {a, b} <= names]

    def _scope(self, scope: str) -> dict[tuple[str, str], Comparison]:
        if scope not in self._made:
            tokenizers = [column["name"] for column in self._results.columns("tokenizer")]
            if scope == OVERALL:
                drafts = list(_overall(self._results))
                columns = self._results.overall_means
            else:
                drafts = list(_task(self._results, scope))
                cells = {name: self._results.cell(name, scope) for name in tokenizers}
                columns = {name: cell.mean for name, cell in cells.items() if cell is not None}
            means = [columns[name] for name in tokenizers if name in columns]
            self._made[scope] = _judged(drafts, scope, set(tokenizers), pooled(means))
        return self._made[scope]


def common_seeds(a: Cell, b: Cell) -> list[int]:
    """The seeds that both have.

    A column of one seed (the ceiling, for which no connector is trained) meets every seed of the
    other.
    """
    if len(a.seeds) == 1:
        return b.seeds
    if len(b.seeds) == 1:
        return a.seeds
    return [seed for seed in a.seeds if seed in b.seeds]


def paired_scores(a: Cell, b: Cell) -> np.ndarray:
    """a - b of every common seed and sample, positive where ``a`` is better: float[S, n].

    NaN where one of the two has no score.
    """
    seeds = common_seeds(a, b)
    x, y = (
        cell.scores
        if len(cell.seeds) == 1
        else cell.scores[[cell.seeds.index(seed) for seed in seeds]]
        for cell in (a, b)
    )
    return x - y if a.task["higher_is_better"] else y - x


@dataclass(frozen=True)
class _Draft:
    """One pair before what all pairs say together enters."""

    a: str
    b: str
    mean: Mean
    per_seed: tuple[float, ...]
    tally: tuple[int, int, int]
    bounded: bool  # scores lie between 0 and 1
    paired_seeds: bool  # both have several
    test: str
    by_image: tuple[np.ndarray, np.ndarray] = field(repr=False)  # sums and sizes, float[G]


def _task(results: Results, name: str) -> Iterator[_Draft]:
    found = (results.cell(column["name"], name) for column in results.columns())
    cells = [cell for cell in found if cell is not None and cell.mean.n]
    for a, b in combinations(cells, 2):
        apart, clusters = paired_scores(a, b), a.samples.clusters
        moved = influence(apart, clusters)
        if not moved.size.any():
            continue
        test, by_image = "t", (np.zeros(0), np.zeros(0))
        if len(apart) == 1:
            sums = np.bincount(clusters, weights=np.nan_to_num(apart[0]))
            by_image = sums, moved.size.astype(float)
            if a.right_or_wrong and b.right_or_wrong:
                test = "mcnemar"
            elif a.bounds is None and np.count_nonzero(sums) >= _RESAMPLED:
                test = "bootstrap"
        yield _Draft(
            a.column["name"],
            b.column["name"],
            moved.summed,
            tuple(d for d in seed_means(apart).tolist() if not math.isnan(d)),
            _tally(apart),
            a.bounds is not None,
            min(len(a.seeds), len(b.seeds)) > 1,
            test,
            by_image,
        )


def _overall(results: Results) -> Iterator[_Draft]:
    tasks = overall_tasks(results)
    images = shared_images(results, tasks)
    for a, b in combinations(results.overall_means, 2):
        cells = [(results.cell(a, task["name"]), results.cell(b, task["name"])) for task in tasks]
        apart = [paired_scores(x, y) for x, y in cells]
        if any(np.isnan(d).all() for d in apart):
            continue
        moved = mean_influence(
            [
                (common_seeds(x, y), d, x.samples.clusters)
                for (x, y), d in zip(cells, apart, strict=True)
            ],
            images,
        )
        yield _Draft(
            a,
            b,
            moved.summed,
            tuple((moved.mean + len(moved.by_seed) * moved.by_seed).tolist()),
            tuple(int(count) for count in np.sum([_tally(d) for d in apart], axis=0)),
            True,
            all(min(len(x.seeds), len(y.seeds)) > 1 for x, y in cells),
            "t",
            (np.zeros(0), np.zeros(0)),
        )


def _judged(
    drafts: list[_Draft], scope: str, tokenizers: set[str], of_columns: SeedEffect | None
) -> dict[tuple[str, str], Comparison]:
    """Test every pair with what the seeds of all pairs say; correct for how many there are."""
    family = [i for i, draft in enumerate(drafts) if {draft.a, draft.b} <= tokenizers]
    several = [drafts[i].mean for i in family if drafts[i].paired_seeds]
    several = [mean for mean in several if mean.v_residual > 0]
    # k tokenizers have k (k - 1) / 2 differences, of which k - 1 are free
    free = (math.sqrt(8 * len(several) + 1) - 1) / 2
    degrees = free * float(np.mean([mean.seeds - 1 for mean in several] or [0]))
    of_pairs = pooled(several, degrees)
    level = (1 - CONFIDENCE) / max(len(family), 1)
    resampled = _resampled([draft for draft in drafts if draft.test == "bootstrap"])
    made = []
    for i, draft in enumerate(drafts):
        effect = of_pairs if draft.paired_seeds else of_columns
        estimate, p = _tested(draft, effect, resampled.get((draft.a, draft.b)))
        difference = Difference(estimate, draft.per_seed)
        least = _detectable(draft, effect, level if i in family else 1 - CONFIDENCE)
        made.append(
            Comparison(draft.a, draft.b, scope, difference, draft.test, p, p, *draft.tally, least)
        )
    for i, p in zip(family, holm(np.array([made[i].p for i in family])), strict=True):
        made[i] = replace(made[i], adjusted=float(p))
    return {(c.a, c.b): c for c in made}


def _resampled(drafts: list[_Draft]) -> dict[tuple[str, str], np.ndarray]:
    if not drafts:
        return {}
    sums = np.stack([draft.by_image[0] for draft in drafts], axis=1)
    sizes = np.stack([draft.by_image[1] for draft in drafts], axis=1)
    resampled = bootstrap.studentized(sums, sizes).T
    return {(draft.a, draft.b): t for draft, t in zip(drafts, resampled, strict=True)}


def _tested(
    draft: _Draft, effect: SeedEffect | None, resampled: np.ndarray | None
) -> tuple[Estimate, float]:
    """The difference with its interval, and p."""
    mean = draft.mean
    estimate = mean.estimate(effect)
    if mean.images < 2:
        return estimate, math.nan
    variance, degrees = mean.spread(effect)
    if variance == 0:
        # Every image says the same: p is that of as many equal signs.
        p = 2.0 ** (1 - mean.images) if mean.mean else 1.0
        reach = unseen(mean.images) if draft.bounded else 0.0
        low, high = mean.mean - reach * (mean.mean + 1), mean.mean + reach * (1 - mean.mean)
        return replace(estimate, low=low, high=high), p
    if draft.bounded:
        estimate = replace(estimate, low=max(estimate.low, -1.0), high=min(estimate.high, 1.0))
    if draft.test == "mcnemar":
        return estimate, sign_flip_p(np.rint(draft.by_image[0]))
    if resampled is not None:
        error = math.sqrt(variance)
        margin = bootstrap.critical(resampled) * error
        estimate = replace(estimate, low=mean.mean - margin, high=mean.mean + margin)
        return estimate, bootstrap.p_value(resampled, abs(mean.mean) / error, degrees)
    return estimate, student_p(mean.mean, variance, degrees)


def _tally(apart: np.ndarray) -> tuple[int, int, int]:
    d = seed_average(apart)
    wins, losses = int((d > _SAME).sum()), int((d < -_SAME).sum())
    return wins, int((~np.isnan(d)).sum()) - wins - losses, losses


def _detectable(draft: _Draft, effect: SeedEffect | None, level: float) -> float:
    """(t_(1 - level / 2) + t_0.8) standard errors: what a t test at the level finds that often.

    The variance is the one of which estimates are as often above as below what was found: with few
    degrees of freedom most are too small. An exact test takes one sample more, since wins minus
    losses goes in steps of two and must on average exceed the critical value by half a step. NaN
    where no difference that is possible would be shown.
    """
    from scipy.special import chdtri, stdtrit

    mean = draft.mean
    variance, degrees = mean.spread(effect)
    if mean.images < 2 or variance == 0:
        return math.nan
    reach = stdtrit(degrees, 1 - level / 2) + stdtrit(degrees, POWER)
    least = reach * math.sqrt(variance * degrees / chdtri(degrees, 0.5))
    least += 1 / mean.n if draft.test == "mcnemar" else 0.0
    return math.nan if draft.bounded and least > 1 else float(least)
