"""One paired difference between columns: what it is made of, its test, and what could be seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from . import bootstrap
from .overall import mean_influence, shared_images
from .significance import sign_flip_p, student_p
from .statistics import seed_average, seed_means
from .variance import Estimate, Mean, SeedEffect, influence, pooled, unseen

if TYPE_CHECKING:
    from .cells import Cell
    from .results import Results
    from .schema import Task

POWER = 0.8
_SAME = 1e-12  # scores closer than this are equal
_RESAMPLED = 20  # images that differ: of fewer, the variance of a resample is mostly chance


@dataclass(frozen=True)
class Draft:
    """One difference before what all of its scope say together enters."""

    mean: Mean
    per_seed: tuple[float, ...]
    tally: tuple[int, int, int]  # samples: better, equal, worse
    bounded: bool  # scores lie between 0 and 1
    paired_seeds: bool  # all columns have several
    test: str
    by_image: tuple[np.ndarray, np.ndarray] = field(repr=False)  # sums and sizes, float[G]


@dataclass(frozen=True)
class Contrasts:
    """Differences of columns on one task, or on the unweighted mean over several.

    All are mean(higher) - mean(lower) of two groups of columns, positive where the first is better;
    a pair is two groups of one. Columns are averaged before anything else, sample by sample and
    seed by seed, so that the variance of the difference is that of one paired score. Whatever the
    columns of a group share (a seed's data order, an image that is hard for all) is then in the
    scores that its variance is taken from, and need not be assumed.
    """

    results: Results
    tasks: Sequence[Task]

    def draft(self, higher: Sequence[str], lower: Sequence[str]) -> Draft | None:
        """The difference of two groups that have all tasks; None without a sample in common."""
        cells = [
            tuple(
                [self.results.cell(name, task["name"]) for name in names]
                for names in (higher, lower)
            )
            for task in self.tasks
        ]
        return _of_task(*cells[0]) if len(cells) == 1 else _of_mean(cells, self._images)

    @cached_property
    def _images(self) -> list[np.ndarray]:
        return shared_images(self.results, self.tasks)


def common_seeds(*cells: Cell) -> list[int]:
    """The seeds that all have.

    A column of one seed (the ceiling, for which no connector is trained) meets every seed of the
    others.
    """
    several = [cell.seeds for cell in cells if len(cell.seeds) > 1] or [cells[-1].seeds]
    return [seed for seed in several[0] if all(seed in own for own in several[1:])]


def paired_scores(higher: Sequence[Cell], lower: Sequence[Cell]) -> np.ndarray:
    """mean(higher) - mean(lower) of every common seed and sample: float[S, n].

    Positive where the first group is better; NaN where a column of the two has no score.
    """
    seeds = common_seeds(*higher, *lower)
    x, y = (_mean([_of_seeds(cell, seeds) for cell in cells]) for cells in (higher, lower))
    return x - y if higher[0].task["higher_is_better"] else y - x


def _of_seeds(cell: Cell, seeds: list[int]) -> np.ndarray:
    if len(cell.seeds) == 1:
        return cell.scores
    return cell.scores[[cell.seeds.index(seed) for seed in seeds]]


def _mean(scores: list[np.ndarray]) -> np.ndarray:
    return sum(scores[1:], start=scores[0]) / len(scores)


def _of_task(higher: list[Cell], lower: list[Cell]) -> Draft | None:
    cells = [*higher, *lower]
    apart, clusters = paired_scores(higher, lower), cells[0].samples.clusters
    moved = influence(apart, clusters)
    if not moved.size.any():
        return None
    bounded = cells[0].bounds is not None
    test, by_image = "t", (np.zeros(0), np.zeros(0))
    if len(apart) == 1:
        sums = np.bincount(clusters, weights=np.nan_to_num(apart[0]))
        by_image = sums, moved.size.astype(float)
        if len(cells) == 2 and all(cell.right_or_wrong for cell in cells):
            test = "mcnemar"
        elif not bounded and np.count_nonzero(sums) >= _RESAMPLED:
            test = "bootstrap"
    per_seed = tuple(d for d in seed_means(apart).tolist() if not math.isnan(d))
    several = all(len(cell.seeds) > 1 for cell in cells)
    return Draft(moved.summed, per_seed, _tally(apart), bounded, several, test, by_image)


def _of_mean(
    tasks: Sequence[tuple[list[Cell], list[Cell]]], images: Sequence[np.ndarray]
) -> Draft | None:
    apart = [paired_scores(higher, lower) for higher, lower in tasks]
    if any(np.isnan(d).all() for d in apart):
        return None
    parts = [
        (common_seeds(*higher, *lower), d, higher[0].samples.clusters)
        for (higher, lower), d in zip(tasks, apart, strict=True)
    ]
    moved = mean_influence(parts, images)
    return Draft(
        moved.summed,
        tuple((moved.mean + len(moved.by_seed) * moved.by_seed).tolist()),
        tuple(int(count) for count in np.sum([_tally(d) for d in apart], axis=0)),
        True,
        all(len(cell.seeds) > 1 for groups in tasks for cells in groups for cell in cells),
        "t",
        (np.zeros(0), np.zeros(0)),
    )


def _tally(apart: np.ndarray) -> tuple[int, int, int]:
    d = seed_average(apart)
    wins, losses = int((d > _SAME).sum()), int((d < -_SAME).sum())
    return wins, int((~np.isnan(d)).sum()) - wins - losses, losses


def seed_effect(drafts: Sequence[Draft]) -> SeedEffect | None:
    """What seeds do to a difference, as all pairs of the tokenizers of a scope tell together."""
    several = [draft.mean for draft in drafts if draft.paired_seeds]
    several = [mean for mean in several if mean.v_residual > 0]
    # k tokenizers have k (k - 1) / 2 differences, of which k - 1 are free
    free = (math.sqrt(8 * len(several) + 1) - 1) / 2
    return pooled(several, free * float(np.mean([mean.seeds - 1 for mean in several] or [0])))


def resampled(drafts: Sequence[Draft]) -> list[np.ndarray | None]:
    """The sorted |t| of the resamples of each draft of one task that the bootstrap tests."""
    places = [i for i, draft in enumerate(drafts) if draft.test == "bootstrap"]
    found: list[np.ndarray | None] = [None] * len(drafts)
    if places:
        sums, sizes = (
            np.stack([drafts[i].by_image[part] for i in places], axis=1) for part in (0, 1)
        )
        for i, t in zip(places, bootstrap.studentized(sums, sizes).T, strict=True):
            found[i] = t
    return found


def interval(mean: Mean, effect: SeedEffect | None, bounded: bool) -> Estimate:
    """A difference with Student's interval, within -1 to 1 where scores are ``bounded`` by 0 and 1.

    Where every image says the same, the interval reaches as far as others may that were not seen.
    """
    estimate = mean.estimate(effect)
    if not bounded or mean.images < 2:
        return estimate
    if estimate.low == estimate.high:
        reach = unseen(mean.images)
        low, high = mean.mean - reach * (mean.mean + 1), mean.mean + reach * (1 - mean.mean)
        return replace(estimate, low=low, high=high)
    return replace(estimate, low=max(estimate.low, -1.0), high=min(estimate.high, 1.0))


def tested(
    draft: Draft, effect: SeedEffect | None, resampled: np.ndarray | None
) -> tuple[Estimate, float]:
    """The difference with its interval, and p."""
    mean = draft.mean
    estimate = interval(mean, effect, draft.bounded)
    if mean.images < 2:
        return estimate, math.nan
    variance, degrees = mean.spread(effect)
    if variance == 0:
        # Every image says the same: p is that of as many equal signs.
        return estimate, 2.0 ** (1 - mean.images) if mean.mean else 1.0
    if draft.test == "mcnemar":
        return estimate, sign_flip_p(np.rint(draft.by_image[0]))
    if resampled is not None:
        error = math.sqrt(variance)
        margin = bootstrap.critical(resampled) * error
        estimate = replace(estimate, low=mean.mean - margin, high=mean.mean + margin)
        return estimate, bootstrap.p_value(resampled, abs(mean.mean) / error, degrees)
    return estimate, student_p(mean.mean, variance, degrees)


def detectable(draft: Draft, effect: SeedEffect | None, level: float) -> float:
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
