"""Training data that is read as it comes: in an order that the seed fixes, from any place on."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import count, islice
from typing import Any

import numpy as np
from datasets import IterableDataset
from PIL import Image

from gvt.align.data.bad_rows import BadRows
from gvt.align.data.contracts import Pair
from gvt.align.data.shards import find_shards, parquet_rows, shards_hash, tar_rows
from gvt.align.data.texts import BadRowError, pairs_of
from gvt.data.images import READ_ERRORS, ImageSet, opened, read
from gvt.data.training_files import TrainingFiles

_JPEG_END = b"\xff\xd9"
_UNREADABLE = "unreadable image"
_KNOWN = 256  # images whose features stand for those of all


@dataclass(frozen=True)
class Item:
    """One image, still encoded, with all prompts and answers about it.

    state: JSON values; ``Stream.stream`` with them goes on behind this item.
    """

    name: str
    all_pairs: list[Pair]
    state: dict[str, Any]
    encoded: bytes = field(repr=False)

    def pairs(self, count: int, rng: np.random.Generator) -> list[Pair]:
        """Up to ``count`` pairs, drawn with ``rng``."""
        drawn = rng.permutation(len(self.all_pairs))[:count]
        return [self.all_pairs[i] for i in drawn]

    def image(self) -> Image.Image:
        """The decoded image, upright. Raises one of READ_ERRORS in spite of all that was checked.

        Every process sees every item, and decodes its own.
        """
        return read(io.BytesIO(self.encoded))


class Stream:
    """Tars or parquet files, read once an epoch in an order of their own.

    Files are shuffled, and in blocks of ``shuffle_buffer`` rows their rows. Every process reads all
    rows, so that a global batch is the same for any number of them; the costly part, decoding, is
    left to the process that needs the image.
    Raises UserError where there is no file.
    """

    def __init__(self, files: TrainingFiles) -> None:
        self.files = files
        self._shards = find_shards(files)
        self._bad = BadRows(str(files), files.max_bad)
        self._undecoded: set[str] = set()

    @cached_property
    def hash(self) -> str:
        """Hash of the files' names, sizes and both ends."""
        return shards_hash(self._shards)

    @cached_property
    def images(self) -> ImageSet:
        """Some of the images, by which to know the features of all: there is no way to the rest."""
        return _Seen(list(islice(self.stream(0), _KNOWN)))

    @property
    def warnings(self) -> list[str]:
        """What was left out in the first epoch that was read, in one line, if anything was."""
        return self._bad.warnings

    def leave_out(self, item: Item) -> None:
        """Count an item that could not be decoded. Raises UserError where there are too many."""
        if item.name not in self._undecoded:  # every epoch comes upon it again
            self._undecoded.add(item.name)
            self._bad.leave_out(_UNREADABLE, item.name)
            self._bad.check()

    def stream(
        self, seed: int | Sequence[int], state: Mapping[str, Any] | None = None
    ) -> Iterator[Item]:
        """Rows without end, from the first on or behind the item whose ``state`` is given.

        Other seeds give other orders. Raises UserError for a torn file, for more bad rows than
        ``max_bad``, and where no row of an epoch can be used.
        """
        key = np.atleast_1d(seed).tolist()
        first = state["epoch"] if state else 0
        for epoch in count(first):
            any_row = state is not None
            bad = BadRows(str(self.files), self.files.max_bad)
            if epoch == first:  # later epochs would tell of the same rows again
                self._bad, self._undecoded = bad, set()
            for item in self._epoch([*key, epoch], state, bad):
                any_row = True
                yield item
            state = None
            if not any_row:
                raise bad.none_usable()

    def _epoch(
        self, key: list[int], state: Mapping[str, Any] | None, bad: BadRows
    ) -> Iterator[Item]:
        rows = self._rows(np.random.default_rng(key))
        block, taken, start = 0, 0, rows.state_dict()
        if state:
            block, taken, start = state["block"], state["taken"], state["rows"]
            rows.load_state_dict(start)
        usable = self._usable(iter(rows), bad)
        while True:
            held = list(islice(usable, self.files.shuffle_buffer))
            if not held:
                return
            order = np.random.default_rng([*key, block]).permutation(len(held))
            for place in range(taken, len(held)):
                name, pairs, encoded = held[order[place]]
                after = {"epoch": key[-1], "block": block, "taken": place + 1, "rows": start}
                yield Item(name, pairs, after, encoded)
            block, taken, start = block + 1, 0, rows.state_dict()

    def _rows(self, rng: np.random.Generator) -> IterableDataset:
        shards = [str(self._shards[i]) for i in rng.permutation(len(self._shards))]
        read = tar_rows
        if self.files.format == "parquet":
            columns = {"image": self.files.image_column, "text": self.files.text_column}
            read = partial(parquet_rows, **columns)
        return IterableDataset.from_generator(read, gen_kwargs={"shards": shards})

    def _usable(
        self, rows: Iterator[dict[str, Any]], bad: BadRows
    ) -> Iterator[tuple[str, list[Pair], bytes]]:
        for row in rows:
            bad.seen += 1
            try:
                pairs = pairs_of(row["told"])
                _check(row["image"])
            except BadRowError as reason:
                bad.leave_out(str(reason), row["name"])
                bad.check()
                continue
            yield row["name"], pairs, row["image"]


class _Seen:
    """Images of items that were read."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self.hashes = [hashlib.sha256(item.encoded).hexdigest() for item in items]

    def __len__(self) -> int:
        return len(self._items)

    def load(self, index: int) -> Image.Image:
        return self._items[index].image()


def _check(encoded: bytes | None) -> None:
    """Raise BadRowError for what is no whole image, at a small part of the cost of decoding it.

    Formats that cannot be checked so are decoded; so are JPEGs that seem to be torn, for some
    programs leave out the end.
    """
    if not encoded:
        raise BadRowError("missing image")
    try:
        with opened(io.BytesIO(encoded)) as image:
            if image.format == "PNG":
                image.verify()
            elif image.format != "JPEG" or _JPEG_END not in encoded[-1024:]:
                image.load()
    except READ_ERRORS:
        raise BadRowError(_UNREADABLE) from None
