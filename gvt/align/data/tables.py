"""Files that name images and tell captions or conversations about them."""

from __future__ import annotations

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
        if not all(isinstance(content[key], list) for key in ("images", "annotations")):
            raise UserError(f"{path}: 'images' and 'annotations' must be lists")
        yield from _coco(path.name, content["images"], content["annotations"])
    elif isinstance(content, list):
        genome = any(isinstance(entry, dict) and "regions" in entry for entry in content)
        for number, entry in enumerate(content):
            where = f"{path.name}[{number}]"
            if genome:
                yield from _regions(where, entry)
            else:
                yield _row(where, entry, "caption")
    else:
        raise UserError(f"{path}: neither a list of rows nor COCO's 'images' and 'annotations'")


def _coco(file: str, images: list[Any], annotations: list[Any]) -> Iterator[Row]:
    """COCO's: a row is an annotation, which calls its image by a number."""
    known = [one for one in images if isinstance(one, dict) and _is_id(one.get("id"))]
    names = {one["id"]: one.get("file_name") for one in known}
    for number, one in enumerate(annotations):
        where = f"{file} annotations[{number}]"
        if not isinstance(one, dict):
            yield Row(where, problem="annotation that is no object")
        elif not _is_id(one.get("image_id")):
            yield Row(where, problem="annotation without image_id")
        elif one["image_id"] not in names:
            yield Row(where, problem="annotation of an image that is not listed")
        elif not isinstance(names[one["image_id"]], str):
            yield Row(where, problem="image without file_name")
        else:
            yield Row(where, names[one["image_id"]], one.get("caption"))


def _regions(where: str, image: Any) -> Iterator[Row]:
    """Visual Genome's: a row is a region of an image, which is called by its number."""
    if not isinstance(image, dict) or not isinstance(image.get("regions"), list):
        yield Row(where, problem="image without regions")
        return
    for number, region in enumerate(image["regions"]):
        place = f"{where} regions[{number}]"
        if not _is_id(image.get("id")):
            yield Row(place, problem="image without id")
        elif not isinstance(region, dict) or "phrase" not in region:
            yield Row(place, problem="region without phrase")
        else:
            yield Row(place, f"{image['id']}.jpg", region["phrase"])


def _is_id(value: Any) -> bool:
    return isinstance(value, (int, str))


def _tsv(path: Path) -> Iterator[Row]:
    """Image and caption; a first line with these two words may put them the other way round."""
    places = (0, 1)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(file, 1):
            cells = line.rstrip("\n").split("\t")
            if not line.strip():
                continue
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
            own = {**entry, "image": name} if isinstance(entry, dict) else None
            yield _row(name, own, "caption")
        else:
            yield Row(name, problem="image without caption")
