"""Toy alignment data, features that carry its answers, and a recipe of a few steps."""

import numpy as np
import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from gvt.align import data
from gvt.config import Connector, Recipe, Stage
from gvt.data.images import MiniImages
from gvt.engine.features import Features

COLOURS = ("red", "green", "blue", "black")
IMAGES = 16


class Colours(data.FixedTexts):
    """Image i has colour i mod 4; every call is noted."""

    images = MiniImages("align", IMAGES)

    def __init__(self):
        self.calls = []

    def pairs(self, index, count, rng):
        words = ["which", "what"][: int(rng.integers(1, 3))]
        asked = [(f"{word} colour", COLOURS[index % 4]) for word in words][:count]
        self.calls.append((index, tuple(asked)))
        return asked


@pytest.fixture
def colours(monkeypatch):
    """The toy data, under the name `colours`."""
    toy = Colours()
    monkeypatch.setitem(data.SOURCES, "colours", lambda: toy)
    data.source.cache_clear()
    yield toy
    data.source.cache_clear()


@pytest.fixture
def accelerator():
    """One process in float32, whatever other tests asked for."""
    AcceleratorState._reset_state(True)
    yield Accelerator(cpu=True, mixed_precision="no")
    AcceleratorState._reset_state(True)


@pytest.fixture
def make_features():
    """make_features(dim, tokens): features with the colour of each image and much noise."""

    def make(dim=12, tokens=5, failed=None, seed=0):
        values = np.random.default_rng(seed).normal(size=(IMAGES, tokens, dim))
        for index in range(IMAGES):
            values[index, :, index % 4] += 4
        for index in failed or {}:
            values[index] = 0  # what the store leaves there
        values = values.astype(np.float16)
        return Features(values, None, 0, failed or {})

    return make


@pytest.fixture
def make_recipe():
    """make_recipe(steps=5): a small perceiver, one stage on the toy data."""

    def make(name="toy", connector=None, **changes):
        stage = {"name": "s", "data": "colours", "steps": 5, "batch_size": 6, "lr": 1e-2}
        stage = Stage(**{**stage, "questions_per_image": 2, **changes})
        small = Connector(latents=3, depth=1, heads=2, head_dim=8, ffn_mult=2)
        return Recipe(name=name, stages=(stage,), connector=connector or small)

    return make
