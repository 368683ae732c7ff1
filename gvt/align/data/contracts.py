"""What every source of alignment data offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from gvt.data.images import ImageSet, set_hash

Pair = tuple[str, str]
"""A prompt and the answer to learn."""


class AlignmentData(Protocol):
    """Images, and for each of them prompts with answers."""

    @property
    def images(self) -> ImageSet: ...

    @property
    def warnings(self) -> Sequence[str]:
        """What was left out, and why: lines for the run's warnings."""
        ...

    @property
    def hash(self) -> str:
        """Hash of the contents of all images and of what is asked and answered about them."""
        ...

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """Up to ``count`` pairs about image ``index``, drawn with ``rng``."""
        ...


class FixedTexts:
    """Data whose texts this code or a pinned package determines: its images tell them apart."""

    images: ImageSet
    warnings: Sequence[str] = ()

    @property
    def hash(self) -> str:
        """See ``AlignmentData``."""
        return set_hash(self.images)
