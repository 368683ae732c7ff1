"""Files of a folder of features: what its shards hold, and a new one that is being filled."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gvt.files import new_array
from tokenizers_zoo import Card, VisualTokens


@dataclass
class Index:
    """What the shards of a folder hold: image hash → (shard, row), or why it cannot be read."""

    paths: list[Path] = field(default_factory=list)
    where: dict[str, tuple[int, int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    form: dict = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Index:
        index = cls()
        for note in sorted(folder.glob("*.json")):
            content = json.loads(note.read_text())
            index.failed |= content["failed"]
            if content["hashes"] or not index.form:
                index.form = content["form"]
            path = note.with_suffix(".npy")
            if content["hashes"] and path.exists():
                shard = len(index.paths)
                index.paths.append(path)
                index.where |= {name: (shard, row) for row, name in enumerate(content["hashes"])}
        return index

    def touch(self, hashes: Iterable[str]) -> None:
        """Mark the shards of these images as in use: the cache evicts what was not for longest."""
        for shard in {self.where[name][0] for name in hashes if name in self.where}:
            os.utime(self.paths[shard])


class NewShard:
    """A shard that is being filled; a context that leaves a file only if it ends well.

    wanted: hashes of the images to keep. size: tokens and width of their features.
    gflops: see ``features.Features``; for whoever encodes to fill in.
    """

    def __init__(
        self, card: Card, folder: Path, dtype: type, wanted: set[str], size: tuple[int, int]
    ) -> None:
        self.card, self.gflops = card, None
        self._wanted, self._size, self._prefix = wanted, size, 0
        self._hashes: list[str] = []
        self._path = folder / f"{uuid.uuid4().hex}.npy"
        self._file = new_array(self._path, dtype, (len(wanted), *size))

    def __enter__(self) -> NewShard:
        self._values = self._file.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._file.__exit__(*error)

    def add(self, names: Sequence[str], tokens: VisualTokens) -> None:
        """Keep ``tokens`` of those of the images ``names`` that are wanted."""
        rows = [row for row, name in enumerate(names) if name in self._wanted]
        start = len(self._hashes)
        self._values[start : start + len(rows)] = tokens.features[rows].float().cpu().numpy()
        self._prefix = tokens.prefix
        self._hashes += [names[row] for row in rows]

    def publish(self, failed: dict[str, str], grid: tuple[int, int] | None) -> None:
        """Say what the shard holds, once its file is there."""
        form = {"shape": self._size, "grid": grid, "prefix": self._prefix, "gflops": self.gflops}
        lost = {name: reason for name, reason in failed.items() if name in self._wanted}
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps({"hashes": self._hashes, "failed": lost, "form": form}))
        # Written last: its presence says that the shard is whole.
        os.replace(part, self._path.with_suffix(".json"))
