"""scores.json holds what the comparisons, ranks and verdicts say."""

from __future__ import annotations

import json

import pytest

from leaderboard.results import load_results
from leaderboard.scores import scores_document
from leaderboard.verdict import judge_all


@pytest.fixture
def document(run_dir):
    results = load_results(run_dir)
    text = json.dumps(scores_document(results, judge_all(results)), allow_nan=False)
    return results, json.loads(text)


def test_every_two_columns_are_there_with_their_test(document):
    results, scores = document
    assert list(scores["differences"]) == ["vqa", "oc", "mci", "caption", "overall"]
    for scope, pairs in scores["differences"].items():
        assert len(pairs) == 7 * 6 / 2
        for pair in pairs:
            c = results.comparisons.pair(pair["a"], pair["b"], scope)
            e = c.difference.estimate
            assert (pair["mean"], pair["low"], pair["high"]) == (e.mean, e.low, e.high)
            assert (pair["test"], pair["p"], pair["adjusted"]) == (c.test, c.p, c.adjusted)
            assert (pair["clear"], pair["detectable"]) == (c.clear, c.detectable)
            tasks = 3 if scope == "overall" else 1
            samples = 30 if scope == "caption" else 90 * tasks
            assert pair["wins"] + pair["ties"] + pair["losses"] == samples == pair["n"]
            assert len(pair["per_seed"]) == 2
            assert (pair["interval"], pair["speaks_of"]) == ("t", ["images", "seeds"])


def test_overall_ranks_and_verdicts(document):
    results, scores = document
    assert scores["overall"]["tasks"] == ["vqa", "oc", "mci"]
    assert scores["overall"]["columns"]["clip"]["mean"] == results.overall("clip").mean
    assert scores["ranks"]["vqa"]["deit"]["rank"] == 1
    assert sum(rank["first"] for rank in scores["ranks"]["overall"].values()) == pytest.approx(1)
    assert set(scores["verdicts"]) == set(scores["differences"])
    assert scores["verdicts"]["overall"]["best"] == "deit"


def test_intervals_of_tokenizers_speak_of_seeds_too(document):
    results, scores = document
    cell = results.cell("deit", "caption")
    alone = cell.mean.estimate()  # by its own two seeds
    shown = scores["columns"]["deit"]["caption"]
    assert (shown["mean"], shown["n"]) == (alone.mean, alone.n)
    variance, degrees = cell.mean.spread(cell.seed_effect)
    assert variance >= cell.mean.v_image
    assert shown["high"] - shown["mean"] == pytest.approx(
        cell.mean.estimate(cell.seed_effect).margin
    )
    assert degrees > 3
    assert (shown["interval"], shown["speaks_of"]) == ("t", ["images", "seeds"])
    assert scores["columns"]["deit"]["vqa"]["interval"] == "score"
