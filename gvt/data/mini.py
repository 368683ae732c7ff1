"""The mini world's held-out tasks as rows for lm-eval, and its alignment pairs."""

from __future__ import annotations

import os
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

from gvt.files import sha256
from gvt.mini.images import pixels, scenes, world_dir
from gvt.mini.questions import VQA, Question, multi_class, object_count, vqa
from gvt.mini.scenes import MAX_OBJECTS, generator
from gvt.mini.texts import captions, describe

if TYPE_CHECKING:
    import datasets

HELDOUT = 1000
"""Held-out scenes; all tasks ask about these."""
_PER_CATEGORY = 150
_PER_COUNT = 60
_CAPTIONED = 250
_IDENTIFIED = 1000
# Separates the stream that asks about a scene from the one that draws it.
_ASKING = 1


@cache
def _images() -> list[dict[str, str]]:
    """Path and hash of every held-out image; the files are written where they are missing."""
    from PIL import Image

    folder = world_dir() / "heldout"
    folder.mkdir(parents=True, exist_ok=True)
    array, found = None, []
    for index in range(HELDOUT):
        path = folder / f"{index:06d}.png"
        if not path.exists():
            array = pixels("heldout", HELDOUT) if array is None else array
            part = path.with_suffix(f".{os.getpid()}.part")
            Image.fromarray(array[index]).save(part, format="png")
            part.replace(path)
        found.append({"image": str(path), "image_sha256": sha256(path)})
    return found


@cache
def _scenes():
    return scenes("heldout", HELDOUT)


def _row(index: int, **fields: Any) -> dict[str, Any]:
    return {
        "image_id": f"heldout/{index:06d}",
        **_images()[index],
        "scene_text": describe(_scenes()[index]),
        **fields,
    }


def _dataset(rows: list[dict[str, Any]]) -> dict[str, datasets.Dataset]:
    from datasets import Dataset

    return {"heldout": Dataset.from_list(rows)}


def vqa_rows(**_: object) -> dict[str, datasets.Dataset]:
    """``mini_vqa``: 150 questions of each of seven categories, at most one of each an image."""
    rows = []
    asked: dict[str, int] = defaultdict(int)
    for index, scene in enumerate(_scenes()):
        rng = generator("heldout", index, purpose=_ASKING)
        # Each scene is asked about two categories only, so that no image weighs much.
        open_ones = [name for name in VQA if asked[name] < _PER_CATEGORY]
        chosen = [open_ones[i] for i in rng.permutation(len(open_ones))]
        for question in vqa(scene, rng, chosen)[:2]:
            asked[question.category] += 1
            rows.append(
                _row(
                    index,
                    question=question.text,
                    answers=[question.answer],
                    category=question.category,
                    chance=question.chance,
                )
            )
    return _dataset(rows)


def oc_rows(**_: object) -> dict[str, datasets.Dataset]:
    """``mini_oc`` in GVTBench's format: 60 scenes for each count from 1 to 9."""
    rows = []
    asked: dict[str, int] = defaultdict(int)
    for index, scene in enumerate(_scenes()):
        question = object_count(scene)
        if asked[question.answer] < _PER_COUNT:
            asked[question.answer] += 1
            rows.append(_bench_row(index, question))
    return _dataset(rows)


def mci_rows(**_: object) -> dict[str, datasets.Dataset]:
    """``mini_mci`` in GVTBench's format: a present and an absent noun for each of 1,000 scenes."""
    rows = []
    for index in range(_IDENTIFIED):
        rng = generator("heldout", index, purpose=_ASKING)
        for yes in (True, False):
            question = multi_class(_scenes()[index], rng, yes)
            rows.append(_bench_row(index, question))
    return _dataset(rows)


def caption_rows(**_: object) -> dict[str, datasets.Dataset]:
    """``mini_caption``: five references for each of 250 scenes."""
    rows = [
        _row(index, answers=captions(_scenes()[index]), category=None, chance=None)
        for index in range(_CAPTIONED)
    ]
    return _dataset(rows)


def _bench_row(index: int, question: Question) -> dict[str, Any]:
    objects = len(_scenes()[index].things)
    return _row(
        index,
        text_in=question.text,
        text_out=question.answer,
        n_obj_exist=objects,
        category=_crowd(objects),
        chance=question.chance,
    )


def _crowd(objects: int) -> str:
    third = MAX_OBJECTS // 3
    low = (objects - 1) // third * third + 1
    return f"{low}–{low + third - 1} objects"
