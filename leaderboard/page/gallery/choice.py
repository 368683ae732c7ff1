"""Which samples the page holds: every task, category and pattern takes turns, by a fixed seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import zip_longest

import numpy as np

from ...cells import Samples
from ...results import Results
from ...schema import Task
from .patterns import Patterns

SEED = 0

MOST_CATEGORIES = 100
"""Of a task, its largest; samples of others have no turn of their own and are not counted apart."""

_WEIGHTS = {"all-wrong": 4, "mixed": 4, "all-right": 2}
"""How often patterns of all columns take a turn, against 1 of each pattern of one column."""


def choose(
    results: Results, patterns: dict[str, Patterns], seed: int = SEED
) -> Iterator[tuple[Task, int]]:
    """Yield ``(task, position)`` of every scored sample, those to keep first.

    Each task's samples are shuffled and then picked in rounds: after round r every stratum has r
    samples, times its weight, or all it has. Strata are each category, and of the patterns: this
    column alone is right, or wrong, or scores best, or worst, or has no score; all tokenizers are
    wrong, or right; any other disagreement. So few samples show some of everything.
    """
    rounds = [
        _rounds(_shuffled(task, len(results.samples[task["name"]]), seed), strata, weights)
        for task in results.tasks
        for strata, weights in [_strata(results.samples[task["name"]], patterns[task["name"]])]
    ]
    for batches in zip_longest(*rounds, fillvalue=()):
        for turn in zip_longest(*batches):
            for task, position in zip(results.tasks, turn, strict=True):
                if position is not None:
                    yield task, position


def _shuffled(task: Task, n: int, seed: int) -> np.ndarray:
    order = list(range(n))
    random.Random(f"{seed} {task['name']}").shuffle(order)
    return np.array(order, dtype=int)


def _strata(samples: Samples, patterns: Patterns) -> tuple[np.ndarray, np.ndarray]:
    """bool[S, n], and int[S]: the samples of each stratum, and its weight."""
    whole, each, n = patterns.whole, patterns.each, len(samples)
    names = [name for name in ("only-right", "only-wrong", "best", "worst") if name in each]
    alone = np.concatenate([each[name] for name in names])
    unscored = each["unscored"][~each["unscored"].all(axis=1)]
    shared = {name: whole[name] for name in ("all-wrong", "all-right") if name in whole}
    shared["mixed"] = whole["disagree"]
    if "only-right" in each:  # of scores, some column's is the best on nearly every sample
        shared["mixed"] = whole["disagree"] & ~alone.any(axis=0)
    largest = list(samples.by_category.values())[:MOST_CATEGORIES]
    categories = np.zeros((len(largest) + 1, n), dtype=bool)
    for mask, places in zip(categories, largest, strict=False):
        mask[places] = True
    categories[-1] = True  # so that a sample of no other stratum comes some time
    strata = np.concatenate([alone, unscored, np.array(list(shared.values())), categories])
    weights = np.ones(len(strata), dtype=int)
    start = len(alone) + len(unscored)
    weights[start : start + len(shared)] = [_WEIGHTS[name] for name in shared]
    return strata, weights


def _rounds(order: np.ndarray, strata: np.ndarray, weights: np.ndarray) -> Iterator[list[int]]:
    """Yield the positions of one round after the other until none is left."""
    queues = [iter(order[mask[order]].tolist()) for mask in strata]
    counts = np.zeros(len(strata), dtype=int)
    taken: set[int] = set()
    number = 0
    while len(taken) < len(order):
        number += 1
        batch: list[int] = []
        for s, queue in enumerate(queues):
            while counts[s] < number * weights[s]:
                position = next((i for i in queue if i not in taken), None)
                if position is None:
                    break
                taken.add(position)
                counts += strata[:, position]
                batch.append(position)
        yield batch
