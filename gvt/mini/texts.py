"""What can be said of a scene: its exact description for a language model, and its captions."""

from __future__ import annotations

import numpy as np

from gvt.mini.scenes import PLURALS, Scene, Thing

CAPTION_PROMPT = "Describe the image."
REFERENCES = 5
LIST_PROMPT = "List the objects."
"""Asks for the description itself; only pre-training of the language model uses it."""


def reasoned(question: str, form: str = "") -> str:
    """The prompt that asks for the looked-up facts before the answer (pre-training only).

    form: a digit that says in which form, such as how many of their words are left out.
    """
    return f"Question: {question} Reason {form}:" if form else f"Question: {question} Reason:"


def describe(scene: Scene, rng: np.random.Generator | None = None) -> str:
    """Every object with all its attributes and its grid cell.

    For example ``ring red ring small ring striped ring 2 5``: the noun beside every attribute is
    what lets a small language model bind the two. The order of the objects carries nothing: it is
    random with ``rng`` (training), else top-left to bottom-right.
    """
    if rng is None:
        things = sorted(scene.things, key=lambda t: (t.cell[1], t.cell[0], t.x))
    else:
        things = [scene.things[i] for i in rng.permutation(len(scene.things))]
    return " , ".join(
        inventory(t.shape, t.colour, t.size, t.texture, t.cell[0], t.cell[1]) for t in things
    )


def inventory(shape: str, colour: str, size: str, texture: str, column: int, row: int) -> str:
    """One object of a description."""
    return f"{shape} {colour} {shape} {size} {shape} {texture} {shape} {column} {row}"


def captions(scene: Scene) -> list[str]:
    """REFERENCES captions, from counts to attributes to a relation; the same at every call."""
    counts = sorted(scene.counts().items(), key=lambda item: (-item[1], item[0]))
    groups = [_group(shape, count) for shape, count in counts]
    by_size = sorted(scene.things, key=lambda t: (-t.radius, t.x))
    biggest, rest = by_size[0], len(by_size) - 1
    detailed = [
        _group(shape, count) if count > 1 else f"a {_short(_first(scene, shape))}"
        for shape, count in counts
    ]
    if rest == 0:
        return [
            f"a {biggest.shape}",
            f"there is a {biggest.shape}",
            f"a {_short(biggest)}",
            f"a {_full(biggest)}",
            f"a picture of a {biggest.colour} {biggest.shape}",
        ]
    return [
        _join(groups),
        f"there are {_join(groups)}",
        _join(detailed),
        f"a {_full(biggest)} and {rest} other object{'s' if rest > 1 else ''}",
        f"a {_short(biggest)} {_side(biggest, by_size[1])} a {_short(by_size[1])}",
    ]


def _full(thing: Thing) -> str:
    return f"{thing.size} {thing.colour} {thing.texture} {thing.shape}"


def _short(thing: Thing) -> str:
    return f"{thing.colour} {thing.shape}"


def _first(scene: Scene, shape: str) -> Thing:
    return next(thing for thing in scene.things if thing.shape == shape)


def _group(shape: str, count: int) -> str:
    return f"a {shape}" if count == 1 else f"{count} {PLURALS[shape]}"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{' , '.join(parts[:-1])} and {parts[-1]}"


def _side(one: Thing, other: Thing) -> str:
    dx, dy = one.x - other.x, one.y - other.y
    if abs(dx) >= abs(dy):
        return "left of" if dx < 0 else "right of"
    return "above" if dy < 0 else "below"
