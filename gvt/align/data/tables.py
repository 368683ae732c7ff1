"""Files that name images and tell captions or conversations about them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gvt.errors import UserError

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


@dataclass(frozen=True)
class Row:
    """One row: where it stands, its image's name, and what is told about the image.

    problem: why it is no row at all, or nothing.
    """

    where: str
    image: Any = None
    told: Any = None
    problem: str = ""


def llava_rows(path: Path) -> Iterator[Row]:
    """``image`` and ``conversations`` of LLaVA's JSON, or of the same as JSON Lines."""
    for where, entry in _entries(path):
        yield _row(where, entry, "conversations")


def caption_rows(path: Path) -> Iterator[Row]:
    """Captions by image, of a table, of JSON in one of the usual forms, or of texts beside images.

    Raises UserError where ``path`` is none of these.
    """
    if path.is_dir():
        yield from _beside(path)
    elif path.suffix == ".tsv":
        yield from _tsv(path)
    elif path.suffix == ".jsonl":
        yield from (_row(where, entry, "caption") for where, entry in _entries(path))
    elif path.suffix == ".json":
        yield from _json_captions(path)
    else:
        raise UserError(f"{path}: captions are a folder or a file .json, .jsonl or .tsv")


def _row(where: str, entry: Any, text: str) -> Row:
    if not isinstance(entry, dict):
        return Row(where, problem="broken JSON")
    if not isinstance(entry.get("image"), str):
        return Row(where, problem="row without image")
    return Row(where, entry["image"], entry.get(text))


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Entries of a JSON list, or of JSON Lines, where a broken line is None."""
    if path.suffix == ".jsonl":
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield f"{path.name}:{number}", _line(line)
        return
    content = _load(path)
    if not isinstance(content, list):
        raise UserError(f"{path}: must hold a list of rows")
    for number, entry in enumerate(content):
        yield f"{path.name}[{number}]", entry


def _line(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: broken JSON: {error.msg}") from error
    except ValueError as error:
        raise UserError(f"{path}: broken JSON: {error}") from error


def _json_captions(path: Path) -> Iterator[Row]:
    content = _load(path)
    if isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        names = {image["id"]: image["file_name"] for image in content["images"]}
        for number, one in enumerate(content["annotations"]):
            where = f"{path.name} annotations[{number}]"
            yield _row(where, {"image": names.get(one["image_id"]), **one}, "caption")
    elif isinstance(content, list) and content and "regions" in content[0]:
        for image in content:  # Visual Genome's: an image is called by its number
            for number, region in enumerate(image["regions"]):
                where = f"{path.name} image {image['id']} regions[{number}]"
                yield Row(where, f"{image['id']}.jpg", region.get("phrase"))
    elif isinstance(content, list):
        for number, entry in enumerate(content):
            yield _row(f"{path.name}[{number}]", entry, "caption")
    else:
        raise UserError(f"{path}: neither a list of rows nor COCO's 'images' and 'annotations'")


def _tsv(path: Path) -> Iterator[Row]:
    """Image and caption; a first line with these two words may put them the other way round."""
    places = (0, 1)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for number, cells in enumerate(csv.reader(file, "excel-tab", quoting=csv.QUOTE_NONE), 1):
            if number == 1 and sorted(cells[:2]) == ["caption", "image"]:
                places = (cells.index("image"), cells.index("caption"))
            elif len(cells) < 2:
                yield Row(f"{path.name}:{number}", problem="line without tab")
            else:
                yield Row(f"{path.name}:{number}", cells[places[0]], cells[places[1]])


def _beside(folder: Path) -> Iterator[Row]:
    """Every image, with the lines of the ``.txt`` or the ``caption`` of the ``.json`` beside it."""
    for image in sorted(folder.rglob("*")):
        if image.suffix.lower() not in IMAGE_ENDINGS:
            continue
        name = str(image.relative_to(folder))
        text, note = image.with_suffix(".txt"), image.with_suffix(".json")
        if text.is_file():
            yield Row(name, name, text.read_text("utf-8", "replace").splitlines())
        elif note.is_file():
            entry = _line(note.read_bytes())
            yield _row(name, entry and {**entry, "image": name}, "caption")
        else:
            yield Row(name, problem="image without caption")
