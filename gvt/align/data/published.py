"""The training splits of published benchmarks."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from gvt.align.data.contracts import FixedTexts, Pair
from gvt.data import easy_vqa
from gvt.data.images import FileImages, ImageSet, set_hash
from gvt.data.official.load import rows
from gvt.files import sha256
from gvt.mini.texts import CAPTION_PROMPT
from gvt.model.frame import vqa_prompt


class EasyVQA(FixedTexts):
    """The official train split of easy-VQA."""

    @cached_property
    def _split(self) -> list[tuple[str, list[Pair]]]:
        return [(path, list(pairs)) for path, pairs in easy_vqa.train_pairs()]

    @cached_property
    def images(self) -> ImageSet:
        paths = [path for path, _ in self._split]
        return FileImages(paths, [sha256(path) for path in paths])

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """``count`` of the image's questions."""
        asked = self._split[index][1]
        return [(vqa_prompt(asked[i][0]), asked[i][1]) for i in rng.permutation(len(asked))[:count]]


class Published:
    """The training split of a published benchmark: captions, or questions with people's answer."""

    warnings: Sequence[str] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def _by_image(self) -> list[list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows(self.name):
            found.setdefault(row["image"], []).append(row)
        return list(found.values())

    @cached_property
    def images(self) -> ImageSet:
        first = [about[0] for about in self._by_image]
        return FileImages([row["image"] for row in first], [row["image_sha256"] for row in first])

    @cached_property
    def hash(self) -> str:
        """See ``AlignmentData``; the files of others may change under their names."""
        digest = hashlib.sha256(set_hash(self.images).encode())
        for about in self._by_image:
            digest.update(json.dumps([_learnt(row) for row in about]).encode())
        return digest.hexdigest()

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """``count`` of the image's captions, or of its questions with their commonest answer."""
        asked = [pair for row in self._by_image[index] for pair in _learnt(row)]
        return [asked[i] for i in rng.permutation(len(asked))[:count]]


def _learnt(row: dict[str, Any]) -> list[Pair]:
    if not row["question"]:
        return [(CAPTION_PROMPT, caption) for caption in row["answers"]]
    answer, _ = Counter(row["answers"]).most_common(1)[0]
    return [(vqa_prompt(row["question"]), answer)]
