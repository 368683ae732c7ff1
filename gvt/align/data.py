"""What connectors are trained on: images with prompts and answers, by the names recipes use."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from functools import cache, cached_property, partial
from typing import Any, Protocol

import numpy as np

from gvt.data import easy_vqa
from gvt.data.images import FileImages, ImageSet, MiniImages, set_hash
from gvt.data.official.load import rows
from gvt.errors import unknown_name
from gvt.files import sha256
from gvt.mini.images import scenes
from gvt.mini.questions import VQA, multi_class, object_count, vqa
from gvt.mini.scenes import Scene
from gvt.mini.texts import CAPTION_PROMPT, captions
from gvt.model.frame import vqa_prompt

Pair = tuple[str, str]
"""A prompt and the answer to learn."""

ALIGN_SCENES = 8000
"""Scenes of the alignment split; none is used in pre-training or held out."""


class AlignmentData(Protocol):
    """Images, and for each of them prompts with answers."""

    @property
    def images(self) -> ImageSet: ...

    @property
    def hash(self) -> str:
        """Hash of the contents of all images and of what is asked and answered about them."""
        ...

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """Up to ``count`` pairs about image ``index``, drawn with ``rng``."""
        ...


class _FixedTexts:
    """Data whose texts this code or a pinned package determines: its images tell them apart."""

    images: ImageSet

    @property
    def hash(self) -> str:
        """See ``AlignmentData``."""
        return set_hash(self.images)


class MiniCaptions(_FixedTexts):
    """Captions of the mini world's alignment split."""

    images = MiniImages("align", ALIGN_SCENES)

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """``count`` different captions of the five."""
        known = captions(_align_scenes()[index])
        return [(CAPTION_PROMPT, known[i]) for i in rng.permutation(len(known))[:count]]


class MiniQuestions(_FixedTexts):
    """Questions of every mini task, one caption among them so that captioning is not unlearnt."""

    images = MiniImages("align", ALIGN_SCENES)

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """Questions of different categories, then one caption."""
        scene = _align_scenes()[index]
        asked = [(vqa_prompt(q.text), q.answer) for q in vqa(scene, rng, list(VQA))]
        named = [object_count(scene), *(multi_class(scene, rng, yes) for yes in (True, False))]
        asked += [(q.text, q.answer) for q in named]
        chosen = [asked[i] for i in rng.permutation(len(asked))[: count - 1]]
        return [*chosen, (CAPTION_PROMPT, str(rng.choice(captions(scene))))]


class EasyVQA(_FixedTexts):
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


SOURCES: dict[str, Callable[[], AlignmentData]] = {
    "mini-captions": MiniCaptions,
    "mini-questions": MiniQuestions,
    "easy-vqa": EasyVQA,
    "coco-captions": partial(Published, "coco_caption_train"),
    "vqav2": partial(Published, "vqav2_train"),
}

IMAGES_FROM = {
    "mini-captions": "mini-world/align",
    "mini-questions": "mini-world/align",
    "easy-vqa": "easy-vqa/train",
    "coco-captions": "coco/train2014",
    "vqav2": "coco/train2014",
}
"""The data set and split of each source's images, as cards and tasks call them."""


@cache
def source(name: str) -> AlignmentData:
    """The data a recipe's stage names. Raises UserError for an unknown name."""
    if name not in SOURCES:
        raise unknown_name("alignment data", name, SOURCES, "gvt show mini")
    return SOURCES[name]()


@cache
def _align_scenes() -> list[Scene]:
    return scenes("align", ALIGN_SCENES)
