"""Folds that keep all questions of an image together."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np


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
