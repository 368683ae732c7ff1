"""Doubled rows, contradictions and odd spellings are counted and named."""

from gvt.audit.defects import find_defects
from gvt.audit.wording import read_wordings

NOUNS = ["cats", "dogs", "cups", "ties", "wineglasses", "cellphones", "hotdogs", "keyboards"]


def test_duplicates_and_contradictions():
    texts = ["Is it red?", "Is it red?", "Is it red?", "Is it red?", "Is it big?"]
    golds = [["yes"], ["yes"], ["yes"], ["no"], ["no"]]
    found = find_defects(read_wordings(texts), golds, ["a", "a", "b", "a", "a"])
    assert (found.duplicates, found.contradictions) == (1, 1)


def test_clean_rows_have_no_defects():
    texts = [f"Does the {noun} exist?" for noun in NOUNS[:4]]
    found = find_defects(read_wordings(texts), [["yes"]] * 4, list("abcd"))
    assert (found.duplicates, found.contradictions, found.glued, found.twins) == (0, 0, [], [])


def test_glued_nouns_are_named_and_right_words_are_not():
    texts = [f"How many {noun} are there?" for noun in [*NOUNS, "wineglasses"]]
    found = find_defects(read_wordings(texts), [["1"]] * 9, [str(i) for i in range(9)])
    assert found.glued == [
        ("wineglasses", "wine glasses", 2),
        ("cellphones", "cell phones", 1),
    ]


def test_templates_one_letter_apart_are_named():
    texts = [f"Does {n} {verb} here?" for n in NOUNS for verb in ("exist", "exis")] * 3
    found = find_defects(read_wordings(texts), [["yes"]] * 48, [str(i) for i in range(48)])
    assert found.twins == [("does * exist here", "does * exis here", 24, 24)]
