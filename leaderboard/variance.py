"""Where the variance of a mean comes from: images, seeds, and what is left; and its interval.

Questions share images, so samples are not independent: with per-sample scores x_i, their mean m and
n samples in G images, the cluster-robust variance of the mean is

    V_image = G / (G - 1) * sum_g ( sum_{i in g} (x_i - m) / n )^2

(Liang & Zeger 1986; with the usual small-sample factor it is what an intercept-only regression with
clustered errors gives; used for model evaluation by Miller 2024, arXiv 2411.00640).

Several seeds are a second source, crossed with the images. With u_sg the sum over the samples of
image g of x_si - m_s, divided by n, and S seeds with means m_s, the two-way random effects model
(Searle, Casella & McCulloch 1992, chapter 4; as two-way clustering: Cameron, Gelbach & Miller 2011)
has

    V_image    = G / (G - 1) * sum_g (mean_s u_sg)^2
    V_seed     = var(m_s) / S
    V_residual = G / (G - 1) * sum_sg (u_sg - mean_s u_sg)^2 / (S * (S - 1))
    Var(m)     = V_image + max(0, V_seed - V_residual)

and Satterthwaite's degrees of freedom (1946),

    Var(m)^2 / (V_image^2 / (G - 1) + V_seed^2 / d + V_residual^2 / (d * (G - 1))).

Of one column d is S - 1: two or three seeds tell next to nothing about how much seeds differ, and
intervals from them are far too wide or, where V_seed happens to be small, too narrow (simulated
coverage 87 to 97 %). So the ratio V_seed / V_residual is pooled over the tokenizers of a task, as
if seeds added the same share to what is left for each of them, which multiplies d; what simulation
finds is in docs/statistics.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95
_SPARED = 0.5  # of d: without, three seeds of two tokenizers cover 92.3 % at worst, with 93.5 %
_ROUNDING = 1e-24  # a variance of scores that are all equal but for rounding


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; ``low`` and ``high`` are NaN below two images."""

    mean: float
    low: float
    high: float
    n: int  # samples
    images: int  # clusters

    @property
    def margin(self) -> float:
        """The larger distance from the mean to an end of the interval."""
        return max(self.high - self.mean, self.mean - self.low)

    def mirrored(self) -> Estimate:
        """The same difference the other way round."""
        return replace(self, mean=-self.mean, low=-self.high, high=-self.low)


@dataclass(frozen=True)
class SeedEffect:
    """What seeds add to the means of several columns: V_seed / V_residual, 1 where nothing."""

    ratio: float
    degrees: float  # of V_seed

    def among(self, share: float) -> SeedEffect:
        """The effect on a share of the samples, where V_residual is as many times larger."""
        return SeedEffect(1 + max(0.0, self.ratio - 1) * share, self.degrees)


@dataclass(frozen=True)
class Mean:
    """A mean of S seeds and its variance in parts; ``degrees`` of freedom that the images give."""

    mean: float
    n: int
    images: int
    seeds: int
    degrees: float
    v_image: float
    v_seed: float
    v_residual: float

    def spread(self, effect: SeedEffect | None = None) -> tuple[float, float]:
        """The variance of the mean and its degrees of freedom.

        ``effect``: what the seeds of all columns say together; by default the mean's own do.
        """
        if self.seeds < 2:
            return self.v_image, self.degrees
        effect = effect or pooled([self])
        if effect is None or effect.ratio <= 1 or self.v_residual == 0:
            return self.v_image, self.degrees
        v_seed, degrees = effect.ratio * self.v_residual, effect.degrees - _SPARED
        total = self.v_image + v_seed - self.v_residual
        uncertain = self.v_image**2 / self.degrees + v_seed**2 / degrees
        uncertain += self.v_residual**2 / (degrees * self.degrees)
        return total, max(total**2 / uncertain, degrees)

    def estimate(self, effect: SeedEffect | None = None) -> Estimate:
        """The mean with the interval of Student's t."""
        if self.images < 2:
            return Estimate(self.mean, math.nan, math.nan, self.n, self.images)
        variance, degrees = self.spread(effect)
        margin = t_quantile(degrees) * math.sqrt(variance)
        return Estimate(self.mean, self.mean - margin, self.mean + margin, self.n, self.images)

    def within(
        self, bounds: tuple[float, float] | None, effect: SeedEffect | None = None
    ) -> Estimate:
        """The mean of scores between two ``bounds`` with its score interval; without, ``estimate``.

        It holds all v with (m - v)^2 <= t^2 Var(m) * v (1 - v) / (m (1 - m)) (Wilson 1927, with
        m (1 - m) / Var(m) as the number of independent samples). Where all scores are equal there
        is no variance: the interval reaches as far as other scores may be without one among G
        images, exactly (Clopper & Pearson 1934).
        """
        if bounds is None or self.images < 2 or not bounds[0] <= self.mean <= bounds[1]:
            return self.estimate(effect)
        least, most = bounds
        variance, degrees = self.spread(effect)
        share, scale = (self.mean - least) / (most - least), most - least
        if variance == 0:
            reach = unseen(self.images)
            low, high = share * (1 - reach), share + reach * (1 - share)
        else:
            k = t_quantile(degrees) ** 2 * variance / scale**2 / (share * (1 - share))
            half = math.sqrt(k * share * (1 - share) + k**2 / 4)
            low, high = (share + k / 2 - half) / (1 + k), (share + k / 2 + half) / (1 + k)
        return Estimate(self.mean, least + scale * low, least + scale * high, self.n, self.images)


