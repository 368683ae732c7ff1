"""Cross-validation that keeps all questions of an image together, and a nested one to choose."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(training rows, test rows) → what is predicted for the test rows."""


def folds_by_image(images: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """int[n], the fold of each row: images in random order, those with most rows first.

    Each goes to the fold with the fewest rows so far, so folds differ by no more than the rows of
    one image. There are at most as many folds as images.
    """
    names, image = np.unique(np.array(images, dtype=object), return_inverse=True)
    sizes = np.bincount(image)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    heap = [(0, fold) for fold in range(min(folds, len(names)))]
    fold_of = np.empty(len(names), dtype=np.int64)
    for name in order.tolist():
        rows, fold = heap[0]
        fold_of[name] = fold
        heapq.heapreplace(heap, (rows + int(sizes[name]), fold))
    return fold_of[image]


def out_of_fold(fit: Fit, fold_of: np.ndarray) -> np.ndarray:
    """int[n], what is predicted for each row by a fit on the other folds."""
    said = np.empty(len(fold_of), dtype=np.int64)
    for fold in range(int(fold_of.max()) + 1):
        test = np.flatnonzero(fold_of == fold)
        said[test] = fit(np.flatnonzero(fold_of != fold), test)
    return said


def without_fold(
    fit: Fit, score: Callable[[np.ndarray, np.ndarray], np.ndarray], fold_of: np.ndarray
) -> np.ndarray:
    """float[folds], the mean cross-validated score on the other folds, blind to this one.

    score: (rows, predictions) → float[rows]. Needs three folds. This is the inner loop of a nested
    cross-validation: a fit on all folds but two serves both of them, as each is the other's test.
    """
    folds = int(fold_of.max()) + 1
    total = np.zeros(folds)
    for pair in combinations(range(folds), 2):
        test = np.flatnonzero(np.isin(fold_of, pair))
        scores = score(test, fit(np.flatnonzero(~np.isin(fold_of, pair)), test))
        for this, other in (pair, pair[::-1]):
            total[this] += scores[fold_of[test] == other].sum()
    return total / [(fold_of != fold).sum() for fold in range(folds)]
