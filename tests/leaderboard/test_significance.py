"""Exact tests against every sign flip and scipy; Holm's correction against statsmodels."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from leaderboard.significance import holm, sign_flip_p, student_p


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (0, 1), (3, 9), (10, 10), (61, 20), (900, 700)]
)
def test_one_question_an_image_is_mcnemars_exact_test(wins, losses):
    mcnemar = pytest.importorskip("statsmodels.stats.contingency_tables").mcnemar
    sums = np.array([1] * wins + [-1] * losses + [0] * 40)
    p = sign_flip_p(sums)
    assert p == pytest.approx(mcnemar([[5, wins], [losses, 5]], exact=True).pvalue)
    if wins + losses:
        assert p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue)


@pytest.mark.parametrize("seed", range(8))
def test_several_questions_an_image_are_every_sign_flip(seed):
    sums = np.random.default_rng(seed).integers(-3, 5, size=12)
    totals = [abs(np.dot(signs, sums)) for signs in product((1, -1), repeat=len(sums))]
    assert sign_flip_p(sums) == pytest.approx(np.mean(np.array(totals) >= abs(sums.sum())))


def test_many_images_agree_with_random_flips():
    rng = np.random.default_rng(9)
    sums = rng.integers(-4, 5, size=700) + (rng.random(700) < 0.07)
    flips = rng.choice([-1, 1], size=(20_000, 700)) @ sums
    assert sign_flip_p(sums) == pytest.approx(np.mean(np.abs(flips) >= abs(sums.sum())), abs=0.01)


def test_overwhelming_evidence_has_a_small_p_that_is_not_zero():
    assert 0 < sign_flip_p(np.array([2] * 800 + [1] * 800)) <= 1e-15
    assert sign_flip_p(np.ones(800)) == pytest.approx(2.0**-799)


def test_students_p_is_that_of_scipy():
    x = np.random.default_rng(1).normal(0.3, 1, 30)
    p = student_p(x.mean(), x.var(ddof=1) / 30, 29)
    assert p == pytest.approx(stats.ttest_1samp(x, 0).pvalue)


@pytest.mark.parametrize("seed", range(3))
def test_holm_is_that_of_statsmodels(seed):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    p = np.random.default_rng(seed).random(15) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])


def test_holm_does_not_count_what_was_not_tested():
    corrected = holm(np.array([0.01, math.nan, 0.04]))
    np.testing.assert_allclose(corrected, [0.02, math.nan, 0.04])
    assert len(holm(np.zeros(0))) == 0
