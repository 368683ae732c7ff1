"""Patch features by image: computed once by a frozen tokenizer, kept in shards on disk."""

from __future__ import annotations

import json
import os
import uuid
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.flop_counter import FlopCounterMode

from gvt.cache import evict
from gvt.data.images import READ_ERRORS, ImageSet
from gvt.files import new_array
from gvt.paths import cache_dir
from gvt.progress import Counter
from tokenizers_zoo import Card, VisualTokenizer, column_name, load_tokenizer

if TYPE_CHECKING:
    from gvt.engine.combined import CombinedRows

FEATURES_VERSION = 3
"""Counts up whenever the stored features of an image or their form would change."""
_BATCH = 32
# Images of one file: what a crash can cost.
_SHARD = 4096
# Batches that are decoded ahead of the one being encoded.
_AHEAD = 2


class Rows:
    """Features float[n, N, D] of n images that lie in any of several memory-mapped shards."""

    def __init__(self, shards: Sequence[np.ndarray], shard: np.ndarray, row: np.ndarray) -> None:
        self._shards, self._shard, self._row = shards, shard, row
        self.shape = (len(row), *shards[0].shape[1:])

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, index: Sequence[int] | np.ndarray | slice) -> np.ndarray:
        """float[k, N, D] of k images. Those without features hold zeros."""
        shard, row = self._shard[index], self._row[index]
        values = np.zeros((len(row), *self.shape[1:]), self._shards[0].dtype)
        for number in np.unique(shard[shard >= 0]):
            here = shard == number
            values[here] = self._shards[number][row[here]]
        return values


@dataclass(frozen=True)
class Features:
    """``values`` of n images; ``failed`` says by index why an image has none.

    gflops: billions of floating point operations that encoding one image takes.
    """

    values: Rows | CombinedRows
    grid: tuple[int, int] | None
    prefix: int
    failed: dict[int, str]
    gflops: float | None = None


