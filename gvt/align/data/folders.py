"""Images in a folder with captions or conversations in files of the user's own."""

from __future__ import annotations

import hashlib
import io
import json
from functools import cached_property
from pathlib import Path

import numpy as np

from gvt.align.data.bad_rows import BadRows
from gvt.align.data.contracts import Pair
from gvt.align.data.tables import Row, caption_rows, llava_rows
from gvt.align.data.texts import BadRowError, caption_pairs, conversation_pairs
from gvt.data.images import READ_ERRORS, FileImages, opened, set_hash
from gvt.data.training_files import TrainingFiles
from gvt.errors import UserError


class ImageTexts:
    """Known images: each file is hashed, and all that is told about it is one entry.

    Raises UserError where the file or folder is missing.
    """

    def __init__(self, files: TrainingFiles) -> None:
        self.files = files
        self._path = Path(files.path)
        beside = self._path if self._path.is_dir() else self._path.parent
        self._folder = Path(files.images) if files.images else beside
        self._bad = BadRows(str(files), files.max_bad)
        if not self._path.exists() or (self._path.is_dir() and files.format == "llava"):
            raise UserError(f"alignment data: there is no file '{files.path}'")
        if not self._folder.is_dir():
            raise UserError(f"alignment data: there is no image folder '{self._folder}'")

    @cached_property
    def _entries(self) -> dict[str, tuple[str, list[Pair]]]:
        """Name of an image → the hash of its file, and the pairs of all its rows."""
        found: dict[str, tuple[str, list[Pair]]] = {}
        llava = self.files.format == "llava"
        for row in llava_rows(self._path) if llava else caption_rows(self._path):
            self._bad.seen += 1
            try:
                if row.problem:
                    raise BadRowError(row.problem)
                pairs = (conversation_pairs if llava else caption_pairs)(row.told)
                known = found.get(row.image) or (self._hash(row), [])
            except BadRowError as reason:
                self._bad.leave_out(str(reason), row.where)
                continue
            known[1].extend(pairs)
            found[row.image] = known
        self._bad.check()
        if not found:
            raise self._bad.none_usable()
        return found

    @cached_property
    def images(self) -> FileImages:
        paths = [str(self._folder / name) for name in self._entries]
        return FileImages(paths, [digest for digest, _ in self._entries.values()])

    @cached_property
    def hash(self) -> str:
        """See ``AlignmentData``; neither names nor places of files count."""
        digest = hashlib.sha256(set_hash(self.images).encode())
        for pairs in self._texts:
            digest.update(json.dumps(pairs).encode())
        return digest.hexdigest()

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """``count`` of the image's captions or questions."""
        known = self._texts[index]
        return [known[i] for i in rng.permutation(len(known))[:count]]

    @property
    def warnings(self) -> list[str]:
        """What was left out, in one line, if anything was."""
        self._entries  # noqa: B018 - it is reading that counts them
        return self._bad.warnings

    @cached_property
    def _texts(self) -> list[list[Pair]]:
        return [pairs for _, pairs in self._entries.values()]

    def _hash(self, row: Row) -> str:
        try:
            content = (self._folder / row.image).read_bytes()
        except (OSError, ValueError):  # a name with a NUL is no path at all
            raise BadRowError("missing image") from None
        try:
            with opened(io.BytesIO(content)):
                pass
        except READ_ERRORS:
            raise BadRowError("unreadable image") from None
        return hashlib.sha256(content).hexdigest()
