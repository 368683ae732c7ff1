"""Wording that tells the answer, tested as scipy and statsmodels test."""

import random

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from gvt.audit.suspects import LEVEL, find_suspects, holm
from gvt.audit.wording import read_wordings


def suspects(questions, images=None):
    return find_suspects(
        read_wordings(questions.texts),
        [gold[0] for gold in questions.golds],
        images or questions.images,
        questions.chance,
    )


def test_a_printed_label_is_named_first(printed_label):
    found = suspects(printed_label)
    said = {(suspect.text, suspect.kind, suspect.answer) for suspect in found}
    assert said == {("exist", "word", "yes"), ("exis", "word", "no")}
    for suspect in found:
        assert suspect.share == 1
        assert suspect.rows == sum(suspect.text in t.split() for t in printed_label.texts)
        assert suspect.text in printed_label.texts[suspect.example].split()
        assert printed_label.golds[suspect.example] == [suspect.answer]


def test_the_p_value_is_the_exact_binomial_one(noun_prior):
    cat = next(suspect for suspect in suspects(noun_prior) if suspect.text == "cat")
    rows = [i for i, text in enumerate(noun_prior.texts) if " cat " in text]
    assert len({(noun_prior.images[i], noun_prior.texts[i]) for i in rows}) == cat.rows
    hits = round(cat.share * cat.rows)
    exact = binomtest(hits, cat.rows, cat.expected, alternative="greater").pvalue
    # Seven nouns, six words that are none ("red" and "kite" too), one template; two answers.
    tested = 2 * (7 + 8 + 1)
    assert cat.kind == "noun"
    assert exact * (tested - 4) <= cat.p <= exact * tested


def test_a_coin_is_no_suspect(fair):
    assert suspects(fair) == []


def test_many_coins_are_rarely_suspects():
    alarms = 0
    for seed in range(60):
        dice = random.Random(seed)
        texts = [f"Is the {dice.choice('abcdefghij')} here?" for _ in range(400)]
        answers = [dice.choice(["yes", "no", "both"]) for _ in texts]
        wordings = read_wordings(texts)
        images = [str(i) for i in range(400)]
        alarms += bool(find_suspects(wordings, answers, images, [None] * 400))
    assert alarms <= 2  # at most 1 % of families, and the effect must be large too


def test_a_row_said_twice_counts_once(printed_label):
    once = suspects(printed_label)
    twice = type(printed_label)(
        **{
            **vars(printed_label),
            "texts": printed_label.texts * 2,
            "golds": printed_label.golds * 2,
            "images": printed_label.images * 2,
            "chance": printed_label.chance * 2,
        }
    )
    assert suspects(twice) == once


def test_what_chance_explains_is_no_suspect():
    # "Is" goes with yes in half of its rows, against a tenth of all rows: that is its chance.
    texts = ["Is it?"] * 100 + ["What is it?"] * 400
    answers = ["yes", "no"] * 50 + [f"thing {i % 40}" for i in range(400)]
    wordings, images = read_wordings(texts), [str(i) for i in range(500)]
    without = find_suspects(wordings, answers, images, [None] * 500)
    assert {suspect.answer for suspect in without} == set()  # both words stand in both
    texts = ["Is it?"] * 100 + ["What was that?"] * 400
    wordings = read_wordings(texts)
    without = find_suspects(wordings, answers, images, [None] * 500)
    assert {suspect.answer for suspect in without} == {"yes", "no"}
    assert find_suspects(wordings, answers, images, [0.5] * 100 + [1 / 40] * 400) == []


@pytest.mark.parametrize("seed", range(3))
def test_holm_is_that_of_statsmodels(seed):
    p = np.random.default_rng(seed).random(40) ** 6
    everything = np.concatenate([p, np.ones(25)])
    assert holm(p, 65) == pytest.approx(multipletests(everything, LEVEL, "holm")[1][:40])
