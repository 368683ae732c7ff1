"""GVTBench's questions made anew from COCO's instances, so that no prior answers them.

The authors published no code that makes their files; these rules are ours. Counting: as many
questions for each count from 1 to 9. Identification: every noun is asked as often of images that
show it as of images that do not. Nouns of a crowd, whose number nobody knows, are not asked of
their image. Choices follow from hashes of image and noun: the same at every call.

Format: ``instances_val2017.json`` (cocodataset.org): ``images``, ``annotations``, ``categories``.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from gvt.data.official.readers import gvtbench
from gvt.data.official.reading import Fields, Unique, check, read_json
from gvt.data.official.sources import Source
from gvt.errors import UserError

FIELDS = gvtbench.FIELDS
row = gvtbench.row

COUNTS = range(1, 10)
PER_NOUN = 50
"""Questions about one noun with either answer, where there are so many images."""

_IRREGULAR = {"person": "people", "knife": "knives", "mouse": "mice", "sheep": "sheep"}
_ALREADY_PLURAL = ("scissors", "skis")

Pair = tuple[int, str]  # image, noun


def records(files: dict[str, Path], source: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the questions, ordered by image."""
    path = files["annotations"]
    images, counts, crowded = _read(path)
    ask = _counting if source.split == "counting" else _identification
    total = Counter()
    for (image, _), number in counts.items():
        total[image] += number
    for (image, noun), answer in sorted(ask(images, counts, crowded).items()):
        if source.split == "counting":
            question = f"How many {plural(noun)} are there in the image?"
        else:
            question = f"Does {noun} exist in the image?"
        fields = {"image_id": image, "text_in": question, "text_out": answer}
        yield f"{path}: image {image}", fields | {"n_obj_exist": total[image]}


def plural(noun: str) -> str:
    """Return the plural of a COCO category."""
    first, _, last = noun.rpartition(" ")
    if last in _ALREADY_PLURAL:
        return noun
    ending = "es" if last.endswith(("s", "sh", "ch", "x")) else "s"
    return f"{first} {_IRREGULAR.get(last, last + ending)}".strip()


def _counting(images: list[int], counts: Counter[Pair], crowded: set[Pair]) -> dict[Pair, str]:
    by_count: dict[int, list[Pair]] = defaultdict(list)
    for pair, number in counts.items():
        if pair not in crowded and number in COUNTS:
            by_count[number].append(pair)
    least = min((len(pairs) for pairs in by_count.values()), default=0)
    return {
        pair: str(number)
        for number, pairs in by_count.items()
        for pair in sorted(pairs, key=_draw)[:least]
    }


def _identification(
    images: list[int], counts: Counter[Pair], crowded: set[Pair]
) -> dict[Pair, str]:
    asked = {}
    for noun in {noun for _, noun in counts}:
        there = [(i, noun) for i in images if counts.get((i, noun)) and (i, noun) not in crowded]
        absent = [(i, noun) for i in images if (i, noun) not in counts and (i, noun) not in crowded]
        least = min(len(there), len(absent), PER_NOUN)
        for answer, pairs in (("Yes.", there), ("No.", absent)):
            asked |= dict.fromkeys(sorted(pairs, key=_draw)[:least], answer)
    return asked


def _draw(pair: Pair) -> str:
    return hashlib.sha256(f"{pair[0]}/{pair[1]}".encode()).hexdigest()


def _read(path: Path) -> tuple[list[int], Counter[Pair], set[Pair]]:
    content = read_json(path)
    check(content, {"images": list, "annotations": list, "categories": list}, str(path))
    names = {}
    for index, category in enumerate(content["categories"]):
        check(category, {"id": int, "name": str}, f"{path}: categories[{index}]")
        names[category["id"]] = category["name"]
    unique, images = Unique("id"), []
    for index, image in enumerate(content["images"]):
        where = f"{path}: images[{index}]"
        check(image, {"id": int}, where)
        unique.add(image["id"], where)
        images.append(image["id"])
    known, counts, crowded = set(images), Counter(), set()
    for index, one in enumerate(content["annotations"]):
        where = f"{path}: annotations[{index}]"
        check(one, {"image_id": int, "category_id": int, "iscrowd": int}, where)
        if one["image_id"] not in known:
            raise UserError(f"{where}: image_id {one['image_id']} is none of the images")
        if one["category_id"] not in names:
            raise UserError(f"{where}: category_id {one['category_id']} is none of the categories")
        pair = one["image_id"], names[one["category_id"]]
        if one["iscrowd"]:
            crowded.add(pair)
        else:
            counts[pair] += 1
    return images, counts, crowded