def unseen(images: int) -> float:
    """The largest share of images that may differ where none of so many does (one-sided 97.5 %)."""
    return 1 - ((1 - CONFIDENCE) / 2) ** (1 / images)


def pooled(means: Sequence[Mean], degrees: float | None = None) -> SeedEffect | None:
    """The seed effect that the means of several seeds share; None where none has several.

    ``degrees`` default to the sum of S - 1.
    """
    several = [mean for mean in means if mean.seeds > 1 and mean.v_residual > 0]
    if not several:
        return None
    ratio = sum(mean.v_seed / mean.v_residual for mean in several) / len(several)
    return SeedEffect(ratio, degrees or sum(mean.seeds - 1 for mean in several))


@dataclass(frozen=True)
class Influence:
    """How much every image and every seed moves a mean.

    ``by_image`` float[S, G]: u_sg / S times sqrt(G / (G - 1)); ``by_seed`` float[S]:
    (m_s - m) / S; ``size`` int[G]: samples; ``degrees`` of freedom that the images give.
    """

    mean: float
    by_image: np.ndarray
    by_seed: np.ndarray
    size: np.ndarray
    degrees: float

    @property
    def summed(self) -> Mean:
        """The mean with its variance in parts."""
        per_image, seeds = self.by_image.sum(axis=0), len(self.by_seed)
        rest, factor = self.by_image - per_image / seeds, seeds / max(seeds - 1, 1)
        parts = _square(per_image), factor * _square(self.by_seed), factor * _square(rest)
        n, images = int(self.size.sum()), int((self.size > 0).sum())
        return Mean(self.mean, n, images, seeds, self.degrees, *parts)


def influence(scores: np.ndarray, clusters: np.ndarray) -> Influence:
    """Of the mean of ``scores`` float[S, n] over seeds and samples; ``clusters`` int[n] from 0.

    NaN scores are left out: a sample counts by its mean over the seeds that have it, and a seed
    without any score is none.
    """
    known = ~np.isnan(scores)
    if not known.any(axis=1).all() and known.any():
        return influence(scores[known.any(axis=1)], clusters)
    seeds, n = scores.shape[0], int(known.any(axis=0).sum())
    if n == 0:
        return Influence(math.nan, np.zeros((seeds, 0)), np.zeros(seeds), np.zeros(0, int), 0)
    if known.all():
        mean = float(scores.mean(axis=0).sum() / n)
        moved = (scores - mean) / (seeds * n)
        size = np.bincount(clusters)
    else:
        share = known / np.maximum(known.sum(axis=0), 1)
        mean = float(np.where(known, scores * share, 0).sum() / n)
        moved = np.where(known, (scores - mean) * share / n, 0)
        size = np.bincount(clusters[known.any(axis=0)], minlength=int(clusters.max()) + 1)
    table = np.stack([np.bincount(clusters, weights=row) for row in moved])
    images = int((size > 0).sum())
    by_seed = table.sum(axis=1)
    by_image = (table - by_seed[:, None] * (size / n)) * math.sqrt(images / max(images - 1, 1))
    return Influence(mean, by_image, by_seed, size, images - 1)


def _square(parts: np.ndarray) -> float:
    total = float(np.vdot(parts, parts))
    return total if total > _ROUNDING else 0.0


@lru_cache(maxsize=4096)
def t_quantile(degrees: float) -> float:
    """The critical value of Student's t at the confidence level, two-sided."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))