@dataclass
class _Index:
    """What the shards of a folder hold: image hash → (shard, row), or why it cannot be read."""

    paths: list[Path] = field(default_factory=list)
    where: dict[str, tuple[int, int]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    form: dict = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> _Index:
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


def share_of(digest: str, processes: int) -> int:
    """Which of several processes an image belongs to: the same whatever else there is to do."""
    return zlib.crc32(digest.encode()) % processes


class FeatureStore:
    """Features of one card; its encoder is loaded only if something must be computed.

    tuned: hash of the training that changed the weights of the card, which ``load`` then gives.
    """

    def __init__(
        self,
        card: Card,
        device: torch.device,
        precision: str,
        load: Callable[[], VisualTokenizer] | None = None,
        tuned: str = "",
    ) -> None:
        self.card, self.device, self.precision = card, device, precision
        self._tuned = tuned
        self._load_tokenizer = load or (lambda: load_tokenizer(card, device=device))
        # What is computed in float32 is kept so: a published model must answer as it does alone.
        self.dtype = np.float32 if precision == "no" else np.float16

    @cached_property
    def tokenizer(self) -> VisualTokenizer:
        """The card's encoder."""
        return self._load_tokenizer()

    @property
    def folder(self) -> Path:
        """Where the features of this card and precision are kept."""
        name = f"{column_name(self.card.name)}-{self.card.hash()[:16]}-{self.precision}"
        if self._tuned:
            name += f"-{self._tuned[:16]}"
        return cache_dir() / "features" / f"v{FEATURES_VERSION}" / name

    def missing(self, hashes: Iterable[str]) -> int:
        """How many of the images with these hashes would have to be encoded."""
        index = _Index.read(self.folder)
        return len(set(hashes) - index.where.keys() - index.failed.keys())

    def get(
        self,
        images: ImageSet,
        counter: Counter | None = None,
        accelerator: Accelerator | None = None,
    ) -> Features:
        """Features of all images, in their order; what is missing is computed first.

        Every process of ``accelerator`` encodes its share and then reads all.
        """
        counter = counter or Counter()
        rank, world = 0, 1
        if accelerator is not None:
            rank, world = accelerator.process_index, accelerator.num_processes
        index = _Index.read(self.folder)
        index.touch(images.hashes)
        known = index.where.keys() | index.failed.keys()
        todo = list({name: i for i, name in enumerate(images.hashes) if name not in known}.values())
        # By content: a process that reads the folder later may see less to do.
        share = [i for i in todo if share_of(images.hashes[i], world) == rank]
        counter.skip(len(images) - len(todo))
        for start in range(0, len(share), _SHARD):
            self._shard(
                images, share[start : start + _SHARD], lambda done: counter.advance(done * world)
            )
        if accelerator is not None:
            accelerator.wait_for_everyone()
        return self._load(images)

    def _load(self, images: ImageSet) -> Features:
        index = _Index.read(self.folder)
        found = [index.where.get(name, (-1, -1)) for name in images.hashes]
        shard, row = np.array(found, dtype=np.int64).reshape(-1, 2).T
        failed = {
            i: index.failed.get(name, "FileNotFoundError: no such file")
            for i, name in enumerate(images.hashes)
            if shard[i] < 0
        }
        shards = []
        index.touch(images.hashes)
        for path in index.paths:
            shards.append(np.load(path, mmap_mode="r"))
        if not shards:
            shards.append(np.zeros((0, *index.form["shape"]), self.dtype))
        grid = tuple(index.form["grid"]) if index.form["grid"] else None
        values = Rows(shards, shard, row)
        return Features(values, grid, index.form["prefix"], failed, index.form["gflops"])

    def _shard(
        self, images: ImageSet, todo: Sequence[int], progress: Callable[[int], None]
    ) -> None:
        tokenizer = self.tokenizer
        hashes, failed = [], {}
        prefix, gflops = 0, None
        path = self.folder / f"{uuid.uuid4().hex}.npy"
        size = (tokenizer.tokens, tokenizer.dim)
        with new_array(path, self.dtype, (len(todo), *size)) as values:
            for batch in _decoded(images, tokenizer, todo):
                good = [(i, pixels) for i, pixels in batch if not isinstance(pixels, Exception)]
                for i, error in batch:
                    # What the system reports may pass (no such file, too many open ones); what
                    # PIL says is about this very content.
                    if isinstance(error, Exception) and getattr(error, "errno", None) is None:
                        failed[images.hashes[i]] = f"{type(error).__name__}: {error}"
                if good:
                    pixels = torch.cat([pixels for _, pixels in good])
                    if gflops is None:
                        with FlopCounterMode(display=False) as operations:
                            tokens = self._encode(tokenizer, pixels)
                        gflops = operations.get_total_flops() / len(pixels) / 1e9
                    else:
                        tokens = self._encode(tokenizer, pixels)
                    prefix = tokens.prefix
                    start = len(hashes)
                    values[start : start + len(good)] = tokens.features.float().cpu().numpy()
                    hashes += [images.hashes[i] for i, _ in good]
                progress(len(batch))
        form = {"shape": size, "grid": tokenizer.grid, "prefix": prefix, "gflops": gflops}
        note = {"hashes": hashes, "failed": failed, "form": form}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(note))
        # Written last: its presence says that the shard is whole.
        os.replace(part, path.with_suffix(".json"))
        evict()

    def _encode(self, tokenizer: VisualTokenizer, pixels: torch.Tensor):
        half = self.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            return tokenizer.encode(pixels)


def _decoded(
    images: ImageSet, tokenizer: VisualTokenizer, todo: Sequence[int]
) -> Iterator[list[tuple[int, torch.Tensor | Exception]]]:
    """Batches of (index, pixels float32[1, 3, H, W] or the error), decoded in threads, ahead."""

    def read(index: int) -> torch.Tensor | Exception:
        try:
            return tokenizer.preprocess([images.load(index)])
        except READ_ERRORS as error:
            return error

    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 2)) as pool:
        waiting: deque[tuple[Sequence[int], list[Future]]] = deque()
        for start in range(0, len(todo), _BATCH):
            part = todo[start : start + _BATCH]
            waiting.append((part, [pool.submit(read, index) for index in part]))
            if len(waiting) > _AHEAD:
                indexes, futures = waiting.popleft()
                yield [(i, f.result()) for i, f in zip(indexes, futures, strict=True)]
        while waiting:
            indexes, futures = waiting.popleft()
            yield [(i, f.result()) for i, f in zip(indexes, futures, strict=True)]
