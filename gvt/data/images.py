"""Sets of images with a content key, whatever holds them: files, or arrays of the mini world."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from PIL import Image

from gvt.mini.images import WORLD_VERSION, pixels


class ImageSet(Protocol):
    """Images by index. ``key`` is a hash of their content."""

    @property
    def key(self) -> str: ...

    def __len__(self) -> int: ...

    def load(self, index: int) -> Image.Image:
        """The decoded image. Raises OSError or ValueError where it cannot be read."""
        ...


@dataclass(frozen=True)
class FileImages:
    """Image files with the SHA-256 of each."""

    paths: Sequence[str]
    hashes: Sequence[str]

    @cached_property
    def key(self) -> str:
        return hashlib.sha256("\n".join(self.hashes).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int) -> Image.Image:
        with Image.open(self.paths[index]) as image:
            image.load()
            return image


@dataclass(frozen=True)
class MiniImages:
    """The first ``count`` images of a split of the mini world."""

    split: str
    count: int

    @property
    def key(self) -> str:
        name = f"mini v{WORLD_VERSION} {self.split} {self.count}"
        return hashlib.sha256(name.encode()).hexdigest()

    @cached_property
    def _pixels(self) -> np.ndarray:
        return pixels(self.split, self.count)

    def __len__(self) -> int:
        return self.count

    def load(self, index: int) -> Image.Image:
        return Image.fromarray(self._pixels[index])
