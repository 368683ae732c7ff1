"""Variance components against statsmodels' analysis of variance, intervals against root finding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from leaderboard.statistics import clustered_mean
from leaderboard.variance import Mean, SeedEffect, influence, pooled


def crossed(rng, seeds=3, images=40, each=1, seed_sd=0.2):
    """Scores float[S, n] of images crossed with seeds, and clusters int[n]."""
    clusters = np.repeat(np.arange(images), each)
    x = rng.normal(size=images)[clusters] + rng.normal(0, seed_sd, (seeds, 1))
    return x + rng.normal(0, 0.7, (seeds, len(clusters))), clusters


@pytest.mark.parametrize("each", [1, 3])
def test_components_are_those_of_the_analysis_of_variance(each):
    pandas = pytest.importorskip("pandas")
    ols = pytest.importorskip("statsmodels.formula.api").ols
    anova = pytest.importorskip("statsmodels.api").stats.anova_lm
    scores, clusters = crossed(np.random.default_rng(1), each=each)
    seeds, images = 3, 40
    by_image = scores.reshape(seeds, images, each).mean(axis=2)
    table = pandas.DataFrame(
        {
            "y": by_image.ravel(),
            "seed": np.repeat(np.arange(seeds), images),
            "image": np.tile(np.arange(images), seeds),
        }
    )
    squares = anova(ols("y ~ C(seed) + C(image)", table).fit())["mean_sq"] / (seeds * images)
    mean = influence(scores, clusters).summed
    assert mean.mean == pytest.approx(scores.mean())
    assert mean.v_image == pytest.approx(squares["C(image)"])
    assert mean.v_seed == pytest.approx(squares["C(seed)"])
    assert mean.v_residual == pytest.approx(squares["Residual"])


def test_two_way_variance_agrees_with_two_way_clustered_regression():
    sm = pytest.importorskip("statsmodels.api")
    from statsmodels.stats.sandwich_covariance import cov_cluster_2groups

    scores, clusters = crossed(np.random.default_rng(2), seeds=30, images=200, seed_sd=0.3)
    fit = sm.OLS(scores.ravel(), np.ones(scores.size)).fit()
    seed = np.repeat(np.arange(30), 200)
    both = cov_cluster_2groups(fit, seed, np.tile(clusters, 30))[0]
    variance, _ = influence(scores, clusters).summed.spread()
    assert variance == pytest.approx(float(both[0, 0]), rel=0.03)


def test_missing_scores_leave_what_is_known():
    scores, clusters = crossed(np.random.default_rng(3), images=12, each=2)
    scores[0, 3] = scores[1, 4] = scores[:, 5] = np.nan
    mean = influence(scores, clusters).summed
    assert (mean.n, mean.images) == (23, 12)
    assert mean.mean == pytest.approx(np.nanmean(np.nanmean(scores[:, np.arange(24) != 5], axis=0)))


def test_degrees_of_freedom_reach_from_seeds_to_images():
    few = Mean(0.5, 100, 100, 3, 99, v_image=1e-8, v_seed=1e-3, v_residual=1e-9)
    assert few.spread()[1] == pytest.approx(1.5, rel=0.01)  # S - 1, less half a degree
    none = Mean(0.5, 100, 100, 3, 99, v_image=1e-3, v_seed=1e-4, v_residual=2e-4)
    assert none.spread() == (1e-3, 99)
    assert none.spread(SeedEffect(4.0, 8))[0] == pytest.approx(1e-3 + 3 * 2e-4)


def test_pooling_takes_the_mean_ratio_and_adds_degrees():
    means = [Mean(0, 9, 9, 3, 8, 1, v, r) for v, r in ((2.0, 1.0), (1.0, 2.0), (3.0, 1.0))]
    single = Mean(0, 9, 9, 1, 8, 1, 0, 0)
    assert pooled([*means, single]) == SeedEffect(pytest.approx(5.5 / 3), 6)
    assert pooled([single]) is None


def test_one_seed_speaks_of_images_only():
    scores, clusters = crossed(np.random.default_rng(4), seeds=1, each=2)
    mean = influence(scores, clusters).summed
    assert mean.estimate(SeedEffect(9.0, 2)) == clustered_mean(scores[0], clusters)


@pytest.mark.parametrize("right", [30, 57, 59])
def test_score_interval_is_all_means_that_are_not_refuted(right):
    x = (np.arange(60) < right).astype(float)
    e = clustered_mean(x, np.arange(60) // 2, (0.0, 1.0))
    plain = clustered_mean(x, np.arange(60) // 2)
    t = stats.t.ppf(0.975, 29)
    independent = e.mean * (1 - e.mean) / ((plain.high - e.mean) / t) ** 2

    def refuted(v):
        return (e.mean - v) ** 2 - t**2 * v * (1 - v) / independent

    assert e.low == pytest.approx(brentq(refuted, 1e-9, e.mean))
    assert e.high == pytest.approx(brentq(refuted, e.mean, 1 - 1e-9))


def test_score_interval_of_many_independent_answers_is_wilsons():
    x = (np.arange(5000) < 4700).astype(float)
    e = clustered_mean(x, np.arange(5000), (0.0, 1.0))
    wilson = stats.binomtest(4700, 5000).proportion_ci(method="wilson")
    assert (e.low, e.high) == (
        pytest.approx(wilson.low, abs=1e-5),
        pytest.approx(wilson.high, abs=1e-5),
    )


def test_score_interval_moves_with_the_bounds():
    x, clusters = np.random.default_rng(5).random(40), np.arange(40)
    e, wide = (
        clustered_mean(x, clusters, (0.0, 1.0)),
        clustered_mean(4 * x - 2, clusters, (-2.0, 2.0)),
    )
    np.testing.assert_allclose([wide.low, wide.high], [4 * e.low - 2, 4 * e.high - 2])


def test_equal_scores_leave_room_for_what_was_not_seen():
    e = clustered_mean(np.full(30, 0.3), np.arange(30), (0.0, 1.0))
    unseen = 1 - stats.binomtest(30, 30).proportion_ci(method="exact").low
    assert e.low == pytest.approx(0.3 - 0.3 * unseen)
    assert e.high == pytest.approx(0.3 + 0.7 * unseen)
    assert math.isnan(clustered_mean(np.ones(3), np.zeros(3, int), (0.0, 1.0)).low)
