"""Text-only training data of the mini language model: a scene in words, then questions about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gvt.data import easy_vqa
from gvt.mini.questions import VQA, Question, multi_class, object_count, vqa
from gvt.mini.scenes import CELLS, SHAPES, SIZES, TEXTURES, Scene, generator, sample_scene
from gvt.mini.texts import CAPTION_PROMPT, captions, describe
from gvt.model.frame import vqa_prompt

# One sequence in seven is about a single easy-VQA shape, in the wording of its train questions.
_EASY_SHARE = 1 / 7
_EASY_QUESTIONS = 12
_LOOKUPS = ("color", "shape", "size", "texture", "relation")
_LOOKUP_SHARE, _LOOKUP_OBJECTS = 0.5, 5
# Offset of the random stream from those that draw scenes and held-out questions.
_PURPOSE = 2

TextExample = tuple[str, list[tuple[str, str]]]
"""A description and pairs of a full prompt and its answer."""


def scene_example(index: int) -> TextExample:
    """Scene ``index`` of the pre-training split with questions of every task and a caption.

    Most scenes are cut to a few objects of different shapes and only looked up in: that skill comes
    last, because few questions of whole scenes need it, and it comes sooner in short texts.
    """
    scene = sample_scene("pretrain", index)
    rng = generator("pretrain", index, purpose=_PURPOSE)
    if rng.random() < _LOOKUP_SHARE:
        scene = _few(scene, int(rng.integers(1, _LOOKUP_OBJECTS + 1)), rng)
        return describe(scene, rng), _framed(vqa(scene, rng, [*_LOOKUPS * 4, "existence"]))
    pairs = _framed(vqa(scene, rng, [*VQA, *_LOOKUPS * 2]))
    count, named = object_count(scene), multi_class(scene, rng, bool(rng.integers(2)))
    pairs += [(question.text, question.answer) for question in (count, named)]
    pairs.append((CAPTION_PROMPT, str(rng.choice(captions(scene)))))
    return describe(scene, rng), pairs


def _framed(questions: list[Question]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((vqa_prompt(q.text), q.answer) for q in questions))


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
        column, row = rng.integers(1, CELLS + 1, 2)
        text = f"{rng.choice(SIZES)} {colour} {rng.choice(TEXTURES)} {shape} {column} {row}"
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
            yield scene_example(int(rng.integers(2**31)))
        number += 1
