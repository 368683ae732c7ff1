"""Where the difference of two columns on a task comes from: category by category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .cells import Cell
from .paired import interval, paired_scores
from .variance import Estimate, influence


@dataclass(frozen=True)
class Share:
    """The difference a - b on one category, and what it adds to that of the task.

    Only samples that both columns answered enter; ``difference.n`` says how many. The shares of
    samples that all have a category add up to the task's difference.
    """

    category: str
    a: float  # the columns' means on the category
    b: float
    difference: Estimate
    share: float


def shares(left: Cell, right: Cell) -> list[Share]:
    """Of two columns' cells of one task, the largest category first.

    Each interval stands alone, with what seeds do taken from the tokenizers' means of the category.
    """
    apart, samples, found = paired_scores([left], [right]), left.samples, []
    total = int((~np.isnan(apart)).any(axis=0).sum())
    for category, places in samples.by_category.items():
        moved = influence(apart[:, places], samples.clusters_of(category)).summed
        if moved.n:
            means = (cell.category_mean(category).mean for cell in (left, right))
            effect = samples.seed_effect(category)
            difference = interval(moved, effect, left.bounds is not None)
            found.append(Share(category, *means, difference, moved.mean * moved.n / total))
    return found
