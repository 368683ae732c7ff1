"""Coverage of the intervals and false alarms of the comparisons over 2,000 simulated runs.

benchmarks/simulation.py has more designs; docs/statistics.md shows its tables.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from leaderboard import bootstrap
from leaderboard.significance import holm, sign_flip_p
from leaderboard.statistics import clustered_mean

NOMINAL = {"cell": 0.95, "pair": 0.95, "alarm": 0.05}


@pytest.mark.parametrize(
    "changes",
    [
        {"tokenizers": 2, "images": 500},
        {"tokenizers": 2, "images": 200, "scores": "VQA credit"},
        {"tokenizers": 3, "images": 150, "seeds": 3, "seed": 0.05},
        {"tokenizers": 2, "images": 60, "tasks": 2, "seeds": 3, "seed": 0.02},
    ],
    ids=["right or wrong", "VQA credit", "3 seeds", "overall"],
)
def test_rates_are_nominal(simulation, changes):
    rates = simulation.simulate(simulation.Design("test", **changes), runs=2000)
    for name, nominal in NOMINAL.items():
        assert getattr(rates, name) == pytest.approx(nominal, abs=0.015), name
    assert rates.family <= 0.065


def test_corrected_false_alarms_among_six_tokenizers(simulation):
    rng = np.random.default_rng(3)
    design = simulation.Design("test", tokenizers=6, images=300)
    pairs, alarms, families = list(combinations(range(6), 2)), [], []
    for _ in range(2000):
        by_image = simulation.draw(design, rng)[0][0, :, 0].reshape(6, 300, 2).sum(axis=2)
        p = np.array([sign_flip_p(by_image[a] - by_image[b]) for a, b in pairs])
        alarms.append((p < 0.05).mean())
        families.append((holm(p) < 0.05).any())
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.015)
    assert np.mean(families) <= 0.065


def test_bootstrap_rates_are_nominal(simulation):
    rng = np.random.default_rng(1)
    design = simulation.Design("test", "CIDEr-D", tokenizers=2, images=250, questions=1)
    drawn = (simulation.draw(design, rng)[0][0, :, 0] for _ in range(2000))
    apart = np.stack([x - y for x, y in drawn], axis=1)
    t = np.abs(apart.mean(axis=0)) / (apart.std(axis=0, ddof=1) / np.sqrt(250))
    resampled = bootstrap.studentized(apart, np.ones(apart.shape)).T
    inside = [own <= bootstrap.critical(all_t) for own, all_t in zip(t, resampled, strict=True)]
    alarms = [
        bootstrap.p_value(all_t, own, 249) < 0.05 for own, all_t in zip(t, resampled, strict=True)
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        ({"group": 1, "tokenizers": 2, "images": 400}, 0.035, 0.065),
        ({"group": 1, "images": 150, "seeds": 3, "seed": 0.03}, 0.035, 0.065),
        ({"group": 2, "images": 150}, 0.035, 0.065),
        # groups are held to their own three seeds besides: on the safe side
        ({"group": 2, "images": 150, "seeds": 3, "seed": 0.03}, 0.01, 0.05),
        ({"group": 2, "images": 150, "seeds": 3, "together": 0.04}, 0.02, 0.09),
    ],
    ids=["1 : 1", "1 : 1, 3 seeds", "2 : 2", "2 : 2, 3 seeds", "2 : 2, seeds move a group"],
)
def test_claims_of_equal_columns_are_seldom_judged(simulation, changes, least, most):
    judged, _ = simulation.simulate_claim(simulation.Design("test", **changes), runs=1500)
    assert least <= judged <= most


@pytest.mark.parametrize("scores", ["right or wrong", "VQA credit"])
def test_a_claim_as_large_as_detectable_is_supported_four_times_in_five(simulation, scores):
    design = simulation.Design("test", scores, group=2, images=150)
    _, supported = simulation.simulate_power(design, runs=600)
    assert supported == pytest.approx(0.8, abs=0.05)


def test_the_tables_of_the_docs_are_of_these_designs(simulation):
    text = simulation.PAGE.read_text(encoding="utf-8")
    for name, table in simulation.TABLES.items():
        _, _, rows = text.partition(f"<!-- table: simulated-{name} -->\n")
        head, _, *rows = rows.partition("<!-- end -->")[0].splitlines()
        assert head == f"| {' | '.join(table.head)} |"
        assert [row.split(" | ")[0][2:] for row in rows] == [own.name for own in table.designs]


@pytest.mark.parametrize(("images", "accuracy"), [(40, 0.7), (60, 0.9), (120, 0.95)])
def test_small_categories_are_covered(images, accuracy):
    rng = np.random.default_rng(2)
    skill = accuracy + rng.uniform(-0.05, 0.05, size=(2000, images))
    clusters, held = np.repeat(np.arange(images), 2), 0
    for own in skill:
        x = (rng.random(2 * images) < own[clusters]).astype(float)
        e = clustered_mean(x, clusters, (0.0, 1.0))
        held += e.low <= accuracy <= e.high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)
