"""Which tasks ask about images that an encoder or its connector may have been trained on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from .schema import Run

_TABLE = Path(__file__).with_name("shared_images.yaml")
_WEB = "web"  # the family of what was crawled: nobody can look an image up in it
_DRAWN = ("mini-world", "easy-vqa")  # made by a program, so that no crawler can have met them


@dataclass(frozen=True)
class Overlap:
    """A task's images ``asked`` and the data ``seen`` in training meet; names as in run.json."""

    column: str
    task: str
    stage: str  # "pre-training" or "alignment"
    seen: str
    asked: str
    why: str


def overlaps(run: Run) -> list[Overlap]:
    """What is known to hold the same images, by column and task in the run's order."""
    return [
        Overlap(column, task, stage, seen, asked, why)
        for column, stage, seen in _trained(run)
        for task, asked in _asked(run)
        if (why := meeting(seen, asked))
    ]


def unknowable(run: Run) -> list[tuple[str, str]]:
    """(column, crawled data) of encoders that may have met a task's photographs or not."""
    photographs = [asked for _, asked in _asked(run) if _family(asked) not in _DRAWN]
    if not photographs:
        return []
    return [(column, seen) for column, _, seen in _trained(run) if _family(seen) == _WEB]


def meeting(seen: str, asked: str) -> str:
    """Why two data sets, ``coco/val2014`` or ``coco`` for all of it, share images; else empty."""
    if _family(seen) == _WEB or _family(asked) == _WEB:
        return "the same crawl" if seen == asked else ""
    if _covers(seen, asked) or _covers(asked, seen):
        return "the same images"
    for (one, other), why in _shared():
        for left, right in ((seen, asked), (asked, seen)):
            if _touches(left, one) and _touches(right, other):
                return why
    return ""


def _covers(whole: str, part: str) -> bool:
    """Whether ``whole`` is ``part`` or all splits of its data set."""
    return part == whole or part.startswith(f"{whole}/")


def _touches(name: str, entry: str) -> bool:
    """Whether an entry of the table speaks about ``name``, or about a part of it."""
    return _covers(entry, name) or _covers(name, entry)


def _family(name: str) -> str:
    return name.partition("/")[0]


def _trained(run: Run) -> list[tuple[str, str, str]]:
    """(column, stage, data set), each once."""
    found: dict[tuple[str, str, str], None] = {}
    for column in run["columns"]:
        for seen in column.get("trained_on", ()):
            found[column["name"], "pre-training", seen] = None
        for alignment in _own(run["alignment"], column["name"]):
            for seen in alignment.get("images_from", ()):
                found[column["name"], "alignment", seen] = None
    return list(found)


def _own(entries: Iterable, column: str) -> list:
    return [entry for entry in entries if entry["column"] == column]


def _asked(run: Run) -> list[tuple[str, str]]:
    return [(task["name"], asked) for task in run["tasks"] for asked in task.get("images_from", ())]


@cache
def _shared() -> list[tuple[tuple[str, str], str]]:
    table = yaml.safe_load(_TABLE.read_text("utf-8"))
    return [(tuple(entry["pair"]), entry["why"]) for entry in table]
