"""The mean over tasks: what enters, and images that tasks share."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.compare import compare
from leaderboard.overall import OVERALL, mean_influence, overall_tasks
from leaderboard.results import load_results
from leaderboard.statistics import clustered_mean


def test_every_task_in_percent_counts_the_same(run_dir):
    results = load_results(run_dir)
    assert [task["name"] for task in overall_tasks(results)] == ["vqa", "oc", "mci"]
    means = [results.cell("clip", name).estimate.mean for name in ("vqa", "oc", "mci")]
    e = results.overall("clip")
    assert e.mean == pytest.approx(np.mean(means))
    assert (e.n, e.images) == (270, 30)  # the same pictures in all three
    assert e.low < e.mean < e.high


def test_one_task_in_percent_is_no_mean_over_tasks(run_dir):
    results = load_results(run_dir)
    for name in ("vqa", "oc"):
        next(task for task in results.tasks if task["name"] == name)["unit"] = "score"
    assert results.overall("clip") is None
    assert OVERALL not in results.comparisons.scopes
    assert results.ranks(OVERALL) == {}


def test_same_questions_of_the_same_images_are_one_task():
    rng = np.random.default_rng(1)
    x, clusters = rng.random((1, 90)), np.repeat(np.arange(30), 3)
    part = ([0], x, clusters)
    same = mean_influence([part, part], [np.arange(30), np.arange(30)]).summed
    alone = clustered_mean(x[0], clusters)
    assert same.images == 30
    e = same.estimate()
    np.testing.assert_allclose([e.mean, e.low, e.high], [alone.mean, alone.low, alone.high])


def test_tasks_of_other_images_add_their_variances():
    rng = np.random.default_rng(2)
    parts = [([0], rng.random((1, n)), np.arange(n)) for n in (40, 90)]
    apart = mean_influence(parts, [np.arange(40), 40 + np.arange(90)]).summed
    own = [x.var(ddof=1) / x.shape[1] for _, x, _ in parts]
    assert apart.images == 130
    assert apart.spread()[0] == pytest.approx(sum(own) / 4)
    welch = sum(own) ** 2 / (own[0] ** 2 / 39 + own[1] ** 2 / 89)
    assert apart.spread()[1] == pytest.approx(welch)


def test_seeds_are_the_same_seeds_on_every_task():
    rng = np.random.default_rng(3)
    luck = np.array([[0.1], [-0.1], [0.0]])  # of one alignment, on both tasks
    parts = [([0, 1, 2], rng.random((3, 400)) + luck, np.arange(400)) for _ in range(2)]
    moved = mean_influence(parts, [np.arange(400), 400 + np.arange(400)])
    per_seed = np.mean([x.mean(axis=1) for _, x, _ in parts], axis=0)
    np.testing.assert_allclose(moved.mean + 3 * moved.by_seed, per_seed)
    assert moved.summed.v_seed == pytest.approx(per_seed.var(ddof=1) / 3)


def drawn(simulation, seeds=1):
    design = simulation.Design("test", tokenizers=2, seeds=seeds, tasks=2)
    scores, _ = simulation.draw(design, np.random.default_rng(4))
    return scores, design


@pytest.mark.parametrize("scope", ["task0", OVERALL])
def test_columns_that_share_no_answered_sample_are_not_compared(simulation, scope):
    scores, design = drawn(simulation)
    half = scores.shape[-1] // 2
    scores[0, 0, 0, :half] = scores[0, 1, 0, half:] = np.nan
    results = simulation.as_results(scores, design)
    for named in (*results.run["columns"], *results.tasks):
        named["title"] = named["name"]
    assert results.comparisons.pair("t0", "t1", scope) is None
    (found,) = compare(results, "t0", "t1", [scope])
    assert found.a and found.b and found.words.startswith("not compared")


@pytest.mark.parametrize("scope", ["task0", OVERALL])
def test_a_seed_without_any_score_is_none(simulation, scope):
    scores, design = drawn(simulation, seeds=3)
    failed = scores.copy()
    failed[:, 0, 1] = np.nan
    got = simulation.as_results(failed, design)
    without = simulation.as_results(scores, design)
    for task in ("task0", "task1"):
        cell = without.cells["t0", task]
        cell.seeds, cell.scores = [0, 2], cell.scores[[0, 2]]
    assert got.comparisons.pair("t0", "t1", scope) == without.comparisons.pair("t0", "t1", scope)
    assert got.cell("t0", "task0").estimate == without.cell("t0", "task0").estimate
