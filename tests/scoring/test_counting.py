"""Checks strict and published counts on answers that tell them apart."""

import pytest

from gvt.scoring import counting


@pytest.mark.parametrize(
    ("answer", "strict", "published"),
    [
        ("3", 3, 3),
        ("There are 12 dogs.", 12, 12),
        ("cell phones: 3", 3, 1),
        ("freight: 3", 3, 8),
        ("Three.", 3, 0),
        ("three", 3, 3),
        ("sixteen", 16, 6),
        ("nine", 9, 0),
        ("nive", None, 9),
        ("ten", 10, 0),
        ("twenty-one", 21, 1),
        ("Twenty one people", 21, 1),
        ("forty", 40, 0),
        ("one hundred and five", 105, 1),
        ("two thousand and sixteen", 2016, 2),
        ("a thousand", 1000, 0),
        ("two dozen eggs", 24, 2),
        ("a dozen", 12, 0),
        ("1,200 birds", 1200, 1),
        ("none", 0, 0),
        ("No one is there", 0, 1),
        ("someone", None, 1),
        ("mp3", None, 3),
        ("covid-19", None, 19),
        ("the 3rd", None, 3),
        ("a two-door car", None, 2),
        ("3.5", None, 3),
        ("10:30", None, 10),
        ("1/2", None, 1),
        ("50%", None, 50),
        ("-3", None, 3),
        ("2-3", 2, 2),
        ("3, maybe 4", 3, 3),
        ("I do not know", None, 0),
        ("", None, 0),
    ],
)
def test_strict_and_published_counts(answer, strict, published):
    assert counting.parse(answer) == strict
    assert counting.legacy(answer) == published


def test_every_number_word_below_a_hundred():
    below_twenty, tens = counting._BELOW_TWENTY.split(), counting._TENS.split()
    for value in range(1, 100):
        if value < 20:
            text = below_twenty[value - 1]
        else:
            text = tens[value // 10 - 2]
            text += f"-{below_twenty[value % 10 - 1]}" if value % 10 else ""
        assert counting.parse(f"I see {text} of them.") == value


def test_accuracy_and_error():
    assert counting.accuracy("3 dogs", 3) == 1.0
    assert counting.accuracy("dogs", 0) == 0.0
    assert counting.absolute_error("5", 3) == 2.0
    assert counting.absolute_error("dogs", 3) == 3.0
