"""Checks strict and published yes/no on answers that tell them apart."""

import pytest

from gvt.scoring import yesno


@pytest.mark.parametrize(
    ("answer", "strict", "published_yes", "published_no"),
    [
        ("yes", "yes", 1, 0),
        ("Yes, it does.", "yes", 1, 0),
        ("NO!", "no", 0, 1),
        ("There is no dog", "no", 0, 1),
        ("No, yes", "no", 1, 1),
        ("yes and no", None, 1, 1),
        ("yes/no", None, 1, 1),
        ("Yes or no? No.", "no", 1, 1),
        ("I do not know", None, 0, 1),
        ("another", None, 0, 1),
        ("snow", None, 0, 1),
        ("yesterday", None, 1, 0),
        ("no idea", None, 0, 1),
        ("no-one", None, 0, 1),
        ("no doubt, yes", "yes", 1, 1),
        ("nope", None, 0, 1),
        ("", None, 0, 0),
    ],
)
def test_strict_and_published(answer, strict, published_yes, published_no):
    assert yesno.parse(answer) == strict
    assert yesno.legacy(answer, "yes") == published_yes
    assert yesno.legacy(answer, "no") == published_no
