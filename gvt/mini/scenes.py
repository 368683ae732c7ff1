"""Scenes of the mini world: which objects stand where, drawn from a seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart", "ring", "moon")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "black")
SIZES = ("small", "large")
TEXTURES = ("solid", "striped", "dotted")
PLURALS = {shape: shape + ("es" if shape.endswith("s") else "s") for shape in SHAPES}

CANVAS = 72
"""Side of an image in pixels."""
CELLS = 6
"""The scene text names positions on a CELLS x CELLS grid."""
MAX_OBJECTS = 9
SPLITS = ("pretrain", "align", "heldout")

_RADII = {"small": (6.0, 7.5), "large": (9.5, 12.0)}
# Weights of 1…9 copies of a scene's main noun: near uniform, so that a constant count gains little.
_COPIES = np.array([1, 1, 1, 1, 1, 1, 0.8, 0.7, 0.6])
_EXTRAS = 4
# Centres keep this share of the sum of radii apart: objects touch and overlap, none is hidden.
_SPACING = 0.78
_PLACEMENTS = 40
_RESTARTS = 12


@dataclass(frozen=True)
class Thing:
    """One object: what it is, centre ``x, y`` and ``radius`` in pixels, ``angle`` in degrees."""

    shape: str
    colour: str
    size: str
    texture: str
    x: float
    y: float
    radius: float
    angle: float

    @property
    def cell(self) -> tuple[int, int]:
        """Column and row on the grid of the scene text, each 1…CELLS."""
        return 1 + int(self.x * CELLS / CANVAS), 1 + int(self.y * CELLS / CANVAS)


@dataclass(frozen=True)
class Scene:
    """Objects in drawing order (later ones cover earlier ones) and the seed of the background."""

    things: tuple[Thing, ...]
    main: str
    backdrop: int

    def counts(self) -> dict[str, int]:
        """How often each shape that is there occurs."""
        found: dict[str, int] = {}
        for thing in self.things:
            found[thing.shape] = found.get(thing.shape, 0) + 1
        return found

    def only(self, attribute: str) -> list[Thing]:
        """The things whose value of ``attribute`` no other thing of the scene has."""
        values = [getattr(thing, attribute) for thing in self.things]
        return [
            thing
            for thing, value in zip(self.things, values, strict=True)
            if values.count(value) == 1
        ]

    def hash(self) -> str:
        """Hash of the content; two scenes with one hash look the same."""
        return hashlib.sha256(repr(self.things).encode()).hexdigest()


def generator(split: str, index: int, seed: int = 0, purpose: int = 0) -> np.random.Generator:
    """The random stream of one scene; ``purpose`` separates drawing it from asking about it."""
    return np.random.default_rng([seed, SPLITS.index(split), index, purpose])


def sample_scene(split: str, index: int, seed: int = 0) -> Scene:
    """Scene ``index`` of a split: 1…9 objects, one main noun with a near-uniform count."""
    rng = generator(split, index, seed)
    main = str(rng.choice(SHAPES))
    copies = int(rng.choice(len(_COPIES), p=_COPIES / _COPIES.sum())) + 1
    extras = int(rng.integers(0, min(MAX_OBJECTS - copies, _EXTRAS) + 1))
    others = [shape for shape in SHAPES if shape != main]
    shapes = [main] * copies + [str(rng.choice(others)) for _ in range(extras)]
    return Scene(_place(shapes, rng), main, int(rng.integers(2**31)))


def _place(shapes: list[str], rng: np.random.Generator) -> tuple[Thing, ...]:
    crowded = max(0.15, 0.6 - 0.06 * len(shapes))
    for restart in range(_RESTARTS):
        # Late restarts draw small objects only, so that nine of them surely fit.
        large = crowded if restart < _RESTARTS - 4 else 0.0
        things: list[Thing] = []
        for shape in rng.permutation(shapes):
            thing = _one(str(shape), large, things, rng)
            if thing is None:
                break
            things.append(thing)
        if len(things) == len(shapes):
            return tuple(things)
    raise RuntimeError(f"could not place {len(shapes)} objects")  # pragma: no cover


def _one(shape: str, large: float, placed: list[Thing], rng: np.random.Generator) -> Thing | None:
    size = "large" if rng.random() < large else "small"
    radius = float(rng.uniform(*_RADII[size]))
    colour, texture = str(rng.choice(COLOURS)), str(rng.choice(TEXTURES))
    angle = float(rng.uniform(-25, 25))
    for x, y in rng.uniform(radius, CANVAS - radius, size=(_PLACEMENTS, 2)):
        if all(
            (x - o.x) ** 2 + (y - o.y) ** 2 >= (_SPACING * (radius + o.radius)) ** 2 for o in placed
        ):
            return Thing(shape, colour, size, texture, float(x), float(y), radius, angle)
    return None
