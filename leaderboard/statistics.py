"""Means, intervals and paired differences of per-sample scores, clustered by image.

Questions share images, so samples are not independent. With per-sample scores x_i, their mean m,
n samples in G images, the cluster-robust variance of the mean is

    Var(m) = G / (G - 1) * sum_g ( sum_{i in g} (x_i - m) )^2 / n^2

(Liang & Zeger 1986; with the usual small-sample factor it is what an intercept-only regression with
clustered errors gives; used for model evaluation by Miller 2024, arXiv 2411.00640). The 95 %
interval is m ± t * sqrt(Var(m)) with the 0.975 quantile of Student's t at G - 1 degrees of freedom.
A paired difference is the same formula on x_i = a_i - b_i over the samples both have.

Several seeds are a second source of variation, crossed with the images. With the scores of seed s
centred at its own mean, u_sg the sum over the samples of image g divided by n, S seeds and seed
means m_s, the variance of the mean over seeds is that of the two-way random effects model (Searle,
Casella & McCulloch 1992, section 4.3; as two-way clustering: Cameron, Gelbach & Miller 2011)

    V_image = G / (G - 1) * sum_g (mean_s u_sg)^2      V_seed = var(m_s) / S
    V_residual = G / (G - 1) * sum_sg (u_sg - mean_s u_sg)^2 / (S * (S - 1))
    Var(m) = V_image + max(0, V_seed - V_residual)

with Satterthwaite's degrees of freedom, and the interval speaks about new images and new seeds.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

CONFIDENCE = 0.95


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


@dataclass(frozen=True)
class Difference:
    """A paired difference a - b; positive where a scores higher."""

    estimate: Estimate
    per_seed: tuple[float, ...]  # a - b of each seed that both have

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero and no seed points the other way."""
        e = self.estimate
        if not (e.low > 0 or e.high < 0):
            return False
        return all(d * e.mean > 0 for d in self.per_seed)


@dataclass(frozen=True)
class Influence:
    """How much every image and every seed moves a mean; adds up over tasks.

    ``by_image`` float[S, G]: u_sg / S times sqrt(G / (G - 1)); ``by_seed`` float[S]:
    (m_s - m) / S; ``degrees`` of freedom that the images give; ``n`` samples.
    """

    mean: float
    by_image: np.ndarray
    by_seed: np.ndarray
    degrees: float
    n: int
    images: int

    @property
    def spread(self) -> tuple[float, float]:
        """The variance of the mean and its degrees of freedom."""
        per_image = self.by_image.sum(axis=0)
        v_image, seeds = float(per_image @ per_image), len(self.by_seed)
        if seeds < 2:
            return v_image, self.degrees
        v_seed = seeds / (seeds - 1) * float(self.by_seed @ self.by_seed)
        rest = self.by_image - per_image / seeds
        v_rest = seeds / (seeds - 1) * float((rest**2).sum())
        if v_seed <= v_rest:
            return v_image, self.degrees
        total = v_image + v_seed - v_rest
        uncertain = v_image**2 / self.degrees + v_seed**2 / (seeds - 1)
        uncertain += v_rest**2 / ((seeds - 1) * self.degrees)
        return total, total**2 / uncertain

    def estimate(self, bounds: tuple[float, float] | None = None) -> Estimate:
        """The mean with its interval; ``bounds`` as of ``clustered_mean``."""
        if self.images < 2:
            return Estimate(self.mean, math.nan, math.nan, self.n, self.images)
        variance, degrees = self.spread
        margin = t_quantile(degrees) * math.sqrt(variance)
        low, high = self.mean - margin, self.mean + margin
        if bounds is not None:
            least, most = bounds
            if variance == 0:
                reach = 1 - ((1 - CONFIDENCE) / 2) ** (1 / self.images)
                low = self.mean - reach * (self.mean - least)
                high = self.mean + reach * (most - self.mean)
            low, high = max(low, least), min(high, most)
        return Estimate(self.mean, low, high, self.n, self.images)


def influence(scores: np.ndarray, clusters: np.ndarray) -> Influence:
    """Of the mean of ``scores`` float[S, n] over seeds and samples; ``clusters`` int[n].

    NaN scores are left out: a sample counts by its mean over the seeds that have it.
    """
    known = ~np.isnan(scores)
    asked = known.any(axis=0)
    if not asked.all():
        scores, known, clusters = scores[:, asked], known[:, asked], clusters[asked]
    n = scores.shape[1]
    if n == 0:
        return Influence(math.nan, np.zeros((len(scores), 0)), np.zeros(len(scores)), 0, 0, 0)
    size = np.bincount(clusters)
    present = size > 0
    size = size[present]
    images = len(size)
    share = known / (known.sum(axis=0) * n)
    mean = float((np.where(known, scores, 0) * share).sum())
    moved = np.where(known, scores - mean, 0) * share
    table = np.stack([np.bincount(clusters, weights=row)[present] for row in moved])
    by_seed = table.sum(axis=1)
    by_image = table - by_seed[:, None] * size / n
    by_image *= math.sqrt(images / max(images - 1, 1))
    return Influence(mean, by_image, by_seed, images - 1, n, images)


