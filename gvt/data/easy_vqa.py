"""Reads easy-VQA: 5,000 drawings of one coloured shape, 48,248 questions, an official split.

Source: Victor Zhou, easy-VQA (2019), MIT licence, shipped whole in the PyPI package `easy-vqa`.
Each image is 64 x 64 with one shape in one colour; images are numbered from 0 in either split.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gvt.files import sha256

if TYPE_CHECKING:
    import datasets

SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")

# How many answers a question of each category allows.
_CHOICES = {"shape": len(SHAPES), "color": len(COLORS), "existence": 2, "negation": 2}

_SHAPE = re.compile(rf"\b({'|'.join(SHAPES)})\b")
_COLOR = re.compile(rf"\b({'|'.join(COLORS)})\b")


class SceneFact(NamedTuple):
    """What is to be seen in one training image, as its questions and answers tell."""

    image: str
    shape: str
    color: str


def root() -> Path:
    """Return the data folder of the installed `easy-vqa` package, without importing it.

    Raises:
        FileNotFoundError: the package is not installed or has no data.
    """
    spec = importlib.util.find_spec("easy_vqa")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (Path(folder) / "data" / "test" / "questions.json").is_file():
            return Path(folder) / "data"
    raise FileNotFoundError("easy-VQA's data is not installed; pip install easy-vqa==1.0")


def category(question: str) -> str:
    """Return what a question asks: "shape", "color", "existence", or "negation" ("is no …?").

    Raises:
        ValueError: the question is none of easy-VQA's.
    """
    words = re.findall(r"\w+", question.lower())
    if words[:1] == ["what"]:
        return "color" if "color" in words else "shape"
    if words[:1] in (["is"], ["does"]):
        return "negation" if {"no", "not"} & set(words) else "existence"
    raise ValueError(f"not a question of easy-VQA: {question!r}")


def _questions(split: str) -> list[tuple[str, str, int]]:
    path = root() / split / "questions.json"
    return [(question, answer, image) for question, answer, image in json.loads(path.read_text())]


def _image_path(split: str, image: int) -> str:
    return str(root() / split / "images" / f"{image}.png")


def test(**_: object) -> dict[str, datasets.Dataset]:
    """Return the official test split for lm-eval's `custom_dataset`: 9,673 rows.

    Columns: doc_id, image_id, image (a path), image_sha256, question, answers (one), category and
    chance (the accuracy of guessing among the answers that the category allows). lm-eval passes
    the task's metadata as keywords; they are not needed.

    Raises:
        FileNotFoundError: as `root`.
    """
    # Here, not above: alignment and text building need no `datasets`, which is slow to import.
    from datasets import Dataset

    questions = _questions("test")
    paths = {image: _image_path("test", image) for *_, image in questions}
    hashes = {image: sha256(path) for image, path in paths.items()}
    rows = []
    for index, (question, answer, image) in enumerate(questions):
        kind = category(question)
        rows.append(
            {
                "doc_id": f"easy_vqa-test-{index}",
                "image_id": f"test/{image}",
                "image": paths[image],
                "image_sha256": hashes[image],
                "question": question,
                "answers": [answer],
                "category": kind,
                "chance": 1 / _CHOICES[kind],
            }
        )
    return {"test": Dataset.from_list(rows)}


def train_pairs() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the official train split by image: `[(image path, [(question, answer), …]), …]`.

    4,000 images and 38,575 pairs, images in numerical order.

    Raises:
        FileNotFoundError: as `root`.
    """
    grouped = defaultdict(list)
    for question, answer, image in _questions("train"):
        grouped[image].append((question, answer))
    return [(_image_path("train", image), grouped[image]) for image in sorted(grouped)]


def _told(
    values: tuple[str, ...], asked: re.Pattern[str], pairs: list[tuple[str, str]]
) -> set[str]:
    # The values of one attribute that all questions and answers leave possible.
    possible = set(values)
    for question, answer in pairs:
        named = asked.findall(question)
        if answer in values:
            possible &= {answer}
        elif answer not in ("yes", "no"):
            possible &= set(named or values)  # "what color is the circle?" tells the shape
        elif named and (answer == "yes") == (category(question) == "existence"):
            possible &= set(named)
        else:
            possible -= set(named)
    return possible


def scene_facts() -> list[SceneFact]:
    """Return shape and colour of the training images whose questions settle both.

    An attribute is settled where the answers, told ones and those ruled out, leave one value.
    Images with an open attribute or with contradicting answers are left out. For language-model
    training on text alone.

    Raises:
        FileNotFoundError: as `root`.
    """
    facts = []
    for path, pairs in train_pairs():
        shapes, colors = _told(SHAPES, _SHAPE, pairs), _told(COLORS, _COLOR, pairs)
        if len(shapes) == len(colors) == 1:
            facts.append(SceneFact(path, *shapes, *colors))
    return facts
