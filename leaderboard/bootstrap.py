"""Resampling of images: every image gets a random weight, anew in every resample.

The weights are independent Poisson(1) numbers, what drawing with replacement gives each image in
the limit (Hanley & MacGibbon 2006; Chamandy et al. 2012). Scores are resampled as they are cached,
sample by sample: CIDEr-D is here the mean of per-sample scores whose document frequencies the
corpus fixes, so a resample is not a corpus with frequencies of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from .variance import CONFIDENCE

RESAMPLES = 2000
SEED = 20220
_CHUNK = 100  # resamples at a time, which bounds the memory
_TAIL = 20  # so many resamples must exceed a statistic for their count to be its p


def weights(images: int, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[np.ndarray]:
    """The weights of so many images, in blocks float[resamples of the block, images]."""
    from scipy.special import pdtr

    rng = np.random.default_rng(seed)
    table = np.searchsorted(pdtr(np.arange(12), 1.0), (np.arange(65536) + 0.5) / 65536)
    table = table.astype(float)
    for start in range(0, resamples, _CHUNK):
        rows = min(_CHUNK, resamples - start)
        yield table[rng.integers(65536, size=(rows, images), dtype=np.uint16)]


def studentized(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """|t| of the resampled means around the observed one, sorted: float[resamples, k].

    ``sums`` and ``counts`` float[G, k]: of each image, for k means at once. The t of a resample is
    (m* - m) / se* with the cluster-robust se* of the same resample. The interval m -+ |t|_0.95 se
    is the symmetric bootstrap-t (Hall 1988): of percentile, equal-tailed and symmetric intervals
    the one whose simulated coverage for skewed scores stays closest to 95 %.
    """
    mean = sums.sum(axis=0) / counts.sum(axis=0)
    centred = sums - mean * counts
    images = (counts > 0).sum(axis=0)
    if (counts == counts[:, :1]).all():
        counts = counts[:, :1]  # one column serves all
    squares, cross, size = centred**2, centred * counts, counts**2
    factor = images / np.maximum(images - 1, 1)
    blocks = []
    for w in weights(len(sums)):
        total = np.maximum(w @ counts, 1)
        shift = (w @ centred) / total
        # the square root of sum w (centred - shift * counts)^2, over the total, is se*
        spread = w @ squares - 2 * shift * (w @ cross) + shift**2 * (w @ size)
        error = np.sqrt(np.maximum(spread, 0) * factor) / total
        with np.errstate(divide="ignore", invalid="ignore"):
            blocks.append(np.nan_to_num(np.abs(shift / error), nan=0.0))
    return np.sort(np.concatenate(blocks), axis=0)


def critical(t: np.ndarray) -> float:
    """The |t| that the share 1 - CONFIDENCE of the sorted resamples float[k] exceeds."""
    return float(t[math.ceil(CONFIDENCE * (len(t) + 1)) - 1])


def p_value(t: np.ndarray, observed: float, degrees: float) -> float:
    """How probable a |t| of at least ``observed`` is, by the sorted resampled ones.

    Where fewer than 20 resamples reach it, the tail beyond the 20th largest is Student's with
    ``degrees``, so that p can be as small as a correction over many pairs asks for (after
    Knijnenburg et al. 2009, who fit that tail).
    """
    from scipy.special import stdtr

    reached = len(t) - int(np.searchsorted(t, observed))
    if reached >= _TAIL:
        return (reached + 1) / (len(t) + 1)
    anchor = float(t[-_TAIL])
    share = (_TAIL + 1) / (len(t) + 1)
    return share * min(1.0, float(stdtr(degrees, -observed) / stdtr(degrees, -anchor)))
