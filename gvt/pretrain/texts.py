"""Text-only training data of the mini language model: a scene in words, then questions about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gvt.data import easy_vqa
from gvt.mini.questions import VQA, Question, multi_class, object_count, vqa
from gvt.mini.scenes import CELLS, SHAPES, SIZES, TEXTURES, Scene, generator, sample_scene
from gvt.mini.texts import CAPTION_PROMPT, LIST_PROMPT, captions, describe, inventory, reasoned
from gvt.model.frame import vqa_prompt

# One sequence in seven is about a single easy-VQA shape, in the wording of its train questions.
_EASY_SHARE = 1 / 7
_EASY_QUESTIONS = 12
_LOOKUPS = ("color", "shape", "size", "texture", "relation")
# Training starts with a few objects; afterwards this share of the scenes stays short.
_FIRST_SCENES, _FIRST_OBJECTS = 12_000, 4
_SHORT_SHARE, _SHORT_OBJECTS = 0.3, 6
# Offset of the random stream from those that draw scenes and held-out questions.
_PURPOSE = 2

TextExample = tuple[str, list[tuple[str, str]]]
"""A description and pairs of a full prompt and its answer."""


def scene_example(index: int, number: int) -> TextExample:
    """Scene ``index`` of the pre-training split, example ``number``, with questions of every task.

    Binding an attribute to its noun across a question is the last thing such a model learns, and it
    learns it suddenly. Three things bring that forward from hours to minutes: short scenes of
    distinct nouns first; listing the objects in another order; and reasoned answers, which name
    the looked-up noun right before its attribute.
    """
    scene = sample_scene("pretrain", index)
    rng = generator("pretrain", index, purpose=_PURPOSE)
    first = number < _FIRST_SCENES
    if first or rng.random() < _SHORT_SHARE:
        most = _FIRST_OBJECTS if first else _SHORT_OBJECTS
        scene = _few(scene, int(rng.integers(2, most + 1)), rng)
        questions = vqa(scene, rng, [*_LOOKUPS, "existence", "comparison"])
        pairs = _framed(questions) + _reasoned(scene, questions)
        pairs.append((LIST_PROMPT, describe(scene, rng)))
    else:
        questions = vqa(scene, rng, [*VQA, *_LOOKUPS])
        pairs = _framed(questions) + _reasoned(scene, questions[: len(VQA)])
    count, named = object_count(scene), multi_class(scene, rng, bool(rng.integers(2)))
    pairs += [(question.text, question.answer) for question in (count, named)]
    pairs.append((CAPTION_PROMPT, str(rng.choice(captions(scene)))))
    return describe(scene, rng), pairs


def _framed(questions: list[Question]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((vqa_prompt(q.text), q.answer) for q in questions))


def _reasoned(scene: Scene, questions: list[Question]) -> list[tuple[str, str]]:
    """The same questions, with what is looked up in front of the answer."""
    pairs = [
        (reasoned(q.text), f"{facts} {q.answer}")
        for q in questions
        if (facts := _facts(scene, q.text.rstrip("?").split(), q.category))
    ]
    return list(dict.fromkeys(pairs))


def _facts(scene: Scene, words: list[str], category: str) -> str:
    """What a question asks for; of a relation, the coordinates that decide it."""
    if category in ("color", "size", "texture"):
        return words[-1]
    if category == "shape":
        return words[-2]
    if category == "relation":
        axis = 0 if words[3] in ("left", "right") else 1
        cell = {thing.shape: thing.cell[axis] for thing in scene.things}
        return f"{words[2]} {cell[words[2]]} {words[-1]} {cell[words[-1]]}"
    return ""


def _few(scene: Scene, objects: int, rng: np.random.Generator) -> Scene:
    shapes = [str(shape) for shape in rng.permutation(SHAPES)]
    things = tuple(
        replace(thing, shape=shape)
        for thing, shape in zip(scene.things[:objects], shapes, strict=False)
    )
    return replace(scene, things=things, main=things[0].shape)


def easy_vqa_examples() -> Callable[[np.random.Generator], TextExample]:
    """Draws single-shape descriptions with easy-VQA's own train questions, answered from the facts.

    Only the train split is read, and of it only text: facts that its answers state.
    """
    asked = dict(easy_vqa.train_pairs())
    known = [(fact.shape, fact.color, asked[fact.image]) for fact in easy_vqa.scene_facts()]

    def example(rng: np.random.Generator) -> TextExample:
        shape, colour, pairs = known[rng.integers(len(known))]
        size, texture = str(rng.choice(SIZES)), str(rng.choice(TEXTURES))
        column, row = (int(cell) for cell in rng.integers(1, CELLS + 1, 2))
        text = inventory(shape, colour, size, texture, column, row)
        chosen = rng.permutation(len(pairs))[:_EASY_QUESTIONS]
        return text, [(vqa_prompt(pairs[i][0]), pairs[i][1]) for i in chosen]

    return example


def stream(seed: int, start: int) -> Iterator[TextExample]:
    """Endless examples from number ``start`` on; number n is the same wherever one starts."""
    easy = easy_vqa_examples()
    number = start
    while True:
        rng = np.random.default_rng([seed, number])
        if rng.random() < _EASY_SHARE:
            yield easy(rng)
        else:
            yield scene_example(int(rng.integers(2**31)), number)
        number += 1
