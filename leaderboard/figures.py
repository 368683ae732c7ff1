"""The figures beside a task's main score: strict and published rules, error, F1, BLEU, bins.

They come from what each row's `scores` hold, so every run directory has them without being run
again. Means get the interval of the main score, with what seeds do taken from that score; ratios
and roots of sums (precision, F1, RMSE, macro accuracy, BLEU) pool seeds and have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .cells import Cell
from .linear import Function, mean_of, ratio, root
from .variance import Estimate, influence

_BLEU_MAX = 4
_TINY, _SMALL = 1e-15, 1e-9
Unit = Literal["percent", "score"]
_BOUNDS: dict[Unit, tuple[float, float] | None] = {"percent": (0.0, 1.0), "score": None}


@dataclass(frozen=True)
class Figure:
    """One figure of one cell."""

    title: str
    unit: Unit
    estimate: Estimate


Named = tuple[str, Figure]


def figures(cell: Cell) -> dict[str, Figure]:
    """The cell's figures by name, in the order to show; empty where there is but the main score."""
    if cell.estimate.n:
        for keys, make in _KINDS:
            if any(key in cell.others for key in keys):
                found = {name: figure for name, figure in make(cell) if figure.estimate.n}
                if not found.keys() - {cell.task["metric"]}:
                    return {}
                invalid = np.where(np.isnan(cell.scores), np.nan, cell.invalid)
                found["invalid"] = _mean(cell, "Not understood", "percent", invalid)
                return found
    return {}


def _yes_no(cell: Cell) -> Iterator[Named]:
    said, truth = cell.others["said_yes"], cell.others["is_yes"]
    yield from _means(cell, _ACCURACIES)
    yield "precision", _function(cell, "Precision", "percent", ratio(said * truth, said))
    yield "recall", _mean(cell, "Recall", "percent", np.where(truth == 1, said, np.nan))
    both = said + np.where(np.isnan(said), np.nan, truth)
    yield "f1", _function(cell, "F1", "percent", ratio(2 * said * truth, both))
    yield "said_yes", _mean(cell, "Said yes", "percent", said)
    objects = cell.others.get("n_objects")
    if objects is not None:
        for name, low, high in (("<10", 0, 10), ("10–19", 10, 20), ("≥20", 20, math.inf)):
            yield from _bin(cell, f"{name} objects", (objects >= low) & (objects < high))


def _counting(cell: Cell) -> Iterator[Named]:
    truth = cell.others["true_count"]
    yield from _means(cell, _ACCURACIES)
    yield "macro_acc", _function(cell, "Macro accuracy, over true counts", "percent", _macro(cell))
    for prefix, rule in (("", ""), ("legacy_", ", published rule")):
        error = cell.others.get(f"{prefix}mae")
        if error is not None:
            yield f"{prefix}mae", _mean(cell, f"MAE{rule}", "score", error)
            yield f"{prefix}rmse", _function(cell, f"RMSE{rule}", "score", root(error**2))
    for third in np.unique(truth[~np.isnan(truth)] // 3):
        low = int(3 * third)
        yield from _bin(cell, f"{low}–{low + 2} there", truth // 3 == third)


def _caption(cell: Cell) -> Iterator[Named]:
    yield from _means(cell, {"cider": ("CIDEr-D", "score")})
    if "ref_words" in cell.others:
        for n, bleu in enumerate(_bleu(cell), start=1):
            yield f"bleu_{n}", _function(cell, f"BLEU-{n}", "percent", bleu)
    yield from _means(
        cell,
        {
            "rouge_l": ("ROUGE-L", "percent"),
            "meteor": ("METEOR", "percent"),
            "spice": ("SPICE", "percent"),
            "words": ("Words a caption", "score"),
        },
    )


def _vqa(cell: Cell) -> Iterator[Named]:
    yield from _means(cell, _ACCURACIES)
    for key in sorted(cell.others):
        if key.startswith("acc_"):
            yield key, _mean(cell, key[4:].replace("_", "/"), "percent", cell.others[key])


_ACCURACIES = {
    "acc": ("Accuracy", "percent"),
    "legacy_acc": ("Accuracy, published rule", "percent"),
}
# The scores that tell what kind of task it is; the last is what is left.
_KINDS: tuple[tuple[tuple[str, ...], Callable[[Cell], Iterator[Named]]], ...] = (
    (("is_yes",), _yes_no),
    (("true_count",), _counting),
    (("cider",), _caption),
    (("legacy_acc", "acc_yes_no", "acc_number", "acc_other", "acc"), _vqa),
)


def _means(cell: Cell, named: dict[str, tuple[str, Unit]]) -> Iterator[Named]:
    for key, (title, unit) in named.items():
        if key in cell.others:
            yield key, _mean(cell, title, unit, cell.others[key])


def _bin(cell: Cell, title: str, inside: np.ndarray) -> Iterator[Named]:
    for key, (accuracy, unit) in _ACCURACIES.items():
        if key in cell.others and inside.any():
            values = np.where(inside, cell.others[key], np.nan)
            yield f"{key}, {title}", _mean(cell, f"{accuracy}, {title}", unit, values)


def _mean(cell: Cell, title: str, unit: Unit, values: np.ndarray) -> Figure:
    mean = influence(values, cell.samples.clusters).summed
    effect = cell.seed_effect and cell.seed_effect.among(mean.n / cell.mean.n)
    return Figure(title, unit, mean.within(_BOUNDS[unit], effect))


def _function(cell: Cell, title: str, unit: Unit, function: Function) -> Figure:
    e = function.estimate(cell.samples.clusters, _BOUNDS[unit], cell.seed_effect)
    return Figure(title, unit, e)


def _macro(cell: Cell) -> Function:
    truth, right = cell.others["true_count"], cell.others["acc"]
    there = np.where(np.isnan(right), np.nan, truth)
    counts = np.unique(there[~np.isnan(there)])
    inside = [np.where(np.isnan(there), np.nan, there == count) for count in counts]
    return mean_of([ratio(right * own, own) for own in inside] or [ratio(right, there)])


def _bleu(cell: Cell) -> Iterator[Function]:
    """BLEU-1 to 4 of the corpus from summed counts, smoothed as the COCO evaluation does.

    To first order log BLEU-n moves by the mean over orders of the relative change in n-grams shared
    less that in n-grams given and, where captions are too short, by that of the brevity penalty.
    """
    words, closest = cell.others["words"], cell.others["ref_words"]
    given, wanted = np.nansum(words), np.nansum(closest)
    length = (given + _TINY) / (wanted + _SMALL)
    penalty = math.exp(min(0.0, 1 - 1 / length))
    scored = ~np.isnan(words)
    brevity = (words / max(given, 1) - closest / wanted) / length if length < 1 else 0.0 * words
    product, moved = 1.0, 0.0 * words
    for n in range(1, _BLEU_MAX + 1):
        shared, grams = cell.others[f"shared_{n}"], np.maximum(words - n + 1, 0)
        found, all_ = np.nansum(shared), np.nansum(grams)
        product *= (found + _TINY) / (all_ + _SMALL)
        value = float(penalty * product ** (1 / n))
        moved = moved + (shared / found - grams / all_ if found else np.nan)
        yield Function(value, value * scored.sum() * (moved / n + brevity), scored)
