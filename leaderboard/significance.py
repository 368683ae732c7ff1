"""Tests of one paired difference, and the correction for testing many."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

_LEAST_P = 1e-15  # what the truncated convolution still tells from zero


def student_p(mean: float, variance: float, degrees: float) -> float:
    """Two-sided p of a mean by Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(mean) / math.sqrt(variance)))


def sign_flip_p(sums: np.ndarray) -> float:
    """Exact two-sided p that every image's sum of differences int[G] is as likely as its negative.

    Sums are flipped by image: the total is a sum of binomials, one for each size |sum|, and its
    exact distribution their convolution. With one question an image it is McNemar's exact test;
    with several it is the randomization test of Fisher on images.
    """
    from scipy.special import bdtr

    sizes = np.abs(sums.astype(int))
    counts = np.bincount(sizes[sizes > 0]) if sizes.any() else np.zeros(1, dtype=int)
    if not counts.sum():
        return 1.0
    observed = abs(int(sums.sum()))
    steps = np.flatnonzero(counts)
    if len(steps) == 1:
        n = int(counts[steps[0]])
        fewer = (n - observed // int(steps[0])) // 2
        return min(1.0, 2 * float(bdtr(fewer, n, 0.5)))
    chances, low = np.ones(1), 0
    for step in steps:
        own, own_low = _signed_sum(int(counts[step]), int(step))
        chances, low = np.convolve(chances, own), low + own_low
    totals = low + np.arange(len(chances))
    return float(np.clip(chances[np.abs(totals) >= observed].sum(), _LEAST_P, 1.0))


@lru_cache(maxsize=4096)
def _signed_sum(count: int, step: int) -> tuple[np.ndarray, int]:
    """The distribution of a sum of ``count`` signs times ``step``, and its least value.

    Cut ten standard deviations from the middle, beyond which lies less than 1e-22.
    """
    from scipy.special import gammaln

    reach = int(5 * math.sqrt(count)) + 1
    heads = np.arange(max(0, count // 2 - reach), min(count, (count + 1) // 2 + reach) + 1)
    log = gammaln(count + 1) - gammaln(heads + 1) - gammaln(count - heads + 1)
    spaced = np.zeros(2 * step * (len(heads) - 1) + 1)
    spaced[:: 2 * step] = np.exp(log - count * math.log(2))
    return spaced, step * (2 * int(heads[0]) - count)


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction (1979) of float[k] p-values; NaN where nothing is tested."""
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    corrected = np.full(len(p), math.nan)
    factors = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return corrected
