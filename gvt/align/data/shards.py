"""Rows of webdataset tars and parquet files, one after the other, images as they are stored."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow import ArrowException

from gvt.align.data.tables import IMAGE_ENDINGS
from gvt.data.training_files import TrainingFiles
from gvt.errors import UserError

_ENDINGS = {"webdataset": ".tar", "parquet": ".parquet"}
_EDGE = 2**16  # a tar's first headers and a parquet file's footer lie within
_ROWS = 64  # that parquet decodes at once


def find_shards(files: TrainingFiles) -> list[Path]:
    """The files of a stream in the order of their names. Raises UserError where there are none."""
    path, ending = Path(files.path), _ENDINGS[files.format]
    found = [path] if path.is_file() else sorted(path.rglob(f"*{ending}"))
    if not found:
        raise UserError(f"alignment data: there is no {ending} file at '{files.path}'")
    return found


def shards_hash(shards: list[Path]) -> str:
    """Hash of names, sizes, and both ends of all files: reading them whole would take hours."""
    digest = hashlib.sha256()
    for shard in shards:
        size = shard.stat().st_size
        digest.update(f"{shard.name} {size}\n".encode())
        with shard.open("rb") as file:
            digest.update(file.read(_EDGE))
            file.seek(max(0, size - _EDGE))
            digest.update(file.read(_EDGE))
    return digest.hexdigest()


def tar_rows(shards: list[str]) -> Iterator[dict[str, Any]]:
    """``name``, ``image`` (bytes or None) and ``told`` of every sample.

    Files of one name but for the ending stand together in a tar: an image with ``.txt``, or with
    ``.json`` that holds ``caption`` or ``conversations``. Raises UserError for a torn tar.
    """
    for shard in shards:
        name, parts = "", {}
        for member, content in _members(shard):
            folder, _, file = member.rpartition("/")
            stem, _, ending = file.partition(".")
            if (key := f"{folder}/{stem}") != name:
                if parts:
                    yield _sample(shard, name, parts)
                name, parts = key, {}
            parts[f".{ending.lower()}"] = content
        if parts:
            yield _sample(shard, name, parts)


def parquet_rows(shards: list[str], image: str, text: str) -> Iterator[dict[str, Any]]:
    """The same of parquet files, whose images are bytes or ``{bytes, path}``. Raises UserError."""
    for shard in shards:
        number = 0
        try:
            with pq.ParquetFile(shard) as file:
                names = file.schema_arrow.names
                for column in (image, text):
                    if column not in names:
                        known = f"Columns: {', '.join(names)}"
                        raise UserError(f"{shard}: there is no column '{column}'", known)
                for batch in file.iter_batches(_ROWS, columns=[image, text]):
                    for row in batch.to_pylist():
                        shown = row[image]
                        shown = shown.get("bytes") if isinstance(shown, dict) else shown
                        shown = shown if isinstance(shown, bytes) else None
                        name = f"{Path(shard).name}[{number}]"
                        yield {"name": name, "image": shown, "told": row[text]}
                        number += 1
        except (OSError, ArrowException) as error:
            raise UserError(f"{shard}: cannot be read ({error})") from error


def _members(shard: str) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(shard) as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # it remembers every file that it has seen
                if member.isfile():
                    yield member.name, archive.extractfile(member).read()
            # Any header but the first that is damaged or missing passes for the end.
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
                raise tarfile.ReadError(f"no file and no end mark at byte {archive.offset:,}")
    except (OSError, tarfile.TarError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{shard}: cannot be read as tar ({reason})") from error


def _sample(shard: str, name: str, parts: dict[str, bytes]) -> dict[str, Any]:
    image = next((parts[ending] for ending in parts if ending in IMAGE_ENDINGS), None)
    told: Any = None
    if ".txt" in parts:
        told = parts[".txt"].decode("utf-8", "replace").splitlines()
    elif ".json" in parts:
        told = _told(parts[".json"])
    return {"name": f"{Path(shard).name}:{name.lstrip('/')}", "image": image, "told": told}


def _told(content: bytes) -> Any:
    try:
        note = json.loads(content)
    except ValueError:
        return None
    return (note.get("conversations") or note.get("caption")) if isinstance(note, dict) else None
