"""The pixels of a split of the mini world, drawn once and kept in the cache."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gvt.files import new_array
from gvt.mini.draw import draw
from gvt.mini.scenes import CANVAS, SPLITS, Scene, sample_scene
from gvt.paths import cache_dir

WORLD_VERSION = 1
"""Counts up whenever scenes, drawings, questions or captions of an index change."""


def world_dir() -> Path:
    """Where this version of the mini world is cached."""
    return cache_dir() / "mini" / f"v{WORLD_VERSION}"


def scenes(split: str, count: int, seed: int = 0) -> list[Scene]:
    """The first ``count`` scenes of a split; splits share no scene."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}, one of {', '.join(SPLITS)}")
    return [sample_scene(split, index, seed) for index in range(count)]


def pixels(split: str, count: int, seed: int = 0) -> np.ndarray:
    """Read-only memory-mapped uint8[count, CANVAS, CANVAS, 3] of a split."""
    path = world_dir() / f"{split}-{seed}-{count}.npy"
    if not path.exists():
        with new_array(path, np.uint8, (count, CANVAS, CANVAS, 3)) as array:
            for index in range(count):
                array[index] = draw(sample_scene(split, index, seed))
    return np.load(path, mmap_mode="r")
