"""Which image each sample of a training is: epochs in an order that a seed fixes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def shuffled(samples: np.ndarray, images: int, seed: int) -> np.ndarray:
    """int64[N]: the image of each sample number; every epoch is a permutation of its own."""
    epochs = samples // images
    index = np.empty_like(samples)
    for epoch in np.unique(epochs):
        index[epochs == epoch] = _order(images, seed, int(epoch))[samples[epochs == epoch] % images]
    return index


@lru_cache(maxsize=2)
def _order(images: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, 7, epoch]).permutation(images)
