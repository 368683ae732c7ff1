"""Comparisons of whole results: tests, corrections, directions, missing parts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from leaderboard import schema
from leaderboard.overall import OVERALL
from leaderboard.paired import paired_scores
from leaderboard.results import load_results
from leaderboard.statistics import clustered_mean


@pytest.fixture
def drawn(simulation):
    """Makes results of a design: ``drawn(seeds=3, scores="CIDEr-D")``."""

    def make(better: float = 0.0, **changes):
        design = simulation.Design("test", **({"images": 60} | changes))
        scores, _ = simulation.draw(design, np.random.default_rng(7))
        if better:
            scores[:, 0] = np.where(
                np.random.default_rng(8).random(scores[:, 0].shape) < better, 1, scores[:, 0]
            )
        return simulation.as_results(scores, design)

    return make


def test_right_or_wrong_answers_get_mcnemars_test(drawn):
    results = drawn(questions=1)
    for c in results.comparisons.of("task0"):
        x, y = (results.cell(name, "task0").scores[0] for name in (c.a, c.b))
        wins, losses = int((x > y).sum()), int((x < y).sum())
        assert (c.wins, c.ties, c.losses) == (wins, 60 - wins - losses, losses)
        assert c.test == "mcnemar"
        assert c.p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue)
        e, own = c.difference.estimate, clustered_mean(x - y, np.arange(60))
        np.testing.assert_allclose([e.mean, e.low, e.high], [own.mean, own.low, own.high])


@pytest.mark.parametrize(
    ("changes", "test"),
    [
        ({}, "mcnemar"),
        ({"scores": "VQA credit"}, "t"),
        ({"scores": "CIDEr-D"}, "bootstrap"),
        ({"seeds": 3}, "t"),
        ({"seeds": 3, "scores": "CIDEr-D"}, "t"),
        ({"tasks": 2}, "mcnemar"),
    ],
)
def test_the_test_fits_the_scores(drawn, changes, test):
    results = drawn(**changes)
    assert {c.test for c in results.comparisons.of("task0")} == {test}
    overall = results.comparisons.of(OVERALL) if "tasks" in changes else []
    assert {c.test for c in overall} <= {"t"}


def test_p_is_corrected_over_the_pairs_of_tokenizers(drawn):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    pairs = drawn(better=0.6, tokenizers=5).comparisons.of("task0")
    assert len(pairs) == 10
    np.testing.assert_allclose(
        [c.adjusted for c in pairs], multipletests([c.p for c in pairs], method="holm")[1]
    )
    assert {c.clear for c in pairs if c.a == "t0"} == {True}


def test_controls_are_compared_but_are_no_part_of_the_correction(run_dir):
    comparisons = load_results(run_dir).comparisons
    names = {name for c in comparisons.of("vqa") for name in (c.a, c.b)}
    assert names == {"deit", "clip", "mae", "dino"}
    control = comparisons.pair("deit", "blind", "vqa")
    assert control.adjusted == control.p and control.clear


def test_mirrored_is_the_other_way_round(drawn):
    comparisons = drawn(better=0.2, seeds=3).comparisons
    one, other = comparisons.pair("t0", "t2", "task0"), comparisons.pair("t2", "t0", "task0")
    assert other == one.mirrored() and other.mirrored() == one
    e, m = one.difference.estimate, other.difference.estimate
    assert (m.mean, m.low, m.high) == (-e.mean, -e.high, -e.low)
    assert (other.wins, other.losses, other.p) == (one.losses, one.wins, one.p)
    assert other.difference.per_seed == tuple(-d for d in one.difference.per_seed)


def test_lower_is_better_turns_the_difference(drawn):
    results = drawn(better=0.5)
    up = results.comparisons.pair("t0", "t1", "task0")
    results.tasks[0]["higher_is_better"] = False
    down = type(results.comparisons)(results).pair("t0", "t1", "task0")
    assert (down.wins, down.losses) == (up.losses, up.wins)
    assert down.difference.estimate.mean == -up.difference.estimate.mean


@pytest.mark.parametrize("scores", ["right or wrong", "VQA credit", "CIDEr-D"])
def test_columns_that_are_the_same_are_no_different(drawn, scores):
    results = drawn(scores=scores)
    results.cell("t1", "task0").scores[:] = results.cell("t0", "task0").scores
    c = results.comparisons.pair("t0", "t1", "task0")
    assert (c.p, c.adjusted, c.wins, c.losses, c.clear) == (1.0, 1.0, 0, 0, False)
    assert c.difference.estimate.low <= 0 <= c.difference.estimate.high
    assert math.isnan(c.detectable)


@pytest.mark.parametrize("scores", ["right or wrong", "VQA credit", "CIDEr-D"])
def test_every_image_says_the_same(drawn, scores):
    results = drawn(scores=scores, images=9, questions=1, tokenizers=2)
    results.cell("t0", "task0").scores[:] = 1.0
    results.cell("t1", "task0").scores[:] = 0.0
    c = results.comparisons.pair("t0", "t1", "task0")
    assert c.p == pytest.approx(2 / 2**9)
    assert c.clear
    if scores != "CIDEr-D":  # seen nine times: it may be otherwise on a share of the others
        share = stats.binomtest(9, 9).proportion_ci(method="exact").low
        assert c.difference.estimate.low == pytest.approx(2 * share - 1)


@pytest.mark.parametrize("differ", [0, 1, 2, 19, 20, 40])
def test_few_captions_that_differ_have_finite_intervals(drawn, differ):
    results = drawn(questions=1, scores="CIDEr-D", tokenizers=2)
    x, y = (results.cell(name, "task0").scores for name in ("t0", "t1"))
    y[:] = x
    y[0, :differ] += np.random.default_rng(1).gamma(1.0, size=differ)
    c = results.comparisons.pair("t1", "t0", "task0")
    assert c.test == ("bootstrap" if differ >= 20 else "t")
    assert math.isfinite(c.difference.estimate.low) and 0 < c.p <= 1
    assert c.clear == (differ >= 19)


def test_missing_scores_are_compared_where_both_have_one(drawn):
    results = drawn(questions=1, scores="CIDEr-D")
    results.cell("t0", "task0").scores[0, :5] = np.nan
    results.cell("t1", "task0").scores[0, 3:9] = np.nan
    c = results.comparisons.pair("t0", "t1", "task0")
    x, y = (results.cell(name, "task0").scores[0] for name in ("t0", "t1"))
    assert (c.difference.estimate.n, c.wins + c.ties + c.losses) == (51, 51)
    assert c.difference.estimate.mean == pytest.approx((x - y)[9:].mean())


def test_a_column_of_one_seed_meets_every_seed(drawn):
    results = drawn(seeds=3)
    single = results.cell("t1", "task0")
    single.seeds, single.scores = [0], single.scores[:1]
    apart = paired_scores([results.cell("t0", "task0")], [single])
    np.testing.assert_array_equal(apart, results.cell("t0", "task0").scores - single.scores)
    other = results.cell("t2", "task0")
    other.seeds = [2, 3, 4]
    assert paired_scores([results.cell("t0", "task0")], [other]).shape[0] == 1
    other.seeds = [5, 6, 7]
    assert results.comparisons.pair("t0", "t2", "task0") is None


def test_detectable_is_what_a_t_test_shows_four_times_in_five(drawn):
    solve = pytest.importorskip("statsmodels.stats.power").TTestPower().solve_power
    design = {"images": 300, "questions": 1, "tokenizers": 2, "scores": "VQA credit"}
    c = drawn(**design).comparisons.pair("t0", "t1", "task0")
    sd = (c.difference.estimate.high - c.difference.estimate.low) / 2 / stats.t.ppf(0.975, 299)
    effect = solve(nobs=300, alpha=0.05, power=0.8)
    assert c.detectable == pytest.approx(effect * sd * math.sqrt(300), rel=0.01)


@pytest.mark.parametrize(("n", "alone"), [(60, 20), (100, 10), (300, 20), (300, 60)])
def test_the_exact_test_shows_what_is_detectable_four_times_in_five(simulation, n, alone):
    scores = np.zeros((1, 2, 1, n))
    scores[0, 0, 0, :alone] = scores[0, 1, 0, alone : 2 * alone] = 1
    design = simulation.Design("test", tokenizers=2, images=n, questions=1)
    c = simulation.as_results(scores, design).comparisons.pair("t0", "t1", "task0")
    # As many questions as here are decided by one of the two alone, the first the better one by so
    # much: how often is p below 0.05?
    share, power = 2 * alone / n, 0.0
    for apart in range(n + 1):
        wins = np.arange(apart + 1)
        p = 2 * stats.binom.cdf(np.minimum(wins, apart - wins), apart, 0.5)
        chance = stats.binom.pmf(wins, apart, (share + c.detectable) / 2 / share)
        power += stats.binom.pmf(apart, n, share) * chance[p < 0.05].sum()
    assert 0.8 <= power < 0.88


def test_of_few_images_as_many_detectable_differences_are_too_large_as_too_small(simulation):
    design = simulation.Design("test", "CIDEr-D", tokenizers=2, images=4, questions=1)
    rng, found = np.random.default_rng(5), []
    for scores in rng.normal(size=(1000, 1, 2, 1, 4)) / math.sqrt(2):
        pair = simulation.as_results(scores, design).comparisons.pair("t0", "t1", "task0")
        found.append(pair.detectable)
    standard_error = 1 / math.sqrt(4)
    expected = (stats.t.ppf(0.975, 3) + stats.t.ppf(0.8, 3)) * standard_error
    assert np.median(found) == pytest.approx(expected, rel=0.05)


def test_no_figure_where_nothing_could_be_shown(drawn):
    c = drawn(images=4, questions=1, tokenizers=2).comparisons.pair("t0", "t1", "task0")
    assert c.wins + c.losses > 0 and math.isnan(c.detectable)


def test_more_pairs_need_larger_differences(drawn):
    few = drawn(tokenizers=2).comparisons.pair("t0", "t1", "task0")
    many = drawn(tokenizers=8).comparisons.pair("t0", "t1", "task0")
    assert many.detectable > few.detectable


def test_a_column_without_a_cell_has_no_comparison(run_dir):
    for seed in (1, 2):
        schema.rows_path(run_dir, "dino", seed, "vqa").unlink()
    comparisons = load_results(run_dir).comparisons
    assert comparisons.scopes == ["vqa", "oc", "mci", "caption", OVERALL]
    assert comparisons.pair("deit", "dino", "vqa") is None
    assert comparisons.pair("deit", "dino", OVERALL) is None
    assert len(comparisons.of("vqa")) == len(comparisons.of(OVERALL)) == 3
