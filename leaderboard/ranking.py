"""The rank of every tokenizer, with an interval that leaves open what the tests leave open."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from . import bootstrap
from .overall import OVERALL, overall_tasks, shared_images
from .statistics import seed_average
from .variance import CONFIDENCE, Mean, pooled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .comparison import Comparison
    from .results import Results
    from .schema import Task

_DIGITS = 10  # means that agree in so many are equal


@dataclass(frozen=True)
class Rank:
    """A place, 1 the best; equal means share the better one."""

    rank: int
    low: int  # 95 % interval
    high: int
    first: float  # share of resamples in which it is first; ties split it


def ranks(results: Results, scope: str) -> dict[str, Rank]:
    """The ranks of the tokenizers that have the scope.

    Images are resampled, for all tokenizers the same. Three seeds are too few to draw from (their
    resamples vary by 2 / 3 of what seeds do, and take three values): every mean is moved instead
    by a normal number with the variance that seeds add to it. Of one image nothing tells how sure
    a rank is: it may be any.

    A bootstrap interval is one rank's alone, and of many tokenizers some seem apart by chance. So
    it is widened to what the corrected comparisons leave open, the ranks from behind all that are
    shown to be ahead to before all that are shown to be behind: those hold the ranks of all
    tokenizers together (Mogstad, Romano, Shaikh & Wilhelm 2024).
    """
    if scope == OVERALL:
        tasks, means = overall_tasks(results), results.overall_means
    else:
        tasks = [task for task in results.tasks if task["name"] == scope]
        cells = {name: cell for (name, task), cell in results.cells.items() if task == scope}
        means = {name: cell.mean for name, cell in cells.items() if cell.mean.n}
    names = [column["name"] for column in results.columns("tokenizer") if column["name"] in means]
    if not names:
        return {}
    observed, resampled = _resampled_means(results, tasks, names)
    resampled += _seed_noise([means[name] for name in names], len(resampled))
    placed = _placed(names, np.round(observed, _DIGITS), np.round(resampled, _DIGITS))
    if all(means[name].images < 2 for name in names):
        return {name: Rank(own.rank, 1, len(names), 1 / len(names)) for name, own in placed.items()}
    return _widened(placed, results.comparisons.of(scope))


def _widened(placed: dict[str, Rank], comparisons: Sequence[Comparison]) -> dict[str, Rank]:
    shown = [
        (c.a, c.b) if c.difference.estimate.mean > 0 else (c.b, c.a) for c in comparisons if c.clear
    ]
    ahead, behind = Counter(worse for _, worse in shown), Counter(better for better, _ in shown)
    return {
        name: replace(
            own,
            low=min(own.low, 1 + ahead[name]),
            high=max(own.high, len(placed) - behind[name]),
        )
        for name, own in placed.items()
    }


def _resampled_means(
    results: Results, tasks: Sequence[Task], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The means over the tasks, higher is better: observed float[k], resampled float[B, k]."""
    images = shared_images(results, tasks)
    parts, observed = [], np.zeros(len(names))
    for task, numbers in zip(tasks, images, strict=True):
        clusters = results.samples[task["name"]].clusters
        x = np.stack([seed_average(results.cell(name, task["name"]).scores) for name in names])
        known = ~np.isnan(x)
        x = np.where(known, x if task["higher_is_better"] else -x, 0)
        sums = np.stack([np.bincount(clusters, weights=row) for row in x], axis=1)
        sizes = np.stack([np.bincount(clusters, weights=row) for row in known], axis=1)
        plain = sums.sum(axis=0) / sizes.sum(axis=0)
        observed += plain / len(tasks)
        parts.append((numbers, sums, sizes, plain))
    blocks = []
    for w in bootstrap.weights(1 + max(int(numbers.max()) for numbers in images)):
        means = np.zeros((len(w), len(names)))
        for numbers, sums, sizes, plain in parts:
            own = w[:, numbers]
            size = own @ sizes
            means += np.where(size > 0, (own @ sums) / np.maximum(size, 1), plain) / len(tasks)
        blocks.append(means)
    return observed, np.concatenate(blocks)


def _seed_noise(means: Sequence[Mean], resamples: int) -> np.ndarray:
    effect = pooled(means)
    spread = [math.sqrt(max(mean.spread(effect)[0] - mean.v_image, 0.0)) for mean in means]
    return np.random.default_rng(bootstrap.SEED).normal(size=(resamples, len(means))) * spread


def _placed(names: Sequence[str], observed: np.ndarray, resampled: np.ndarray) -> dict[str, Rank]:
    above = np.stack([(resampled > own[:, None]).sum(axis=1) for own in resampled.T], axis=1)
    level = np.stack([(resampled == own[:, None]).sum(axis=1) for own in resampled.T], axis=1)
    tail = (1 - CONFIDENCE) / 2
    low = np.quantile(1 + above, tail, axis=0, method="inverted_cdf")
    high = np.quantile(above + level, 1 - tail, axis=0, method="inverted_cdf")
    first = np.where(above == 0, 1 / level, 0).mean(axis=0)
    places = 1 + (observed[:, None] < observed).sum(axis=1)
    return {
        name: Rank(int(places[i]), int(low[i]), int(high[i]), float(first[i]))
        for i, name in enumerate(names)
    }
