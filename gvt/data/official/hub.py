"""Rows of a benchmark's hub data set; images inside of rows become files in the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from gvt.data.official.reading import Fields
from gvt.data.official.sources import Source
from gvt.errors import UserError
from gvt.paths import cache_dir

if TYPE_CHECKING:
    import datasets

_SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89P": ".png", b"GI": ".gif", b"RI": ".webp", b"BM": ".bmp"}


def records(
    one: Source, root: Path | None, wanted: dict[str, type]
) -> Iterator[tuple[str, Fields]]:
    """Yield ``(where, fields)`` of every row under the names of the official files.

    root: the data root whose ``hub/`` holds a copy, or None for the hub itself.

    Raises:
        UserError: the data set cannot be loaded or lacks a column.
    """
    names = {key: key for key in wanted} | one.hub.columns
    data = _load(one.hub.id, one.hub.config, one.hub.split, root)
    _need(one, data, one.hub.id, names.values())
    for number, row in enumerate(data.select_columns(sorted(set(names.values())))):
        fields = {key: _as(row[name], wanted.get(key)) for key, name in names.items()}
        yield f"{one.hub.id}: row {number}", fields


def add_images(one: Source, root: Path | None, rows: list[dict[str, Any]], reach: int) -> None:
    """Put path and hash of its image into each of the first ``reach`` rows; the others get "".

    Raises:
        UserError: an image is missing or has no bytes.
    """
    hub = one.hub
    if hub.images:
        data = _load(hub.images.id, hub.images.config, hub.images.split, root)
        _need(one, data, hub.images.id, (hub.image, hub.images.key))
        keys = data.select_columns([hub.images.key])
        place = {_stem(row[hub.images.key]): number for number, row in enumerate(keys)}
        places = []
        for row in rows[:reach]:
            found = place.get(_stem(row["image"]))
            if found is None:
                raise UserError(f"{row['where']}: image {row['image']!r} is not in {hub.images.id}")
            places.append(found)
    else:
        data = _load(hub.id, hub.config, hub.split, root)
        _need(one, data, hub.id, (hub.image,))
        places = list(range(reach))
    stored = _Stored(data, hub.image)
    for row, found in zip(rows, places, strict=False):
        row["image"], row["image_sha256"] = stored.get(found, row["where"])
    stored.close()
    for row in rows[reach:]:
        row["image"], row["image_sha256"] = str(row["image"]), ""


class _Stored:
    """Images of a data set as files named by their content; which row is which is remembered."""

    def __init__(self, data: datasets.Dataset, column: str) -> None:
        from datasets import Image

        self._folder = cache_dir() / "images"
        # The fingerprint tells the data set's content, and a row's number the image in it.
        self._index = self._folder / "rows" / f"{data._fingerprint}.jsonl"
        self._data = data.select_columns([column]).cast_column(column, Image(decode=False))
        self._column = column
        self._known = self._read()
        self._new: dict[int, str] = {}

    def get(self, number: int, where: str) -> tuple[str, str]:
        """Path and SHA-256 of one image; written where the cache lacks it."""
        name = self._known.get(number)
        if name is None or not (self._folder / name[:2] / name).is_file():
            name = self._known[number] = self._new[number] = self._write(number, where)
        return str(self._folder / name[:2] / name), name.partition(".")[0]

    def close(self) -> None:
        """Remember what was written."""
        if self._new:
            self._index.parent.mkdir(parents=True, exist_ok=True)
            with self._index.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(item) + "\n" for item in self._new.items()))

    def _read(self) -> dict[int, str]:
        known = {}
        if self._index.is_file():
            for line in self._index.read_text(encoding="utf-8").splitlines():
                try:
                    number, name = json.loads(line)
                except ValueError:  # cut off by a crash
                    continue
                known[number] = name
        return known

    def _write(self, number: int, where: str) -> str:
        image = self._data[number][self._column] or {}
        content = image.get("bytes")
        if content is None and image.get("path"):
            content = Path(image["path"]).read_bytes()
        if not content:
            raise UserError(f"{where}: has no image")
        name = hashlib.sha256(content).hexdigest() + _SUFFIXES.get(content[:2], ".img")
        path = self._folder / name[:2] / name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(content)
            part.replace(path)
        return name


@lru_cache(maxsize=4)
def _load(name: str, config: str | None, split: str, root: Path | None) -> datasets.Dataset:
    import datasets

    folder = root / "hub" / name if root else None
    place = str(folder or name)
    try:
        # `datasets` takes an earlier copy of a folder for the present one, whatever lies there now.
        cache = cache_dir() / "hub" / _stamp(folder) if folder else None
        return datasets.load_dataset(place, config, split=split, cache_dir=cache and str(cache))
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as exc:
        reason = " ".join(str(exc).split())[:300]
        raise UserError(
            f"data set {place} cannot be loaded: {reason}",
            "With the official files: --data_root DIR or $GVT_DATA; docs/tasks.md says what goes"
            " where.",
        ) from exc


def _stamp(folder: Path) -> str:
    found = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    lines = [f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in found]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def _need(one: Source, data: datasets.Dataset, name: str, columns: Any) -> None:
    for column in columns:
        if column not in data.column_names:
            raise UserError(
                f"data set {name} has no column '{column}' (it has {', '.join(data.column_names)})",
                f"Has the data set changed? '{one.name}' can also read the official files.",
            )


def _as(value: Any, kind: type | None) -> Any:
    """Numbers and texts are not told apart alike everywhere: "12" for 12 is the same id."""
    if kind is int and type(value) is str and value.isdecimal():
        return int(value)
    return str(value) if kind is str and type(value) is int else value


def _stem(name: Any) -> str:
    return PurePosixPath(str(name)).stem
