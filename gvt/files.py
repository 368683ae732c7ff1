"""Content hashes of files, and arrays written to disk whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from gvt.errors import UserError

_LOCK = ".lock"


def sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@contextmanager
def new_array(path: Path, dtype: type, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """A memory-mapped array to fill; it gets its name only when the block ends well.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        array = np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape)
        # The file is sparse so far: a full disk must be an error now, not a bus error later.
        with part.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, part.stat().st_size)
        yield array
        array.flush()
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[IO[str] | None]:
    """Hold ``folder`` for this process; the system lets go of it however the process ends.

    Yields the lock's file, or None where another process holds the folder.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield file


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold ``folder`` as ``held`` does, or not at all.

    Raises:
        UserError: another process holds it; the message names its id.
        OSError: the folder cannot be written.
    """
    with held(folder) as file:
        if file is None:
            holder = (folder / _LOCK).read_text().strip() or "unknown"
            raise UserError(
                f"{folder}: process {holder} is writing to this run",
                "Wait for it, stop it, or choose another --output_path.",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
