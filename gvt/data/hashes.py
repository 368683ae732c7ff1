"""Hashes of image files, computed once for each content and kept in the cache."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gvt.files import sha256
from gvt.paths import cache_dir

Stamp = tuple[str, int, int]  # path, size in bytes, modification time in ns

_TOLD = 2000  # files; fewer are hashed before anyone wonders
_SAVED = 4096  # hashes: what an interrupted start can lose


def file_hashes(paths: Iterable[str]) -> dict[str, str]:
    """Return path → SHA-256 of every file; a path where no file can be read is left out.

    What a file of the same path, size and modification time had before is not read again. The
    table is only ever appended to, whole lines under a lock: processes may share it.
    """
    stamps = {path: stamp for path in dict.fromkeys(paths) if (stamp := _stamp(path))}
    known = _read()
    todo = [path for path, stamp in stamps.items() if stamp not in known]
    if len(todo) > _TOLD:
        print(f"gvt: hashing {len(todo):,} images, this once", file=sys.stderr, flush=True)
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for start in range(0, len(todo), _SAVED):
            part = todo[start : start + _SAVED]
            digests = zip(part, pool.map(_try_hash, part), strict=True)
            new = {stamps[path]: digest for path, digest in digests if digest}
            _append(new)
            known |= new
    return {path: known[stamp] for path, stamp in stamps.items() if stamp in known}


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return os.path.abspath(path), found.st_size, found.st_mtime_ns


def _try_hash(path: str) -> str | None:
    try:
        return sha256(path)
    except OSError:
        return None


def _table() -> Path:
    return cache_dir() / "hashes" / "files.jsonl"


def _read() -> dict[Stamp, str]:
    known: dict[Stamp, str] = {}
    try:
        lines = _table().read_bytes().splitlines()
    except OSError:
        return known
    for line in lines:
        try:
            digest, path, size, time = json.loads(line)
        except ValueError:  # a line that a crash cut off: its file is hashed again
            continue
        known[path, size, time] = digest
    return known


def _append(new: dict[Stamp, str]) -> None:
    lines = "".join(json.dumps([digest, *stamp]) + "\n" for stamp, digest in new.items())
    table = _table()
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            lines = lines if file.read(1) == b"\n" else "\n" + lines
        file.write(lines.encode())
