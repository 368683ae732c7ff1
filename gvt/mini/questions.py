"""Questions about a scene with their exact answers, balanced so that priors gain little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gvt.mini.scenes import (
    COLOURS,
    MAX_OBJECTS,
    PLURALS,
    SHAPES,
    SIZES,
    TEXTURES,
    Scene,
    Thing,
)


@dataclass(frozen=True)
class Question:
    """A question, its one answer, its category, and the chance of a guess among all answers."""

    text: str
    answer: str
    category: str
    chance: float


# Two objects are compared in place only where a person would not hesitate, in pixels.
_APART = 12.0
_YES_NO = ("no", "yes")


def _attribute(attribute: str, values: tuple[str, ...]) -> Callable:
    def ask(scene: Scene, rng: np.random.Generator) -> Question | None:
        things = scene.only("shape")
        if attribute == "size":
            # Small objects are three times as many: draw the answer first, so that it stays open.
            wanted = rng.choice(SIZES)
            things = [thing for thing in things if thing.size == wanted]
        if not things:
            return None
        thing = _pick(things, rng)
        text = f"What {attribute} is the {thing.shape}?"
        return Question(text, getattr(thing, _FIELDS[attribute]), attribute, 1 / len(values))

    return ask


def _shape(scene: Scene, rng: np.random.Generator) -> Question | None:
    things = scene.only("colour")
    if not things:
        return None
    thing = _pick(things, rng)
    text = f"What shape is the {thing.colour} object?"
    return Question(text, thing.shape, "shape", 1 / len(SHAPES))


def _existence(scene: Scene, rng: np.random.Generator) -> Question:
    there = {(thing.colour, thing.shape) for thing in scene.things}
    yes = bool(rng.integers(2))
    if yes:
        colour, shape = sorted(there)[rng.integers(len(there))]
    else:
        # A shape of the scene in a colour it does not have: neither word alone gives it away.
        shape = _pick(scene.things, rng).shape
        absent = [colour for colour in COLOURS if (colour, shape) not in there]
        # With every colour taken (nine objects of one shape), any absent pair will do.
        colour = str(rng.choice(absent)) if absent else "red"
        if not absent:
            shape = str(rng.choice([s for s in SHAPES if ("red", s) not in there]))
    return Question(f"Is there a {colour} {shape}?", _YES_NO[yes], "existence", 0.5)


def _comparison(scene: Scene, rng: np.random.Generator) -> Question | None:
    counts = scene.counts()
    pairs = [(a, b) for a in sorted(counts) for b in sorted(counts) if counts[a] > counts[b]]
    if not pairs:
        return None
    more, fewer = pairs[rng.integers(len(pairs))]
    yes = bool(rng.integers(2))
    first, second = (more, fewer) if yes else (fewer, more)
    text = f"Are there more {PLURALS[first]} than {PLURALS[second]}?"
    return Question(text, _YES_NO[yes], "comparison", 0.5)


def _relation(scene: Scene, rng: np.random.Generator) -> Question | None:
    things = scene.only("shape")
    options = [
        (one, other, axis)
        for one in things
        for other in things
        for axis in ("x", "y")
        if getattr(other, axis) - getattr(one, axis) >= _APART
        and one.cell[axis == "y"] != other.cell[axis == "y"]
    ]
    if not options:
        return None
    low, high, axis = options[rng.integers(len(options))]
    words = ("left of", "right of") if axis == "x" else ("above", "below")
    yes, swap = bool(rng.integers(2)), bool(rng.integers(2))
    first, second = (high, low) if swap else (low, high)
    word = words[swap == yes]
    text = f"Is the {first.shape} {word} the {second.shape}?"
    return Question(text, _YES_NO[yes], "relation", 0.5)


def _pick(things: list[Thing] | tuple[Thing, ...], rng: np.random.Generator) -> Thing:
    return things[rng.integers(len(things))]


_FIELDS = {"color": "colour", "size": "size", "texture": "texture"}
VQA: dict[str, Callable[[Scene, np.random.Generator], Question | None]] = {
    "color": _attribute("color", COLOURS),
    "shape": _shape,
    "size": _attribute("size", SIZES),
    "texture": _attribute("texture", TEXTURES),
    "existence": _existence,
    "comparison": _comparison,
    "relation": _relation,
}
"""One asker a category; it returns None where the scene does not allow the question."""


def vqa(scene: Scene, rng: np.random.Generator, categories: list[str]) -> list[Question]:
    """At most one question of each named category, as far as the scene allows."""
    asked = (VQA[category](scene, rng) for category in categories)
    return [question for question in asked if question is not None]


def object_count(scene: Scene) -> Question:
    """GVTBench's counting question about the main noun; the answer is 1…9, never 0."""
    text = f"How many {PLURALS[scene.main]} are there in the image?"
    return Question(text, str(scene.counts()[scene.main]), "counting", 1 / MAX_OBJECTS)


def multi_class(scene: Scene, rng: np.random.Generator, yes: bool) -> Question:
    """GVTBench's identification question, about a uniformly drawn present or absent noun."""
    there = scene.counts()
    nouns = [shape for shape in SHAPES if (shape in there) == yes]
    text = f"Does {rng.choice(nouns)} exist in the image?"
    return Question(text, "Yes." if yes else "No.", "identification", 0.5)
