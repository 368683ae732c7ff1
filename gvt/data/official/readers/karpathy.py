"""COCO captions in Karpathy's split: 5,000 images of val2014 each for validation and test.

Format: ``dataset_coco.json`` (Karpathy and Fei-Fei 2015); ``images`` with their ``sentences``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.data.official.reading import Fields, Unique, check, listed
from gvt.data.official.sources import Source
from gvt.errors import UserError

FIELDS = {"cocoid": int, "filepath": str, "filename": str, "sentences": list}


def records(files: dict[str, Path], source: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the images of the split; each caption is its ``raw`` text."""
    unique, found = Unique("cocoid"), False
    for where, image in listed(files["captions"], "images"):
        check(image, {**FIELDS, "split": str}, where)
        unique.add(image["cocoid"], where)
        if image["split"] != source.split:
            continue
        found = True
        for index, sentence in enumerate(image["sentences"]):
            check(sentence, {"raw": str}, f"{where}.sentences[{index}]")
        yield where, {**image, "sentences": [sentence["raw"] for sentence in image["sentences"]]}
    if not found:
        raise UserError(f"{files['captions']}: no image has the split '{source.split}'")


def row(where: str, fields: Fields, _: Source, __: str | None) -> dict[str, Any]:
    """``answers`` are the reference captions as they were written."""
    captions = fields["sentences"]
    if not captions or not all(type(text) is str and text.strip() for text in captions):
        raise UserError(f"{where}: 'sentences' must hold captions, and at least one")
    return {
        "id": fields["cocoid"],
        "image_id": str(fields["cocoid"]),
        "image": f"{fields['filepath']}/{fields['filename']}",
        "question": "",
        "answers": captions,
        "category": None,
        "chance": None,
    }
