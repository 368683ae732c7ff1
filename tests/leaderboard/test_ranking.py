"""Ranks: ties, clear orders, the chance of being first."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from leaderboard.overall import OVERALL


def of(simulation, scores, **changes):
    tasks, tokenizers, seeds, n = scores.shape
    design = simulation.Design(
        "test", tokenizers=tokenizers, seeds=seeds, images=n, questions=1, tasks=tasks, **changes
    )
    return simulation.as_results(scores, design)


def answers(rates, n=400, seeds=1, tasks=1):
    rng = np.random.default_rng(1)
    skill = np.array(rates)[None, :, None, None]
    return (rng.random((tasks, len(rates), seeds, n)) < skill).astype(float)


def test_far_apart_tokenizers_have_certain_ranks(simulation):
    ranks = of(simulation, answers([0.2, 0.9, 0.5])).ranks("task0")
    assert [(r.rank, r.low, r.high) for r in ranks.values()] == [(3, 3, 3), (1, 1, 1), (2, 2, 2)]
    assert [r.first for r in ranks.values()] == [0.0, 1.0, 0.0]


def test_equal_columns_share_the_rank_and_the_lead(simulation):
    x = answers([0.6, 0.6, 0.2])
    x[0, 1] = x[0, 0]
    ranks = of(simulation, x).ranks("task0")
    for name in ("t0", "t1"):
        rank = ranks[name]
        assert (rank.rank, rank.low, rank.high) == (1, 1, 2)
        assert rank.first == pytest.approx(0.5)
    assert ranks["t2"].rank == 3


def test_chance_of_being_first_is_the_chance_that_the_difference_turns(simulation):
    x = answers([0.52, 0.50], n=900)
    d = x[0, 0, 0] - x[0, 1, 0]
    expected = stats.norm.cdf(d.mean() / stats.sem(d))
    first = of(simulation, x).ranks("task0")["t0"].first
    assert first == pytest.approx(expected, abs=0.03)


def test_seeds_that_differ_make_ranks_less_certain(simulation):
    base = answers([0.63, 0.55], n=2000, seeds=3)
    sure = of(simulation, base).ranks("task0")["t0"]
    shaken = base.copy()
    shaken[0, 0, 0] = np.minimum(base[0, 0, 0], answers([0.8], n=2000)[0, 0, 0])
    shaken[0, 0, 1] = np.maximum(base[0, 0, 1], answers([0.4], n=2000)[0, 0, 0])
    assert sure.high == 1
    assert of(simulation, shaken).ranks("task0")["t0"].high == 2


def test_ranks_over_all_tasks(simulation):
    x = answers([0.5, 0.7], tasks=2)
    x[0] = x[0, ::-1]  # the better one is the worse on one task
    x[1, 1] = 1.0
    ranks = of(simulation, x).ranks(OVERALL)
    assert ranks["t1"].rank == 1 and ranks["t0"].first < 0.2


def test_lower_is_better(simulation):
    results = of(simulation, answers([0.2, 0.8]))
    results.tasks[0]["higher_is_better"] = False
    assert results.ranks("task0")["t0"].rank == 1


def test_one_image_tells_no_rank(simulation):
    x = answers([0.9, 0.1, 0.5], n=9)
    design = simulation.Design("test", tokenizers=3, images=1, questions=9)
    for rank in simulation.as_results(x, design).ranks("task0").values():
        assert (rank.low, rank.high) == (1, 3)
        assert rank.first == pytest.approx(1 / 3)


def test_equal_tokenizers_are_hardly_ever_set_apart(simulation):
    """Four pairs of equals, far from each other: intervals of each rank alone split one in 17 %."""
    rng, apart = np.random.default_rng(0), []
    skill = np.repeat([0.8, 0.6, 0.4, 0.2], 2)[None, :, None, None]
    for _ in range(200):
        results = of(simulation, (rng.random((1, 8, 1, 300)) < skill).astype(float))
        ranks = list(results.ranks("task0").values())
        twins = list(zip(ranks[::2], ranks[1::2], strict=True))
        apart.append(any(a.high < b.low or b.high < a.low for a, b in twins))
    assert np.mean(apart) <= 0.05
