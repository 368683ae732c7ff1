"""Draws a scene: textured shapes on a cluttered background, three times too large, then reduced."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from gvt.mini.scenes import CANVAS, Scene, Thing

_SCALE = 3
_RGB = {
    "red": (214, 40, 40),
    "green": (44, 150, 60),
    "blue": (40, 80, 210),
    "yellow": (238, 206, 40),
    "purple": (132, 50, 165),
    "orange": (242, 130, 30),
    "cyan": (40, 190, 205),
    "black": (25, 25, 28),
}
_CLUTTER = (2, 7)
_NOISE = 7.0


def draw(scene: Scene) -> Image.Image:
    """The scene as an RGB image of CANVAS x CANVAS pixels; equal scenes give equal pixels."""
    rng = np.random.default_rng(scene.backdrop)
    canvas = _background(rng)
    for thing in scene.things:
        _paste(canvas, thing, rng)
    small = np.asarray(canvas.reduce(_SCALE), dtype=np.float32)
    noisy = small + rng.normal(0.0, _NOISE, size=small.shape).astype(np.float32)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def _background(rng: np.random.Generator) -> Image.Image:
    side = CANVAS * _SCALE
    corners = rng.uniform(145, 235) + rng.uniform(-22, 22, size=(2, 2, 3))
    small = Image.fromarray(corners.clip(0, 255).astype(np.uint8))
    canvas = small.resize((side, side), Image.Resampling.BILINEAR)
    pen = ImageDraw.Draw(canvas)
    # Clutter is thin, grey and open: it can be taken for no object.
    for _ in range(int(rng.integers(*_CLUTTER))):
        grey = tuple(int(v) for v in rng.uniform(110, 200) + rng.uniform(-10, 10, 3))
        x0, y0, x1, y1 = (int(v) for v in rng.uniform(0, side, 4))
        if rng.random() < 0.5:
            pen.line((x0, y0, x1, y1), fill=grey, width=int(rng.integers(2, 5)))
        else:
            box = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            start = float(rng.uniform(0, 360))
            pen.arc(box, start, start + 120, fill=grey, width=int(rng.integers(2, 5)))
    return canvas


def _paste(canvas: Image.Image, thing: Thing, rng: np.random.Generator) -> None:
    half = math.ceil(thing.radius * _SCALE) + 2
    mask = _mask(thing, half)
    colour = np.array(_RGB[thing.colour]) + rng.uniform(-14, 14, 3)
    left, top = round(thing.x * _SCALE) - half, round(thing.y * _SCALE) - half
    canvas.paste(_tuple(colour), (left, top), mask)
    if thing.texture != "solid":
        pattern = _pattern(thing.texture, 2 * half)
        # The second tone is a tint of the colour itself, so that colour and texture stay apart.
        tint = colour + 0.55 * (255 - colour)
        canvas.paste(_tuple(tint), (left, top), ImageChops.multiply(mask, pattern))


def _tuple(colour: np.ndarray) -> tuple[int, ...]:
    return tuple(int(v) for v in colour.clip(0, 255))


def _mask(thing: Thing, half: int) -> Image.Image:
    mask = Image.new("L", (2 * half, 2 * half))
    pen = ImageDraw.Draw(mask)
    radius = thing.radius * _SCALE
    if thing.shape in _OUTLINES:
        cos, sin = math.cos(math.radians(thing.angle)), math.sin(math.radians(thing.angle))
        points = [
            (half + radius * (x * cos - y * sin), half + radius * (x * sin + y * cos))
            for x, y in _OUTLINES[thing.shape]
        ]
        pen.polygon(points, fill=255)
        return mask
    pen.circle((half, half), radius, fill=255)
    if thing.shape == "ring":
        pen.circle((half, half), 0.5 * radius, fill=0)
    elif thing.shape == "moon":
        angle = math.radians(thing.angle)
        shift = (half + 0.5 * radius * math.cos(angle), half + 0.5 * radius * math.sin(angle))
        pen.circle(shift, 0.8 * radius, fill=0)
    return mask


@cache
def _pattern(texture: str, side: int) -> Image.Image:
    pattern = Image.new("L", (side, side))
    pen = ImageDraw.Draw(pattern)
    if texture == "striped":
        for x in range(-side, side, 12):
            pen.line((x, 0, x + side, side), fill=255, width=5)
    else:
        for x in range(6, side, 13):
            for y in range(6, side, 13):
                pen.circle((x, y), 3.3, fill=255)
    return pattern


def _star() -> list[tuple[float, float]]:
    turn = [math.pi * (k / 5 - 0.5) for k in range(10)]
    reach = [1.0 if k % 2 == 0 else 0.42 for k in range(10)]
    return [(r * math.cos(t), r * math.sin(t)) for r, t in zip(reach, turn, strict=True)]


def _heart() -> list[tuple[float, float]]:
    turn = [2 * math.pi * k / 40 for k in range(40)]
    return [
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
        )
        for t in turn
    ]


_ARM = 0.34
_OUTLINES = {
    "square": [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    "triangle": [(0.0, -1.0), (0.95, 0.8), (-0.95, 0.8)],
    "star": _star(),
    "heart": _heart(),
    "cross": [
        (-_ARM, -1), (_ARM, -1), (_ARM, -_ARM), (1, -_ARM), (1, _ARM), (_ARM, _ARM),
        (_ARM, 1), (-_ARM, 1), (-_ARM, _ARM), (-1, _ARM), (-1, -_ARM), (-_ARM, -_ARM),
    ],
}  # fmt: skip
