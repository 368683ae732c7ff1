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

from .results import Cell
from .variance import Estimate, influence

_BLEU_MAX = 4
_TINY, _SMALL = 1e-15, 1e-9
Unit = Literal["percent", "score"]


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
    right = np.nansum(said * truth)
    yield "precision", _plain("Precision", _ratio(right, np.nansum(said)), cell)
    yield "recall", _mean(cell, "Recall", "percent", np.where(truth == 1, said, np.nan))
    yield "f1", _plain("F1", _ratio(2 * right, np.nansum(said) + np.nansum(truth)), cell)
    yield "said_yes", _mean(cell, "Said yes", "percent", said)
    objects = cell.others.get("n_objects")
    if objects is not None:
        for name, low, high in (("<10", 0, 10), ("10–19", 10, 20), ("≥20", 20, math.inf)):
            yield from _bin(cell, f"{name} objects", (objects >= low) & (objects < high))


def _counting(cell: Cell) -> Iterator[Named]:
    truth = cell.others["true_count"]
    yield from _means(cell, _ACCURACIES)
    yield "macro_acc", _plain("Macro accuracy, over true counts", _macro(cell), cell)
    for prefix, rule in (("", ""), ("legacy_", ", published rule")):
        error = cell.others.get(f"{prefix}mae")
        if error is not None:
            yield f"{prefix}mae", _mean(cell, f"MAE{rule}", "score", error)
            root = math.sqrt(_average(error**2))
            yield f"{prefix}rmse", _plain(f"RMSE{rule}", root, cell, "score")
    for third in np.unique(truth[~np.isnan(truth)] // 3):
        low = int(3 * third)
        yield from _bin(cell, f"{low}–{low + 2} there", truth // 3 == third)


def _caption(cell: Cell) -> Iterator[Named]:
    yield from _means(cell, {"cider": ("CIDEr-D", "score")})
    if "ref_words" in cell.others:
        for n, value in enumerate(_bleu(cell), start=1):
            yield f"bleu_{n}", _plain(f"BLEU-{n}", value, cell)
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
    bounds = (0.0, 1.0) if unit == "percent" else None
    mean = influence(values, cell.samples.clusters).summed
    effect = cell.seed_effect and cell.seed_effect.among(mean.n / cell.mean.n)
    return Figure(title, unit, mean.within(bounds, effect))


def _plain(title: str, value: float, cell: Cell, unit: Unit = "percent") -> Figure:
    e = cell.estimate
    return Figure(title, unit, Estimate(value, math.nan, math.nan, e.n, e.images))


def _macro(cell: Cell) -> float:
    truth, right = cell.others["true_count"], cell.others["acc"]
    counts = np.unique(truth[~np.isnan(truth)])
    return float(np.mean([_average(right[truth == count]) for count in counts]))


def _bleu(cell: Cell) -> list[float]:
    """BLEU-1 to 4 of the corpus from summed counts, smoothed as the COCO evaluation does."""
    words, closest = cell.others["words"], cell.others["ref_words"]
    ratio = (np.nansum(words) + _TINY) / (np.nansum(closest) + _SMALL)
    penalty = math.exp(min(0.0, 1 - 1 / ratio))
    product, scores = 1.0, []
    for n in range(1, _BLEU_MAX + 1):
        shared = np.nansum(cell.others[f"shared_{n}"])
        product *= (shared + _TINY) / (np.nansum(np.maximum(words - n + 1, 0)) + _SMALL)
        scores.append(float(penalty * product ** (1 / n)))
    return scores


def _average(values: np.ndarray) -> float:
    return _ratio(np.nansum(values), np.sum(~np.isnan(values)))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
