"""Means, intervals and paired differences of per-sample scores, clustered by image.

Questions share images, so samples are not independent. With per-sample scores x_i, their mean m,
n samples in G images, the cluster-robust variance of the mean is

    Var(m) = G / (G - 1) * sum_g ( sum_{i in g} (x_i - m) )^2 / n^2

(Liang & Zeger 1986; with the usual small-sample factor it is what an intercept-only regression with
clustered errors gives; used for model evaluation by Miller 2024, arXiv 2411.00640). The 95 %
interval is m ± t * sqrt(Var(m)) with the 0.975 quantile of Student's t at G - 1 degrees of freedom.
A paired difference is the same formula on x_i = a_i - b_i over the samples both have.

Several seeds: scores are averaged over seeds per sample first, so an interval speaks about new
images, not about new seeds; the spread over seeds is reported beside it.
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


def clustered_mean(
    scores: np.ndarray, clusters: np.ndarray, bounds: tuple[float, float] | None = None
) -> Estimate:
    """Mean of ``scores`` float[n] with its interval; ``clusters`` int[n]; NaN scores are left out.

    ``bounds`` are the least and greatest possible score: the interval is cut there, and where every
    score sits on the same bound (no variance to estimate from) its other end is the exact binomial
    one with images as trials, ``(alpha / 2) ** (1 / G)`` of the range (Clopper & Pearson 1934).
    """
    keep = ~np.isnan(scores)
    x = scores[keep]
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0, 0)
    _, group = np.unique(clusters[keep], return_inverse=True)
    images = int(group.max()) + 1
    mean = float(x.mean())
    if images < 2:
        return Estimate(mean, math.nan, math.nan, n, images)
    sums = np.bincount(group, weights=x - mean)
    variance = images / (images - 1) * float(sums @ sums) / n**2
    margin = _t_quantile(images - 1) * math.sqrt(variance)
    low, high = mean - margin, mean + margin
    if bounds is not None:
        least, most = bounds
        reach = (most - least) * (1 - ((1 - CONFIDENCE) / 2) ** (1 / images))
        if (x == most).all():
            low = most - reach
        elif (x == least).all():
            high = least + reach
        low, high = max(low, least), min(high, most)
    return Estimate(mean, low, high, n, images)


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
    estimate = clustered_mean(seed_average(a) - seed_average(b), clusters)
    per_seed = seed_means(a - b)
    return Difference(estimate, tuple(float(d) for d in per_seed if not math.isnan(d)))


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
def _t_quantile(degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + CONFIDENCE / 2))
