"""The cache as a whole: what lies in it, what to clear, and a limit that evicts the oldest."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gvt.errors import UserError, unknown_name
from gvt.paths import cache_dir

KINDS = ("features", "connectors", "mini", "pretrain", "images", "hashes", "hub", "audit", "cards")
LIMIT_VARIABLE = "GVT_CACHE_LIMIT"
# What a limit may evict: everything else is small or not the run's to throw away.
_EVICTED = ("features", "connectors")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_STARTED = time.time()


@dataclass(frozen=True)
class Entry:
    """Files that are of use only together: bytes, and when they were last used (seconds)."""

    kind: str
    paths: tuple[Path, ...]
    size: int
    used: float

    def remove(self) -> None:
        """Delete the files; the note that calls them whole goes first."""
        for path in sorted(self.paths, key=lambda path: path.suffix != ".json"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def unknown_kind(name: str) -> UserError:
    """The error for a kind that is none."""
    return unknown_name("kind", name, KINDS, "gvt cache info")


def entries(kind: str) -> Iterator[Entry]:
    """Everything of one kind: shards of features, folders of the others."""
    folder = cache_dir() / kind
    if kind == "features":
        shards: dict[Path, list[Path]] = {}
        for path in folder.rglob("*"):
            if path.is_file():
                shards.setdefault(path.parent / path.name.split(".")[0], []).append(path)
        groups = list(shards.values())
    else:
        groups = [[path] for path in folder.glob("*")]
    for group in groups:
        files = [f for path in group for f in (path.rglob("*") if path.is_dir() else [path])]
        stats = [file.stat() for file in files if file.is_file()]
        if stats:
            size, used = sum(s.st_size for s in stats), max(s.st_mtime for s in stats)
            yield Entry(kind, tuple(group), size, used)


def limit() -> int | None:
    """Bytes that features and connectors may take: $GVT_CACHE_LIMIT, such as ``50G``.

    Raises:
        UserError: it is not a size.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return None
    match = re.fullmatch(r"([0-9.]+)\s*([KMGT]?)(i?B)?", text, re.IGNORECASE)
    try:
        return int(float(match[1]) * _UNITS[match[2].upper()])
    except (TypeError, ValueError):
        raise UserError(f"{LIMIT_VARIABLE}: '{text}' is not a size", "Write 500M or 50G.") from None


def evict() -> int:
    """Delete what was not used for longest until the limit holds; how many entries went.

    What this process has used stays: it may be mapped into memory.
    """
    allowed = limit()
    if allowed is None:
        return 0
    found = sorted(
        (entry for kind in _EVICTED for entry in entries(kind)), key=lambda entry: entry.used
    )
    total, gone = sum(entry.size for entry in found), 0
    for entry in found:
        if total <= allowed or entry.used >= _STARTED:
            break
        entry.remove()
        total, gone = total - entry.size, gone + 1
    return gone
