"""GVTBench: counting (OC) and identification (MCI) on COCO and VCR, a JSON list each.

The files have defects that let a model answer without looking: in ``vcr_mci.json`` every Yes row
asks "exist" and every No row "exis"; both VCR files repeat rows and print nouns as one word. By
default questions are mended and repeated ones left out; the variant "legacy" changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gvt import yaml_files
from gvt.data.official.reading import Fields, check, listed, one_of
from gvt.data.official.sources import Source
from gvt.errors import UserError

FIELDS = {"text_in": str, "text_out": str, "n_obj_exist": int}
LEGACY = "legacy"
_NOUNS = Path(__file__).parents[1] / "nouns.yaml"
_QUESTION = re.compile(
    r"(?P<ask>How many|Does) (?P<noun>.+) (?P<verb>are there|exist|exis) in the image\?"
)


def records(files: dict[str, Path], _: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the rows of the file."""
    return listed(files["questions"])


@cache
def _nouns() -> dict[str, str]:
    return yaml_files.plain(yaml_files.compose(_NOUNS))


def mended(question: str) -> str:
    """Return the question with "exis" spelt out and glued nouns as two words."""
    found = _QUESTION.fullmatch(question)
    if found is None:
        return question
    noun = _nouns().get(found["noun"], found["noun"])
    verb = "exist" if found["verb"] == "exis" else found["verb"]
    return f"{found['ask']} {noun} {verb} in the image?"


def row(where: str, fields: Fields, source: Source, variant: str | None) -> dict[str, Any]:
    """Keep GVTBench's own columns; the category is the bin that the paper reports."""
    kind = int if ":012d" in source.images else str
    check(fields, {"image_id": kind}, where)
    counting = source.split == "counting"
    if counting:
        if not re.fullmatch("[0-9]+", fields["text_out"]):
            raise UserError(f"{where}: 'text_out' is {fields['text_out']!r}, expected a count")
        low = int(fields["text_out"]) // 3 * 3
        category = f"{low}–{low + 2}"
    else:
        one_of(fields["text_out"], ("Yes.", "No."), "text_out", where)
        objects = fields["n_obj_exist"]
        category = "<10 objects" if objects < 10 else "10–19" if objects < 20 else "≥20 objects"
    legacy = variant == LEGACY
    question = fields["text_in"] if legacy else mended(fields["text_in"])
    return {
        "image_id": str(fields["image_id"]),
        "image": fields["image_id"],
        "text_in": question,
        "text_out": fields["text_out"],
        "n_obj_exist": fields["n_obj_exist"],
        "category": category,
        "chance": 1 / 9 if counting else 0.5,
        "same_as": None if legacy else (fields["image_id"], question, fields["text_out"]),
    }
