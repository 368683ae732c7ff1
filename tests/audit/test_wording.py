"""Templates and nouns come out of the questions alone."""

import random

import pytest

from gvt.audit.wording import SLOT, align, read_wordings, words_of

NOUNS = ["cat", "dog", "wine glass", "tie", "cell phone", "bus"]


def found(texts):
    wordings = read_wordings(texts)
    return [(wordings.templates[i], wordings.nouns[i]) for i in wordings.of_row.tolist()]


def test_what_differs_between_questions_is_the_noun():
    texts = [f"How many {noun}s are there in the image?" for noun in NOUNS]
    assert found(texts) == [("how many * are there in the image", f"{noun}s") for noun in NOUNS]


def test_each_wording_keeps_its_own_template():
    texts = [f"Does {n} {verb} in the image?" for n in NOUNS for verb in ("exist", "exis")]
    assert {template for template, _ in found(texts)} == {
        "does * exist in the image",
        "does * exis in the image",
    }
    assert {noun for _, noun in found(texts)} == set(NOUNS)


def test_a_template_may_have_several_slots():
    nouns = ["cats", "dogs", "cups", "ties", "buses", "cows"]
    texts = [f"Are there more {a} than {b}?" for a in nouns for b in nouns if a != b]
    for (template, noun), text in zip(found(texts), texts, strict=True):
        assert template == "are there more * than *"
        first, second = text[15:-1].split(" than ")
        assert noun == f"{first} {second}"


def test_a_frame_that_few_words_fill_is_no_template():
    texts = [f"How many {noun}s are there?" for noun in NOUNS[:4]]
    assert found(texts) == [(" ".join(words_of(text)), "") for text in texts]


def test_case_and_punctuation_are_no_difference_of_words():
    wordings = read_wordings(["Is it a cat?", "is it a cat", "Is it a cat?"])
    assert wordings.of_row.tolist() == [0, 1, 0]
    assert wordings.words == [("is", "it", "a", "cat")] * 2


def test_nothing_asked_is_no_noun():
    wordings = read_wordings(["", ""])
    assert wordings.words == [()]
    assert wordings.groups(wordings.nouns).tolist() == [-1, -1]
    assert wordings.groups(["x"]).tolist() == [0, 0]


@pytest.mark.parametrize("seed", range(3))
def test_templates_filled_again_are_the_questions(seed):
    dice = random.Random(seed)
    vocabulary = ["is", "the", "cat", "dog", "red", "on", "a"]
    texts = list({tuple(dice.choices(vocabulary, k=dice.randrange(1, 7))) for _ in range(400)})
    templates, fillers = align(texts)
    slots = 0
    for text, template, filler in zip(texts, templates, fillers, strict=True):
        slots += template.count(SLOT)
        # Fillers have one or two words each: try all ways to fill them in.
        ways = [((), filler)]
        for word in template:
            sizes = (1, 2) if word == SLOT else (0,)
            ways = [
                (said + (left[:size] if size else (word,)), left[size:])
                for said, left in ways
                for size in sizes
                if len(left) >= size
            ]
        assert (text, ()) in ways
    assert slots > 40
