"""What a batch shows of its images: kept features of frozen encoders, or pixels for live ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gvt.data.images import READ_ERRORS
from gvt.engine.features import Features
from gvt.errors import UserError
from tokenizers_zoo import VisualTokenizer

Visual = Tensor | tuple[Tensor, ...]
"""Features float[B, N, D], or the pixels float[B, 3, H, W] for every encoder of a card."""


class Visuals(Protocol):
    """The images of one source of data: by index, or the items of a stream.

    usable: the indices of those that can be read; of a stream none.
    """

    usable: np.ndarray

    def __call__(self, chosen: np.ndarray) -> Visual:
        """What the model is shown of these images, on the CPU. Raises UserError."""
        ...


class KeptFeatures:
    """Features that the store has computed, read from its memory-mapped shards."""

    def __init__(self, features: Features) -> None:
        self.usable = usable(features)
        self._values = features.values

    def __call__(self, chosen: np.ndarray) -> Tensor:
        return torch.from_numpy(self._values[chosen].astype(np.float32))


class LivePixels:
    """Pixels as each of ``tokenizers`` takes them; ``load`` decodes what a batch has chosen.

    The images that a frozen tokenizer leaves out are not ``usable`` either, so that the order of
    data is the same.
    """

    def __init__(
        self,
        tokenizers: Sequence[VisualTokenizer],
        load: Callable[[Any], Image.Image],
        usable: np.ndarray,
    ) -> None:
        self.usable = usable
        self._tokenizers, self._load = tokenizers, load
        self._pool = ThreadPoolExecutor(min(16, os.cpu_count() or 1))

    def __call__(self, chosen: np.ndarray) -> tuple[Tensor, ...]:
        shown = zip(*self._pool.map(self._read, chosen), strict=True)
        return tuple(torch.cat(pixels) for pixels in shown)

    def _read(self, one: Any) -> list[Tensor]:
        try:
            image = self._load(one)
        except READ_ERRORS as error:
            name = getattr(one, "name", one)
            raise UserError(
                f"alignment: image {name} cannot be read ({error})", "Take it out of the data."
            ) from error
        return [tokenizer.preprocess([image]) for tokenizer in self._tokenizers]


def usable(features: Features) -> np.ndarray:
    """int64[n]: the images that could be read."""
    return np.setdiff1d(np.arange(len(features.values)), list(features.failed))
