"""Intervals of figures that are no mean: ratios, roots and BLEU, through their first-order effects.

A function f of means m_j of per-sample values x_ij moves, to first order, as the mean of

    y_i = f + sum_j df/dm_j (x_ij - m_j)

does (the delta method; y - f is what Hampel 1974 calls the influence curve). So y is treated as a
score: its clustered, two-way variance is that of f. Seeds are pooled, as the figures are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .variance import Estimate, SeedEffect, influence


@dataclass(frozen=True)
class Function:
    """A function of means: its ``value``, and y - f of every seed and sample.

    ``moved`` float[S, n] is NaN for failed samples, and throughout where nothing tells how far the
    value may move; ``told`` bool[S, n]: samples that enter (a precision is told by those on which
    yes was said).
    """

    value: float
    moved: np.ndarray
    told: np.ndarray

    def estimate(
        self,
        clusters: np.ndarray,
        bounds: tuple[float, float] | None,
        effect: SeedEffect | None,
    ) -> Estimate:
        """The value with its interval; ``clusters`` int[n], ``effect`` of seeds on a whole cell."""
        told = self.told.any(axis=0)
        n, images = int(told.sum()), len(np.unique(clusters[told]))
        mean = influence(self.moved, clusters).summed
        if not mean.n:
            return Estimate(self.value, math.nan, math.nan, n, images)
        effect = effect and effect.among(n / mean.n)
        degrees = min(mean.degrees, images - 1)
        mean = replace(mean, mean=self.value, n=n, images=images, degrees=degrees)
        return mean.within(bounds, effect)


def ratio(part: np.ndarray, whole: np.ndarray) -> Function:
    """sum(part) / sum(whole), both float[S, n] and NaN for failed samples; 0 of nothing."""
    told = whole > 0
    if not told.any():
        return Function(0.0, np.full(whole.shape, np.nan), ~np.isnan(whole))
    value = float(np.nansum(part) / np.nansum(whole))
    return Function(value, (part - value * whole) / np.nanmean(whole), told)


def root(squares: np.ndarray) -> Function:
    """The root of the mean of squares float[S, n], NaN for failed samples; 0 of nothing."""
    told = ~np.isnan(squares)
    value = math.sqrt(squares[told].mean()) if told.any() else 0.0
    return Function(value, (squares - value**2) / (2 * value or 1.0), told)


def mean_of(functions: Sequence[Function]) -> Function:
    """The unweighted mean of one or more functions of the same samples."""
    return Function(
        float(np.mean([function.value for function in functions])),
        np.mean([function.moved for function in functions], axis=0),
        np.any([function.told for function in functions], axis=0),
    )
