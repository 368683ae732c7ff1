"""The rank of every tokenizer with its interval over new images and seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from . import bootstrap
from .overall import OVERALL, overall_tasks, shared_images
from .statistics import seed_average
from .variance import CONFIDENCE

if TYPE_CHECKING:
    from .results import Results

_DIGITS = 10  # means that agree in so many are equal


@dataclass(frozen=True)
class Rank:
    """A place, 1 the best; equal means share the better one."""

    rank: int
    low: int  # 95 % bootstrap interval
    high: int
    first: float  # share of resamples in which it is first; ties split it


def ranks(results: Results, scope: str) -> dict[str, Rank]:
    """The ranks of the tokenizers that have the scope."""
    tasks = (
        overall_tasks(results)
        if scope == OVERALL
        else [task for task in results.tasks if task["name"] == scope]
    )
    names = [
        column["name"]
        for column in results.columns("tokenizer")
        if tasks and all(results.has_score(column["name"], task["name"]) for task in tasks)
    ]
    if not names:
        return {}
    images = shared_images(results, tasks)
    total = 1 + max(int(numbers.max()) for numbers in images)
    observed, parts = np.zeros(len(names)), []
    for task, numbers in zip(tasks, images, strict=True):
        clusters = results.samples[task["name"]].clusters
        x = np.stack([seed_average(results.cell(name, task["name"]).scores) for name in names])
        x = x if task["higher_is_better"] else -x
        known = ~np.isnan(x)
        sums = np.stack([np.bincount(clusters, weights=row) for row in np.where(known, x, 0)], 1)
        counts = np.stack([np.bincount(clusters, weights=row) for row in known], 1)
        observed += sums.sum(axis=0) / counts.sum(axis=0) / len(tasks)
        parts.append((numbers, sums, counts))
    blocks = []
    for w in bootstrap.weights(total):
        means = np.zeros((len(w), len(names)))
        for numbers, sums, counts in parts:
            own = w[:, numbers]
            size = own @ counts
            plain = sums.sum(axis=0) / counts.sum(axis=0)
            means += np.where(size > 0, (own @ sums) / np.maximum(size, 1), plain) / len(tasks)
        blocks.append(means)
    return _placed(names, np.round(observed, _DIGITS), np.round(np.concatenate(blocks), _DIGITS))


def _placed(names: list[str], observed: np.ndarray, resampled: np.ndarray) -> dict[str, Rank]:
    above = np.stack([(resampled > own[:, None]).sum(axis=1) for own in resampled.T], 1)
    level = np.stack([(resampled == own[:, None]).sum(axis=1) for own in resampled.T], 1)
    tail = (1 - CONFIDENCE) / 2
    low = np.quantile(1 + above, tail, axis=0, method="inverted_cdf")
    high = np.quantile(above + level, 1 - tail, axis=0, method="inverted_cdf")
    first = np.where(above == 0, 1 / level, 0).mean(axis=0)
    places = 1 + (observed[:, None] < observed).sum(axis=1)
    return {
        name: Rank(int(places[i]), int(low[i]), int(high[i]), float(first[i]))
        for i, name in enumerate(names)
    }