def crossed_mean(
    scores: np.ndarray, clusters: np.ndarray, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Mean of ``scores`` float[S, n] with its interval over new images and, from two on, seeds.

    ``clusters`` int[n] from 0; ``bounds`` as of ``clustered_mean``; NaN scores are left out.
    """
    return influence(scores, clusters).estimate(bounds)


def clustered_mean(
    scores: np.ndarray, clusters: np.ndarray, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Mean of ``scores`` float[n] with its interval; ``clusters`` int[n]; NaN scores are left out.

    ``bounds`` are the least and greatest possible score: the interval is cut there, and where all
    scores are equal (no variance to estimate from) it reaches as far as other scores may be without
    one among G images, the share ``1 - (alpha / 2) ** (1 / G)`` of what is left to the bounds: for
    scores that are all right the exact binomial interval (Clopper & Pearson 1934).
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    return crossed_mean(np.asarray(scores, dtype=float)[None], clusters, bounds)


def seed_average(scores: np.ndarray) -> np.ndarray:
    """Per-sample mean over seeds: float[S, n] -> float[n]; NaN where no seed has a score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a sample that failed in every seed
        return np.nanmean(scores, axis=0)


def seed_means(scores: np.ndarray) -> np.ndarray:
    """Mean of each seed: float[S, n] -> float[S]; NaN for a seed without scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(scores, axis=1)


def seed_spread(means: Sequence[float]) -> float:
    """Standard deviation (n - 1) of seed means, in score units; NaN below two seeds."""
    known = [m for m in means if not math.isnan(m)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def paired_difference(a: np.ndarray, b: np.ndarray, clusters: np.ndarray) -> Difference:
    """Difference of two cells on the samples both answered.

    ``a`` and ``b`` are float[S, n] with the same sample and seed in the same place (NaN where
    missing or failed), or float[1, n] for something that has no seed; ``clusters`` int[n].
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    apart = a - b
    apart = apart[~np.isnan(apart).all(axis=1)]
    return Difference(crossed_mean(apart, clusters), tuple(seed_means(apart).tolist()))


@dataclass(frozen=True)
class Constant:
    """The constant answer that is right most often, chosen with the gold in hand."""

    answer: str
    mean: float
    n: int


def credit(answer: str, gold: Sequence[str]) -> float:
    """What an answer earns where equality decides, 0 to 1.

    Up to three gold answers are alternatives. More are those of several people: the VQA accuracy
    (Antol et al. 2015), the mean over the people of min(1, agreement of the others / 3).
    """
    agree, people = gold.count(answer), len(gold)
    if people <= 3:
        return float(agree > 0)
    own, others = agree * min(1.0, (agree - 1) / 3), (people - agree) * min(1.0, agree / 3)
    return (own + others) / people


def best_constant(gold: Sequence[Sequence[str]]) -> Constant | None:
    """The one gold string that earns most as the answer to every sample; None without gold.

    Ties go to the string that sorts first, so that the choice does not depend on row order.
    """
    earned: Counter[str] = Counter()
    for answers in gold:
        for answer in set(answers):
            earned[answer] += credit(answer, answers)
    if not earned:
        return None
    answer, total = min(earned.items(), key=lambda item: (-item[1], item[0]))
    return Constant(answer, total / len(gold), len(gold))


def mean_chance(chance: np.ndarray) -> float:
    """Mean of the known per-sample chance levels float[n]; NaN if none is known."""
    known = chance[~np.isnan(chance)]
    return float(known.mean()) if len(known) else math.nan


def detectable(independent: int, discordant: float = 0.5, power: float = 0.8) -> float:
    """The smallest difference of two accuracies that so many ``independent`` questions show.

    With probability ``power`` the 95 % interval of the paired difference then excludes zero, where
    the share ``discordant`` of the questions is answered rightly by one of the two alone:
    δ = (z_0.975 + z_power) * sqrt(discordant / n) (Miller 2024, section 5; variance of the
    differences at most ``discordant``).
    """
    from scipy.special import ndtri

    return float((ndtri(0.5 + CONFIDENCE / 2) + ndtri(power)) * math.sqrt(discordant / independent))


@lru_cache(maxsize=4096)
def t_quantile(degrees: float) -> float:
    """The critical value of Student's t at the confidence level, two-sided."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))
