"""What connectors are trained on: images with prompts and answers, as recipes name them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from gvt.align.data.contracts import AlignmentData, FixedTexts, Pair
from gvt.align.data.folders import ImageTexts
from gvt.align.data.mini import MiniCaptions, MiniQuestions
from gvt.align.data.published import EasyVQA, Published
from gvt.align.data.streams import Item, Stream
from gvt.data.training_files import TrainingFiles
from gvt.errors import unknown_name

__all__ = ["AlignmentData", "FixedTexts", "Item", "Pair", "Stream", "images_from", "source"]

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
def source(data: str | TrainingFiles) -> AlignmentData | Stream:
    """The data of a recipe's stage. Raises UserError for an unknown name or a missing folder."""
    if isinstance(data, TrainingFiles):
        return Stream(data) if data.streamed else ImageTexts(data)
    if data not in SOURCES:
        raise unknown_name("alignment data", data, SOURCES, "gvt show mini")
    return SOURCES[data]()


def images_from(data: str | TrainingFiles) -> tuple[str, ...]:
    """The data sets and splits that the images of a recipe's stage are of, where it is known."""
    return data.images_from if isinstance(data, TrainingFiles) else (IMAGES_FROM[data],)
