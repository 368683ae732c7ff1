"""The mean over the tasks scored in percent, every task counting the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .statistics import Estimate, Influence, influence

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
        and any(results.has_score(name, task["name"]) for name in names)
    ]
    return tasks if len(tasks) > 1 else []


def estimate(results: Results, column: str) -> Estimate | None:
    """A column's mean over these tasks with its interval; None where it lacks one of them."""
    tasks = overall_tasks(results)
    if not tasks or not all(results.has_score(column, task["name"]) for task in tasks):
        return None
    cells = [results.cell(column, task["name"]) for task in tasks]
    parts = [influence(cell.scores, cell.samples.clusters) for cell in cells]
    return mean_influence(parts, shared_images(results, tasks)).estimate((0.0, 1.0))


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


def mean_influence(parts: Sequence[Influence], images: Sequence[np.ndarray]) -> Influence:
    """Of the unweighted mean of several means; ``images`` int[G] numbers each part's images.

    Parts have the same seeds. Degrees of freedom are Satterthwaite's over the tasks, and at most
    those of as many images as there are.
    """
    total = 1 + max(int(numbers.max()) for numbers in images)
    seeds, tasks = len(parts[0].by_seed), len(parts)
    by_image = np.zeros((seeds, total))
    for part, numbers in zip(parts, images, strict=True):
        for own, row in zip(by_image, part.by_image, strict=True):
            own += np.bincount(numbers, weights=row, minlength=total) / tasks
    own = np.array([float((part.by_image.sum(axis=0) ** 2).sum()) for part in parts])
    least = np.array([part.degrees for part in parts])
    asked = len(np.unique(np.concatenate(images)))
    degrees = asked - 1.0
    if own.any():
        degrees = min(degrees, float(own.sum() ** 2 / (own**2 / np.maximum(least, 1)).sum()))
    return Influence(
        mean=float(np.mean([part.mean for part in parts])),
        by_image=by_image,
        by_seed=sum(part.by_seed for part in parts) / tasks,
        degrees=degrees,
        n=sum(part.n for part in parts),
        images=asked,
    )
