"""The paired bootstrap against scipy's and against Student."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leaderboard import bootstrap


def test_weights_are_those_of_drawing_with_replacement():
    w = np.concatenate(list(bootstrap.weights(300)))
    assert w.shape == (bootstrap.RESAMPLES, 300)
    shares = [(w == k).mean() for k in range(4)]
    np.testing.assert_allclose(shares, stats.poisson.pmf(range(4), 1), atol=0.003)
    again = np.concatenate(list(bootstrap.weights(300)))
    assert (w == again).all()


def test_resampled_standard_error_is_that_of_scipys_bootstrap():
    x = np.random.default_rng(1).gamma(0.8, size=120)
    oracle = stats.bootstrap((x,), np.mean, n_resamples=4000, rng=2).standard_error
    means = [w @ x / w.sum(axis=1) for w in bootstrap.weights(120)]
    assert np.concatenate(means).std() == pytest.approx(oracle, rel=0.06)


def test_t_is_studentized_by_image():
    rng = np.random.default_rng(2)
    sums, counts = rng.normal(size=(90, 1)), rng.integers(1, 4, size=(90, 1)).astype(float)
    w = next(iter(bootstrap.weights(90)))
    mean = sums.sum() / counts.sum()
    expected = []
    for row in w:
        copies = np.repeat(np.arange(90), row.astype(int))
        own, size = sums[copies, 0], counts[copies, 0]
        again = own.sum() / size.sum()
        error = np.sqrt(90 / 89 * ((own - again * size) ** 2).sum()) / size.sum()
        expected.append(abs(again - mean) / error)
    t = bootstrap.studentized(sums, counts)[:, 0]
    assert np.isin(np.round(expected, 9), np.round(t, 9)).all()


def test_means_of_one_size_are_resampled_together():
    sums = np.random.default_rng(3).normal(size=(50, 3))
    together = bootstrap.studentized(sums, np.ones((50, 3)))
    for k in range(3):
        alone = bootstrap.studentized(sums[:, [k]], np.ones((50, 1)))[:, 0]
        np.testing.assert_allclose(together[:, k], alone, atol=1e-9)


def test_of_normal_scores_the_bootstrap_is_students_test():
    x = np.random.default_rng(4).normal(0.1, 1, 400)
    t = bootstrap.studentized(x[:, None], np.ones((400, 1)))[:, 0]
    assert bootstrap.critical(t) == pytest.approx(stats.t.ppf(0.975, 399), rel=0.06)
    exact = stats.ttest_1samp(x, 0)
    assert bootstrap.p_value(t, exact.statistic, 399) == pytest.approx(exact.pvalue, abs=0.02)


def test_p_falls_on_beyond_the_resamples_and_fits_the_interval():
    x = np.random.default_rng(5).gamma(0.8, size=300)
    t = bootstrap.studentized(x[:, None], np.ones((300, 1)))[:, 0]
    ps = [bootstrap.p_value(t, statistic, 299) for statistic in np.linspace(0, 12, 400)]
    assert ps == sorted(ps, reverse=True)
    assert ps[0] == 1.0 and 0 < ps[-1] < 1e-10
    edge = bootstrap.critical(t)
    assert bootstrap.p_value(t, edge + 1e-9, 299) <= 0.05 <= bootstrap.p_value(t, edge - 1e-9, 299)
