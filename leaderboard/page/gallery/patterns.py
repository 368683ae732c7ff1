"""Who is right on which sample: the patterns that samples are chosen, counted and filtered by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...cells import Cell
from ...results import Results
from ...schema import Column, Task

PARTLY = 0.5
"""A sample that is scored in parts (VQA accuracy) counts as right from here on."""

_WIDEST = 0.75  # quantile of the spread of scores from which on tokenizers count as disagreeing

_Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class Patterns:
    """The answers of each column's first seed on one task: C columns by n samples.

    ``whole`` holds bool[n] by the pattern's name, ``each`` bool[C, n]. Tasks in percent have
    all-right and all-wrong (over the tokenizers), right, wrong, only-right and only-wrong (while
    all tokenizers but this column are wrong, or right); other tasks have best and worst (the column
    scores above, or below, all other tokenizers). Every task has disagree and unscored. An answer
    without a score is neither right nor wrong, and patterns speak of the others.
    """

    goodness: np.ndarray  # float[C, n], the score or its mirror image where lower is better
    whole: _Masks
    each: _Masks

    def totals(self, places: np.ndarray | slice = slice(None)) -> dict[str, int | list[int]]:
        """How many samples of ``places`` show each pattern: one count, or one a column."""
        totals: dict[str, int | list[int]] = {"n": self.goodness[:, places].shape[1]}
        totals |= {name: int(mask[places].sum()) for name, mask in self.whole.items()}
        totals |= {name: mask[:, places].sum(axis=1).tolist() for name, mask in self.each.items()}
        return totals


def find_patterns(results: Results, task: Task, columns: list[Column]) -> Patterns:
    """The patterns of all samples of one task."""
    n = len(results.samples[task["name"]])
    cells = [results.cell(column["name"], task["name"]) for column in columns]
    scores = np.array([_first_seed(cell, n) for cell in cells]).reshape(len(columns), n)
    tokenizers = np.array([column["kind"] == "tokenizer" for column in columns], dtype=bool)
    if task["unit"] == "percent":
        goodness = scores if task["higher_is_better"] else 1 - scores
        whole, each = _right_and_wrong(goodness, tokenizers)
    else:
        goodness = scores if task["higher_is_better"] else -scores
        whole, each = _best_and_worst(goodness, tokenizers)
    return Patterns(goodness, whole, each | {"unscored": np.isnan(goodness)})


def _first_seed(cell: Cell | None, n: int) -> np.ndarray:
    return np.full(n, np.nan) if cell is None else cell.scores[0]


def _right_and_wrong(goodness: np.ndarray, tokenizers: np.ndarray) -> tuple[_Masks, _Masks]:
    right, wrong = goodness >= PARTLY, goodness < PARTLY
    hits, misses = right[tokenizers].sum(axis=0), wrong[tokenizers].sum(axis=0)
    own = tokenizers[:, None]
    other_hits, other_misses = hits - (right & own), misses - (wrong & own)
    whole = {
        "disagree": (hits > 0) & (misses > 0),
        "all-right": (hits > 0) & (misses == 0),
        "all-wrong": (misses > 0) & (hits == 0),
    }
    each = {
        "right": right,
        "wrong": wrong,
        "only-right": right & (other_hits == 0) & (other_misses > 0),
        "only-wrong": wrong & (other_misses == 0) & (other_hits > 0),
    }
    return whole, each


def _best_and_worst(goodness: np.ndarray, tokenizers: np.ndarray) -> tuple[_Masks, _Masks]:
    known = ~np.isnan(goodness)
    highest = _highest_other(np.where(known, goodness, -np.inf), tokenizers)
    lowest = -_highest_other(np.where(known, -goodness, -np.inf), tokenizers)
    each = {
        "best": (goodness > highest) & np.isfinite(highest),
        "worst": (goodness < lowest) & np.isfinite(lowest),
    }
    spread = np.zeros(goodness.shape[1])
    some = known[tokenizers].sum(axis=0) >= 2
    if some.any():
        compared = goodness[tokenizers][:, some]
        spread[some] = np.nanmax(compared, axis=0) - np.nanmin(compared, axis=0)
    wide = spread >= np.quantile(spread, _WIDEST) if spread.size else some
    return {"disagree": (spread > 0) & wide}, each


def _highest_other(values: np.ndarray, tokenizers: np.ndarray) -> np.ndarray:
    """float[C, n], the highest value of all tokenizers but the row's own; -inf without any."""
    own = np.flatnonzero(tokenizers)
    highest = np.full(values.shape, -np.inf)
    if len(own):
        highest[:] = values[own].max(axis=0)
    for row in own:
        others = own[own != row]
        highest[row] = values[others].max(axis=0) if len(others) else -np.inf
    return highest
