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

_BLANK = Image.new("RGB", (1, 1))

Visual = Tensor | tuple[Tensor, ...]
"""Features float[B, N, D], or the pixels float[B, 3, H, W] for every encoder of a card."""


class Visuals(Protocol):
    """The images of one source of data: by index, or the items of a stream.

    usable: the indices of those that can be read; of a stream none.
    """

    usable: np.ndarray

    def __call__(self, chosen: np.ndarray) -> tuple[Visual, np.ndarray]:
        """What the model is shown of these images, on the CPU, and the places int64[b] of those
        that it is shown: a stream may hold some that cannot be read. Where it is shown none, there
        is one blank image all the same. Raises UserError.
        """
        ...


class KeptFeatures:
    """Features that the store has computed, read from its memory-mapped shards."""

    def __init__(self, features: Features) -> None:
        self.usable = usable(features)
        self._values = features.values

    def __call__(self, chosen: np.ndarray) -> tuple[Tensor, np.ndarray]:
        shown = torch.from_numpy(self._values[chosen].astype(np.float32))
        return shown, np.arange(len(chosen))


class LivePixels:
    """Pixels as each of ``tokenizers`` takes them; ``load`` decodes what a batch has chosen.

    leave_out: is told of what cannot be read, which is an error without it. The images that a
    frozen tokenizer leaves out are not ``usable`` either, so that the order of data is the same.
    """

    def __init__(
        self,
        tokenizers: Sequence[VisualTokenizer],
        load: Callable[[Any], Image.Image],
        usable: np.ndarray,
        leave_out: Callable[[Any], None] | None = None,
    ) -> None:
        self.usable = usable
        self._tokenizers, self._load, self._leave_out = tokenizers, load, leave_out
        self._pool = ThreadPoolExecutor(min(16, os.cpu_count() or 1))

    def __call__(self, chosen: np.ndarray) -> tuple[tuple[Tensor, ...], np.ndarray]:
        read = list(self._pool.map(self._read, chosen))
        for one, pixels in zip(chosen, read, strict=True):
            if pixels is None:
                self._leave_out(one)
        whole = [place for place, pixels in enumerate(read) if pixels is not None]
        made = [read[place] for place in whole] or [self._preprocess(_BLANK)]
        shown = tuple(torch.cat(pixels) for pixels in zip(*made, strict=True))
        return shown, np.array(whole, dtype=int)

    def _read(self, one: Any) -> list[Tensor] | None:
        try:
            image = self._load(one)
        except READ_ERRORS as error:
            if self._leave_out:
                return None
            raise UserError(
                f"alignment: image {one} cannot be read ({error})", "Take it out of the data."
            ) from error
        return self._preprocess(image)

    def _preprocess(self, image: Image.Image) -> list[Tensor]:
        return [tokenizer.preprocess([image]) for tokenizer in self._tokenizers]


def usable(features: Features) -> np.ndarray:
    """int64[n]: the images that could be read."""
    return np.setdiff1d(np.arange(len(features.values)), list(features.failed))
