"""The mean over the tasks scored in percent, every task counting the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .variance import Estimate, Influence, Mean, influence, pooled

if TYPE_CHECKING:
    from .results import Results
    from .schema import Task

OVERALL = "overall"  # a scope beside the tasks' names


def overall_tasks(results: Results) -> list[Task]:
    """Tasks that enter: scored in percent, more is better, a tokenizer has a score.

    Fewer than two make no overall figure. Scores on another scale (CIDEr-D) are left out: a mean
    over scales depends on their units.
    """
    names = [column["name"] for column in results.columns("tokenizer")]
    tasks = [
        task
        for task in results.tasks
        if task["unit"] == "percent"
        and task["higher_is_better"]
        and any((name, task["name"]) in results.cells for name in names)
    ]
    return tasks if len(tasks) > 1 else []


def overall_estimate(results: Results, column: str) -> Estimate | None:
    """A column's mean over these tasks with its interval; None where it lacks one of them."""
    means = results.overall_means
    effect = pooled([means[c["name"]] for c in results.columns("tokenizer") if c["name"] in means])
    return means[column].within((0.0, 1.0), effect) if column in means else None


def overall_means(results: Results) -> dict[str, Mean]:
    """Of every column that has all these tasks."""
    tasks = overall_tasks(results)
    images, found = shared_images(results, tasks), {}
    for column in results.columns() if tasks else []:
        if all(results.has_score(column["name"], task["name"]) for task in tasks):
            cells = [results.cell(column["name"], task["name"]) for task in tasks]
            found[column["name"]] = mean_influence(
                [(cell.seeds, cell.scores, cell.samples.clusters) for cell in cells], images
            ).summed
    return found


def shared_images(results: Results, tasks: Sequence[Task]) -> list[np.ndarray]:
    """Of each task: for each of its images (by cluster number) its number among all tasks' images.

    Images are the same where their SHA-256 is, so that tasks that ask about the same pictures
    share clusters.
    """
    numbers: dict[str, int] = {}
    found = []
    for task in tasks:
        samples = results.samples[task["name"]]
        _, first = np.unique(samples.clusters, return_index=True)
        keys = (samples.digests[i] or f"{task['name']}/{samples.image_ids[i]}" for i in first)
        found.append(np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=int))
    return found


def mean_influence(
    parts: Sequence[tuple[Sequence[int], np.ndarray, np.ndarray]], images: Sequence[np.ndarray]
) -> Influence:
    """Of the unweighted mean over tasks.

    ``parts``: of each task the seeds, the scores float[S, n] and the clusters int[n]; ``images``
    int[G] numbers each task's images. Degrees of freedom are Satterthwaite's over the tasks, and
    at most those of as many images as there are.
    """
    told = [
        [seed for seed, row in zip(own, scores, strict=True) if not np.isnan(row).all()]
        for own, scores, _ in parts
    ]
    seeds = sorted(set().union(*told))
    total = 1 + max(int(numbers.max()) for numbers in images)
    by_image, by_seed = np.zeros((len(seeds), total)), np.zeros(len(seeds))
    size = np.zeros(total, dtype=int)
    moved = [influence(scores, clusters) for _, scores, clusters in parts]
    for own, part, numbers in zip(told, moved, images, strict=True):
        for k, seed in enumerate(own):
            row = np.bincount(numbers, weights=part.by_image[k], minlength=total)
            by_image[seeds.index(seed)] += row / len(parts)
            by_seed[seeds.index(seed)] += part.by_seed[k] / len(parts)
        size += np.bincount(numbers, weights=part.size, minlength=total).astype(int)
    own = np.array([part.summed.v_image for part in moved])
    degrees = float((size > 0).sum() - 1)
    if own.any():
        least = np.array([max(part.degrees, 1.0) for part in moved])
        degrees = min(degrees, float(own.sum() ** 2 / (own**2 / least).sum()))
    return Influence(
        float(np.mean([part.mean for part in moved])), by_image, by_seed, size, degrees
    )
