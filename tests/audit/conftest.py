"""Small sets of questions with known leaks, as an audit reads them."""

from __future__ import annotations

import random

import pytest

from gvt.audit import Questions
from gvt.scoring import process


def questions(
    texts, golds, images, *, rule=process.yes_no, chance=None, metric="acc", higher=True
) -> Questions:
    """Rows from lists; an answer is a string or a list of them."""
    golds = [[gold] if isinstance(gold, str) else list(gold) for gold in golds]
    docs = [{"doc_id": i, "answers": gold} for i, gold in enumerate(golds)]
    return Questions(
        name="toy",
        title="Toy",
        metric=metric,
        metric_title="accuracy",
        unit="percent",
        higher_is_better=higher,
        texts=list(texts),
        golds=golds,
        images=[str(image) for image in images],
        chance=[chance] * len(docs),
        scores=lambda row, answer: {
            name: float(value)
            for name, value in rule(docs[row], [answer]).items()
            if isinstance(value, (int, float))
        },
    )


@pytest.fixture
def noun_prior() -> Questions:
    """600 questions on 300 images: "cat" is there in 90 %, "dog" in 10 %, the rest in half."""
    dice = random.Random(3)
    often = {
        "cat": 0.9,
        "dog": 0.1,
        "cup": 0.5,
        "tie": 0.5,
        "bus": 0.5,
        "cow": 0.5,
        "red kite": 0.5,
    }
    nouns = [dice.choice(sorted(often)) for _ in range(600)]
    answers = ["yes" if dice.random() < often[noun] else "no" for noun in nouns]
    texts = [f"Is there a {noun} in the image?" for noun in nouns]
    return questions(texts, answers, [i // 2 for i in range(600)], chance=0.5)


@pytest.fixture
def printed_label() -> Questions:
    """400 questions whose wording says the answer by one letter; the nouns say nothing."""
    dice = random.Random(4)
    nouns = [dice.choice(["cat", "dog", "cup", "tie", "bus", "cow", "kite"]) for _ in range(400)]
    answers = [dice.choice(["yes", "no"]) for _ in range(400)]
    texts = [
        f"Does {noun} {'exist' if answer == 'yes' else 'exis'} in the image?"
        for noun, answer in zip(nouns, answers, strict=True)
    ]
    return questions(texts, answers, range(400), chance=0.5)


@pytest.fixture
def fair() -> Questions:
    """800 questions of seven nouns whose answers are thrown by a coin."""
    dice = random.Random(5)
    nouns = [dice.choice(["cat", "dog", "cup", "tie", "bus", "cow", "kite"]) for _ in range(800)]
    answers = [dice.choice(["yes", "no"]) for _ in range(800)]
    texts = [f"Is there a {noun} in the image?" for noun in nouns]
    return questions(texts, answers, [i // 4 for i in range(800)], chance=0.5)
