"""What a batch shows of its images: kept features of frozen encoders, or pixels for live ones."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from gvt.data.images import READ_ERRORS, ImageSet
from gvt.engine.features import Features
from gvt.errors import UserError
from tokenizers_zoo import VisualTokenizer

Visual = Tensor | tuple[Tensor, ...]
"""Features float[B, N, D], or the pixels float[B, 3, H, W] for every encoder of a card."""


class Visuals(Protocol):
    """The images of one source of data; ``usable`` are the indices of those that can be read."""

    usable: np.ndarray

    def __call__(self, index: np.ndarray) -> Visual:
        """What the model is shown of these images, on the CPU. Raises UserError."""
        ...


class KeptFeatures:
    """Features that the store has computed, read from its memory-mapped shards."""

    def __init__(self, features: Features) -> None:
        self.usable = usable(features)
        self._values = features.values

    def __call__(self, index: np.ndarray) -> Tensor:
        return torch.from_numpy(self._values[index].astype(np.float32))


class LivePixels:
    """Pixels as each of ``tokenizers`` takes them; ``features`` tell which images cannot be read.

    Those are the same that a frozen tokenizer leaves out, so that the order of data is too.
    """

    def __init__(
        self, images: ImageSet, features: Features, tokenizers: Sequence[VisualTokenizer]
    ) -> None:
        self.usable = usable(features)
        self._images, self._tokenizers = images, tokenizers
        self._pool = ThreadPoolExecutor(min(16, os.cpu_count() or 1))

    def __call__(self, index: np.ndarray) -> tuple[Tensor, ...]:
        shown = zip(*self._pool.map(self._read, index), strict=True)
        return tuple(torch.cat(pixels) for pixels in shown)

    def _read(self, index: int) -> list[Tensor]:
        try:
            image = self._images.load(int(index))
        except READ_ERRORS as error:
            raise UserError(f"alignment: image {index} can no longer be read ({error})") from error
        return [tokenizer.preprocess([image]) for tokenizer in self._tokenizers]


def usable(features: Features) -> np.ndarray:
    """int64[n]: the images that could be read."""
    return np.setdiff1d(np.arange(len(features.values)), list(features.failed))
