"""What connectors are trained on: images with prompts and answers, as recipes name them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from gvt.align.data.contracts import AlignmentData, FixedTexts, Pair
from gvt.align.data.folders import ImageTexts
from gvt.align.data.mini import MiniCaptions, MiniQuestions
from gvt.align.data.published import EasyVQA, Published
from gvt.align.data.streams import Item, Stream
from gvt.data.training_files import TrainingFiles
from gvt.errors import unknown_name

__all__ = [
    "AlignmentData",
    "FixedTexts",
    "Item",
    "Pair",
    "Stream",
    "image_name",
    "images_from",
    "left_out",
    "source",
]

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


def image_name(data: str | TrainingFiles, index: int) -> str:
    """What messages call an image of a recipe's stage: its path, if it is a file of its own."""
    paths = getattr(source(data).images, "paths", None)
    return str(paths[index]) if paths else f"{data} {index}"


def left_out(data: str | TrainingFiles, failed: Mapping[int, str]) -> list[str]:
    """What of a stage's data is not trained on: a line of rows, and one of images.

    failed: why images have no features, by index.
    """
    lines = list(source(data).warnings)
    if failed:
        first, reason = next(iter(failed.items()))
        lines.append(
            f"{data}: {len(failed):,} of {len(source(data).images):,} images left out, which cannot"
            f" be read; first: {image_name(data, first)} ({reason})"
        )
    return lines


def images_from(data: str | TrainingFiles) -> tuple[str, ...]:
    """The data sets and splits that the images of a recipe's stage are of, where it is known."""
    return data.images_from if isinstance(data, TrainingFiles) else (IMAGES_FROM[data],)
