"""Means, paired differences and constants of per-sample scores; the variance is in variance.py."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .variance import CONFIDENCE, Estimate, SeedEffect, influence


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

    ``bounds`` are the least and greatest possible score, where there are such; see ``Mean.within``.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    return influence(np.asarray(scores, dtype=float)[None], clusters).summed.within(bounds)


def seed_average(scores: np.ndarray) -> np.ndarray:
    """Per-sample mean over seeds: float[S, n] -> float[n]; NaN where no seed has a score."""
    return _known_mean(scores, axis=0)


def seed_means(scores: np.ndarray) -> np.ndarray:
    """Mean of each seed: float[S, n] -> float[S]; NaN for a seed without scores."""
    return _known_mean(scores, axis=1)


def _known_mean(scores: np.ndarray, axis: int) -> np.ndarray:
    if not np.isnan(scores).any():
        return scores.mean(axis=axis)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a sample that failed in every seed
        return np.nanmean(scores, axis=axis)


def seed_spread(means: Sequence[float]) -> float:
    """Standard deviation (n - 1) of seed means, in score units; NaN below two seeds."""
    known = [m for m in means if not math.isnan(m)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else math.nan


def paired_difference(
    a: np.ndarray, b: np.ndarray, clusters: np.ndarray, effect: SeedEffect | None = None
) -> Difference:
    """Difference of two cells on the samples both answered.

    ``a`` and ``b`` are float[S, n] with the same sample and seed in the same place (NaN where
    missing or failed), or float[1, n] for something that has no seed; ``clusters`` int[n].
    ``effect``: what seeds are known to do to such a difference.
    """
    _, clusters = np.unique(clusters, return_inverse=True)
    apart = a - b
    apart = apart[~np.isnan(apart).all(axis=1)]
    estimate = influence(apart, clusters).summed.estimate(effect)
    return Difference(estimate, tuple(seed_means(apart).tolist()))


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
