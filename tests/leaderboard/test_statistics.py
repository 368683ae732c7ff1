"""Intervals and differences against independent oracles and a small simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from leaderboard.statistics import (
    best_constant,
    clustered_mean,
    credit,
    detectable,
    mean_chance,
    paired_difference,
    seed_average,
    seed_spread,
)
from leaderboard.variance import SeedEffect


def simulate(rng, images=40, n=160, effect=0.0):
    """Right/wrong scores whose chance of being right varies by image."""
    clusters = rng.integers(images, size=n)
    skill = np.clip(0.5 + effect + rng.normal(0, 0.2, images), 0.02, 0.98)
    return (rng.random(n) < skill[clusters]).astype(float), clusters


def test_interval_equals_brute_force_sums():
    x, clusters = simulate(np.random.default_rng(1))
    e = clustered_mean(x, clusters)
    groups = set(clusters.tolist())
    total = 0.0
    for g in groups:
        total += sum(v - x.mean() for v, c in zip(x, clusters, strict=True) if c == g) ** 2
    count = len(groups)
    se = math.sqrt(count / (count - 1) * total / len(x) ** 2)
    margin = stats.t.ppf(0.975, count - 1) * se
    assert (e.n, e.images) == (160, count)
    np.testing.assert_allclose([e.low, e.high], [x.mean() - margin, x.mean() + margin])


def test_interval_equals_statsmodels_clustered_regression():
    sm = pytest.importorskip("statsmodels.api")
    x, clusters = simulate(np.random.default_rng(2))
    fit = sm.OLS(x, np.ones_like(x)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    e = clustered_mean(x, clusters)
    np.testing.assert_allclose([e.low, e.high], fit.conf_int()[0])


def test_one_sample_an_image_is_the_students_t_interval():
    x = np.random.default_rng(3).normal(size=25)
    e = clustered_mean(x, np.arange(25))
    expected = stats.t.interval(0.95, 24, x.mean(), stats.sem(x))
    np.testing.assert_allclose([e.low, e.high], expected)


def test_all_right_is_not_certainty():
    e = clustered_mean(np.ones(30), np.arange(30), (0.0, 1.0))
    expected = stats.binomtest(30, 30).proportion_ci(method="exact").low
    np.testing.assert_allclose([e.low, e.high], [expected, 1.0])
    none = clustered_mean(np.zeros(30), np.arange(30), (0.0, 1.0))
    np.testing.assert_allclose([none.low, none.high], [0.0, 1 - expected])


def test_interval_stays_inside_the_bounds():
    x = np.array([1.0] * 19 + [0.0])
    assert clustered_mean(x, np.arange(20), (0.0, 1.0)).low > 0
    assert 0.95 < clustered_mean(x, np.arange(20), (0.0, 1.0)).high < 1
    assert clustered_mean(x, np.arange(20)).high > 1  # what bounds are for


def test_missing_scores_are_left_out_and_one_image_has_no_interval():
    x = np.array([1.0, np.nan, 0.0])
    e = clustered_mean(x, np.array([0, 1, 0]))
    assert (e.mean, e.n, e.images) == (0.5, 2, 1)
    assert math.isnan(e.low)
    assert clustered_mean(np.array([np.nan]), np.array([0])).n == 0


def test_paired_difference_is_the_clustered_mean_of_differences():
    rng = np.random.default_rng(4)
    a, clusters = simulate(rng)
    b = np.where(rng.random(160) < 0.8, a, 1 - a)
    d = paired_difference(a[None], b[None], clusters)
    assert d.estimate == clustered_mean(a - b, clusters)
    assert d.per_seed == (pytest.approx((a - b).mean()),)


def test_paired_difference_uses_only_shared_samples():
    a = np.array([[1.0, 1.0, np.nan, 1.0]])
    b = np.array([[0.0, np.nan, 0.0, 1.0]])
    assert paired_difference(a, b, np.arange(4)).estimate.n == 2


def test_a_difference_that_changes_sign_between_seeds_is_not_clear():
    n = 4000
    rng = np.random.default_rng(6)
    y = np.zeros((3, n))
    # wins and losses of each seed: less apart than questions scatter
    x = np.stack(
        [
            rng.permutation(np.repeat([1.0, -1.0, 0.0], [wins, losses, n - wins - losses]))
            for wins, losses in ((700, 580), (700, 580), (590, 600))
        ]
    )
    mixed = paired_difference(x, y, np.arange(n), SeedEffect(1.0, 8))
    assert mixed.estimate.low > 0 > min(mixed.per_seed)
    assert not mixed.clear
    assert paired_difference(x[:2], y[:2], np.arange(n), SeedEffect(1.0, 8)).clear


def test_seeds_that_differ_widen_a_difference():
    good, bad = np.ones((1, 400)), np.zeros((1, 400))
    good[0, :40] = 0.0
    apart = paired_difference(
        np.vstack([good, good, bad]), np.vstack([bad, bad, good]), np.arange(400)
    )
    assert apart.estimate.low < 0 < apart.estimate.mean
    assert paired_difference(good, bad, np.arange(400)).clear


def test_no_difference_is_not_clear():
    x = np.ones((2, 10))
    assert not paired_difference(x, x, np.arange(10)).clear


def test_seed_average_and_spread():
    scores = np.array([[1.0, np.nan, np.nan], [0.0, 1.0, np.nan]])
    np.testing.assert_equal(seed_average(scores), [0.5, 1.0, np.nan])
    assert seed_spread([0.5, 0.7, math.nan]) == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert math.isnan(seed_spread([0.5]))


def test_best_constant_equals_trying_every_answer():
    gold = [["yes"], ["no"], ["no", "none"], ["none"], ["2", "2"]]
    constant = best_constant(gold)
    scores = {c: sum(c in g for g in gold) / len(gold) for g in gold for c in g}
    assert constant.mean == max(scores.values())
    assert constant.answer == "no"  # ties: the first in order
    assert best_constant([]) is None


def test_ten_answers_are_worth_what_the_vqa_accuracy_says():
    gold = [["yes"] * 2 + ["no"] * 8, ["yes"] * 10, ["red"] * 10, ["no"] * 3 + ["x"] * 7]

    def leave_one_out(answer, people):
        others = [people[:i] + people[i + 1 :] for i in range(len(people))]
        return np.mean([min(1, left.count(answer) / 3) for left in others])

    for answer in ("yes", "no", "red", "x", "blue"):
        for people in gold:
            assert credit(answer, people) == pytest.approx(leave_one_out(answer, people))
    constant = best_constant(gold)
    assert constant.answer == "no"
    assert constant.mean == pytest.approx((1 + 0 + 0 + leave_one_out("no", gold[3])) / 4)


def test_chance_is_the_mean_of_what_is_known():
    assert mean_chance(np.array([0.5, 0.25, np.nan])) == pytest.approx(0.375)
    assert math.isnan(mean_chance(np.array([np.nan])))


@pytest.mark.parametrize(("samples", "discordant", "power"), [(540, 0.5, 0.8), (2000, 0.2, 0.9)])
def test_the_detectable_difference_is_statsmodels_normal_power(samples, discordant, power):
    oracle = pytest.importorskip("statsmodels.stats.power").normal_power
    effect = detectable(samples, discordant, power) / math.sqrt(discordant)
    assert oracle(effect, samples, 0.05, "two-sided") == pytest.approx(power, abs=1e-5)
