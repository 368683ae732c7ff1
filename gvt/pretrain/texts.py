"""Text-only training data of the mini language model: a scene in words, then questions about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from gvt.data import easy_vqa
from gvt.mini.questions import VQA, Question, multi_class, object_count, vqa
from gvt.mini.scenes import CELLS, PLURALS, SHAPES, SIZES, TEXTURES, Scene, generator, sample_scene
from gvt.mini.texts import CAPTION_PROMPT, LIST_PROMPT, captions, describe, inventory, reasoned
from gvt.model.frame import vqa_prompt

# One sequence in seven is about a single easy-VQA shape, in the wording of its train questions.
_EASY_SHARE = 1 / 7
_EASY_QUESTIONS = 12
_LOOKUPS = ("color", "shape", "size", "texture", "relation")
# Training starts with a few objects; afterwards this share of the scenes stays short.
_FIRST_SCENES, _FIRST_OBJECTS = 12_000, 4
_SHORT_SHARE, _SHORT_OBJECTS = 0.3, 6
# From here on reasons of relations and comparisons lose their first words, until none is left.
_SHORTENED = 80_000
_REASON = 4
# By then they are known; the rest goes to whole scenes. Few objects are no longer counted: where a
# count is uncertain, a model answers what is frequent, and small counts had become too frequent.
_WHOLE = 112_000
_MARGIN = "5"  # in the place of a number of words: by how much
# Offset of the random stream from those that draw scenes and held-out questions.
_PURPOSE = 2

# From here on words about an object share positions: in half of the examples all but its row.
SHARED = 132_000
_APART, _ALL = 0.25, 0.5

Words = tuple[str, ...]
"""What stands at one position of a description: a word, or several whose embeddings are added."""

Pairs = list[tuple[str, str]]
"""Full prompts and their answers."""

TextExample = tuple[list[Words], Pairs]
"""A description and what is asked about it."""


def scene_example(index: int, number: int) -> tuple[str, Pairs]:
    """Scene ``index`` of the pre-training split, example ``number``, with questions of every task.

    Binding an attribute to its noun across a question is the last thing such a model learns, and it
    learns it suddenly. Three things bring that forward from hours to minutes: short scenes of
    distinct nouns first; listing the objects in another order; and reasoned answers, which name
    the looked-up noun right before its attribute.
    """
    scene = sample_scene("pretrain", index)
    rng = generator("pretrain", index, purpose=_PURPOSE)
    if number >= _SHORTENED:
        return _late_example(scene, rng, number >= _WHOLE)
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
    return describe(scene, rng), pairs + _other_tasks(scene, rng)


def _late_example(scene: Scene, rng: np.random.Generator, settle: bool) -> tuple[str, Pairs]:
    """What takes two look-ups, asked with ever shorter reasons.

    Directly, the model answers relations and comparisons by chance for as long as one cares to
    train; with the reason written out it is right at once. Between the two lie reasons whose first
    words are left out: the model learns to do without them one at a time (Deng et al. 2024, "From
    Explicit CoT to Implicit CoT").
    """
    shares = (0.1, 0.1, 0.8) if settle else (0.35, 0.25, 0.4)
    kind = rng.choice(("distinct", "groups", "whole"), p=shares)
    if kind == "distinct":
        scene = _few(scene, int(rng.integers(2, _FIRST_OBJECTS + 1)), rng)
        names = ["relation"] * 3 + ["existence", *_LOOKUPS[:2]]
    elif kind == "groups":
        scene = _grouped(scene, int(rng.integers(3, _SHORT_OBJECTS + 1)), rng)
        names = ["comparison"] * 3 + ["existence", *_LOOKUPS[2:4]]
    else:
        names = [*VQA, "relation", "comparison", "comparison"]
    questions = vqa(scene, rng, names)
    pairs = _framed(questions) + _shortened(scene, questions, rng)
    others = _other_tasks(scene, rng)
    return describe(scene, rng), pairs + (others[1:] if settle and kind != "whole" else others)


def _other_tasks(scene: Scene, rng: np.random.Generator) -> Pairs:
    """Counting, identification and a caption."""
    count, named = object_count(scene), multi_class(scene, rng, bool(rng.integers(2)))
    pairs = [(question.text, question.answer) for question in (count, named)]
    return [*pairs, (CAPTION_PROMPT, str(rng.choice(captions(scene))))]


def _framed(questions: list[Question]) -> Pairs:
    return list(dict.fromkeys((vqa_prompt(q.text), q.answer) for q in questions))


def _reasoned(scene: Scene, questions: list[Question]) -> Pairs:
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


def _shortened(scene: Scene, questions: list[Question], rng: np.random.Generator) -> Pairs:
    """Relations and comparisons behind what is left of their reasons.

    A comparison is also asked for by how much, as a digit around 5: a graded answer teaches the
    two counts where yes or no alone teaches nothing.
    """
    pairs = []
    for question in questions:
        words = question.text.rstrip("?").split()
        if question.category == "relation":
            facts = _facts(scene, words, "relation").split()
        elif question.category == "comparison":
            one, other = (_count(scene, words[place]) for place in (3, 5))
            facts = [words[3], str(one), words[5], str(other)]
            margin = min(9, max(1, 5 + one - other))
            pairs.append((reasoned(question.text, _MARGIN), f"{margin} {question.answer}"))
        else:
            continue
        for left_out in rng.permutation(_REASON)[:2] + 1:
            rest = " ".join([*facts[left_out:], question.answer])
            pairs.append((reasoned(question.text, str(left_out)), rest))
    return list(dict.fromkeys(pairs))


def _count(scene: Scene, plural: str) -> int:
    return sum(PLURALS[thing.shape] == plural for thing in scene.things)


def _grouped(scene: Scene, objects: int, rng: np.random.Generator) -> Scene:
    """The first objects, of two or three shapes only: something to count and compare."""
    shapes = [str(shape) for shape in rng.permutation(SHAPES)[: rng.integers(2, 4)]]
    things = tuple(
        replace(thing, shape=str(rng.choice(shapes))) for thing in scene.things[:objects]
    )
    return replace(scene, things=things, main=things[0].shape)


def _few(scene: Scene, objects: int, rng: np.random.Generator) -> Scene:
    shapes = [str(shape) for shape in rng.permutation(SHAPES)]
    things = tuple(
        replace(thing, shape=shape)
        for thing, shape in zip(scene.things[:objects], shapes, strict=False)
    )
    return replace(scene, things=things, main=things[0].shape)


def easy_vqa_examples() -> Callable[[np.random.Generator], tuple[str, Pairs]]:
    """Draws single-shape descriptions with easy-VQA's own train questions, answered from the facts.

    Only the train split is read, and of it only text: facts that its answers state.
    """
    asked = dict(easy_vqa.train_pairs())
    known = [(fact.shape, fact.color, asked[fact.image]) for fact in easy_vqa.scene_facts()]

    def example(rng: np.random.Generator) -> tuple[str, Pairs]:
        shape, colour, pairs = known[rng.integers(len(known))]
        size, texture = str(rng.choice(SIZES)), str(rng.choice(TEXTURES))
        column, row = (int(cell) for cell in rng.integers(1, CELLS + 1, 2))
        text = inventory(shape, colour, size, texture, column, row)
        chosen = rng.permutation(len(pairs))[:_EASY_QUESTIONS]
        return text, [(vqa_prompt(pairs[i][0]), pairs[i][1]) for i in chosen]

    return example


def shared(description: str, share: float, rng: np.random.Generator) -> list[Words]:
    """The words of a description by position; ``share`` of those about an object join their left.

    Visual tokens carry all that is known of a place in one embedding. A language model that has
    only read words one after the other looks for an attribute behind its noun, and a connector
    would have to learn to write that way; so the model learns to read both. The row stays a
    position of its own, because nothing in a sum tells it from the column. Where all join, commas
    go too: visual tokens have none.
    """
    positions: list[Words] = []
    before = ","
    for word in description.split() if share < 1 else description.replace(",", "").split():
        apart = "," in (word, before) or before.isdigit()
        if apart or rng.random() >= share:
            positions.append((word,))
        elif word not in positions[-1]:
            positions[-1] += (word,)
        before = word
    return positions


def stream(seed: int, start: int) -> Iterator[TextExample]:
    """Endless examples from number ``start`` on; number n is the same wherever one starts."""
    easy = easy_vqa_examples()
    number = start
    while True:
        rng = np.random.default_rng([seed, number])
        if rng.random() < _EASY_SHARE:
            text, pairs = easy(rng)
        else:
            text, pairs = scene_example(int(rng.integers(2**31)), number)
        kind = rng.random() if number >= SHARED else 0.0
        share = 0.0 if kind < _APART else 1.0 if kind >= 1 - _ALL else float(rng.random())
        yield shared(text, share, rng), pairs
        number += 1
