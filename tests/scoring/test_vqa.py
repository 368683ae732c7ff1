"""Checks the VQA normalisation and accuracy against the published rules."""

import pytest

from gvt.scoring import vqa


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Yes.", "yes"),
        ("  The Red\tcar\n", "red car"),
        ("a man and an apple", "man and apple"),
        ("Two", "2"),
        ("none", "0"),
        ("eleven", "eleven"),
        ("dont", "don't"),
        ("couldnt've", "couldn't've"),
        ("yall'd've", "y'all'd've"),
        ("somebody'd", "somebodyd"),
        ("Im here", "im here"),  # quirk: the published table has only "Im", after lower-casing
        ("t-shirt", "t shirt"),
        ("t- shirt", "t shirt"),
        ("black/white", "black white"),
        ("black, white", "black white"),
        ("1,000", "1000"),
        ("1,000 t-shirts", "1000 tshirts"),  # quirk: one number glues all marks
        ("3.5", "3.5"),
        ("u.s.", "us"),
        ("it's 3:30", "it's 3:30"),
        ("." * 40, "." * 8),  # quirk: 32 full stops at most
        ("?!", ""),
    ],
)
def test_normalise(text, normal):
    assert vqa.normalise(text) == normal


@pytest.mark.parametrize(
    ("matches", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)]
)
def test_ten_humans_score_by_leave_one_out(matches, score):
    golds = ["red"] * matches + ["blue"] * (10 - matches)
    assert vqa.accuracy("Red.", golds) == pytest.approx(score)
    if 0 < matches < 10:
        assert vqa.official_accuracy("Red.", golds) == pytest.approx(score)


def test_leave_one_out_equals_its_definition():
    golds = ["a cat", "cat", "dog", "Cat.", "two", "2", "2", "dog", "bird", "none"]
    for answer in ("cat", "2", "dog", "0", "fish"):
        normal = [vqa.normalise(gold) for gold in golds]
        by_hand = [
            min(1, sum(other == answer for j, other in enumerate(normal) if j != i) / 3)
            for i in range(10)
        ]
        assert vqa.accuracy(answer, golds) == pytest.approx(sum(by_hand) / 10)


def test_few_golds_are_alternatives():
    assert vqa.accuracy("The circle.", ["circle"]) == 1.0
    assert vqa.accuracy("circles", ["circle"]) == 0.0
    assert vqa.accuracy("i do not know", ["no"]) == 0.0
    assert vqa.accuracy("grey", ["gray", "Grey"]) == 1.0


def test_official_script_normalises_nothing_when_humans_agree():
    assert vqa.official_accuracy("Yes.", ["yes"] * 10) == 0.0
    assert vqa.official_accuracy(" yes\n", ["yes"] * 10) == 1.0
    assert vqa.accuracy("Yes.", ["yes"] * 10) == 1.0


@pytest.mark.parametrize("rule", [vqa.accuracy, vqa.official_accuracy])
def test_no_gold_is_an_error(rule):
    with pytest.raises(ValueError, match="no gold"):
        rule("yes", [])
