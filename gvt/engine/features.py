"""Patch features of a set of images, computed once by a frozen tokenizer and kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gvt.data.images import ImageSet
from gvt.files import new_array
from gvt.paths import cache_dir
from tokenizers_zoo import Card, VisualTokenizer, load_tokenizer

FEATURES_VERSION = 1
"""Counts up whenever the stored features of an image would change."""
_BATCH = 128


@dataclass(frozen=True)
class Features:
    """``values`` float16[n, N, D], memory-mapped; ``failed`` says why an image has none."""

    values: np.ndarray
    grid: tuple[int, int] | None
    prefix: int
    failed: dict[int, str]
    cached: bool


class FeatureStore:
    """Features of one card; its encoder is loaded only if something must be computed."""

    def __init__(self, card: Card, device: torch.device, precision: str) -> None:
        self.card, self.device, self.precision = card, device, precision
        self._tokenizer: VisualTokenizer | None = None

    @property
    def tokenizer(self) -> VisualTokenizer:
        """The card's encoder."""
        if self._tokenizer is None:
            self._tokenizer = load_tokenizer(self.card, device=self.device)
        return self._tokenizer

    def path(self, images: ImageSet) -> Path:
        """Where the features of ``images`` are kept."""
        folder = f"{self.card.name}-{self.card.hash()[:16]}-{self.precision}"
        return cache_dir() / "features" / f"v{FEATURES_VERSION}" / folder / f"{images.key[:32]}.npy"

    def get(self, images: ImageSet, progress: Callable[[int], None] = lambda _: None) -> Features:
        """Features of all images, in their order. ``progress`` is told how many were added."""
        path = self.path(images)
        note_path = path.with_suffix(".json")
        cached = path.exists() and not json.loads(note_path.read_text()).get("lost")
        if not cached:
            self._compute(images, path, progress)
        note = json.loads(note_path.read_text())
        grid = tuple(note["grid"]) if note["grid"] else None
        failed = {int(index): reason for index, reason in note["failed"].items()}
        return Features(np.load(path, mmap_mode="r"), grid, note["prefix"], failed, cached)

    def _compute(self, images: ImageSet, path: Path, progress: Callable[[int], None]) -> None:
        tokenizer = self.tokenizer
        shape = (len(images), tokenizer.tokens, tokenizer.dim)
        failed, lost, prefix = {}, False, 0
        with new_array(path, np.float16, shape) as values:
            for start in range(0, len(images), _BATCH):
                good, pictures = [], []
                for index in range(start, min(start + _BATCH, len(images))):
                    try:
                        pictures.append(images.load(index))
                        good.append(index)
                    except (OSError, ValueError, SyntaxError) as error:
                        failed[index] = f"{type(error).__name__}: {error}"
                        # A missing file may come back, a broken one has this very content.
                        lost = lost or isinstance(error, FileNotFoundError)
                if good:
                    tokens = self._encode(tokenizer, pictures)
                    prefix = tokens.prefix
                    values[good] = tokens.features.float().cpu().numpy()
                progress(min(_BATCH, len(images) - start))
            note = {"grid": tokenizer.grid, "prefix": prefix, "failed": failed, "lost": lost}
            path.with_suffix(".json").write_text(json.dumps(note))

    def _encode(self, tokenizer: VisualTokenizer, pictures: list):
        pixels = tokenizer.preprocess(pictures)
        dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.precision)
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            return tokenizer.encode(pixels)
