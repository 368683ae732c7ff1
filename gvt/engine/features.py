"""Patch features by image: computed once by a frozen tokenizer, kept in shards on disk."""

from __future__ import annotations

import os
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.flop_counter import FlopCounterMode

from gvt.cache import evict
from gvt.data.images import READ_ERRORS, ImageSet
from gvt.engine.shards import Index, NewShard
from gvt.paths import cache_dir
from gvt.progress import Counter
from tokenizers_zoo import (
    Card,
    VisualTokenizer,
    VisualTokens,
    column_name,
    feature_shape,
    load_tokenizer,
)

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


def share_of(digest: str, processes: int) -> int:
    """Which of several processes an image belongs to: the same whatever else there is to do."""
    return zlib.crc32(digest.encode()) % processes


class FeatureStore:
    """Features of one card; its encoder is loaded only if something must be computed.

    beside: further cards; those of the same pass are encoded along where they lack it.
    tuned: hash of the training that changed the weights of the card, which ``load`` then gives.
    """

    def __init__(
        self,
        card: Card,
        device: torch.device,
        precision: str,
        load: Callable[[], VisualTokenizer] | None = None,
        beside: Iterable[Card] = (),
        tuned: str = "",
    ) -> None:
        self.card, self.device, self.precision = card, device, precision
        self._tuned = tuned
        self._load_tokenizer = load or (lambda: load_tokenizer(card, device=device))
        # What is computed in float32 is kept so: a published model must answer as it does alone.
        self.dtype = np.float32 if precision == "no" else np.float16
        others = (one for one in beside if one.features and one != card)
        same = [one for one in others if one.pass_hash() == card.pass_hash()]
        stores = (FeatureStore(one, device, precision) for one in same)
        self.beside = list(
            {one.folder: one for one in stores if one.folder != self.folder}.values()
        )

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

    def missing(self, hashes: Iterable[str]) -> set[str]:
        """Those of the images with these hashes that would have to be encoded."""
        index = Index.read(self.folder)
        return set(hashes) - index.where.keys() - index.failed.keys()

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
        index = Index.read(self.folder)
        index.touch(images.hashes)
        known = index.where.keys() | index.failed.keys()
        todo = list({name: i for i, name in enumerate(images.hashes) if name not in known}.values())
        # By content: a process that reads the folder later may see less to do.
        share = [i for i in todo if share_of(images.hashes[i], world) == rank]
        counter.skip(len(images) - len(todo))
        digests = [images.hashes[i] for i in share]
        along = [(other, other.missing(digests)) for other in self.beside] if share else []
        for start in range(0, len(share), _SHARD):
            self._shard(
                images,
                share[start : start + _SHARD],
                along,
                lambda done, worked: counter.advance(done * world, worked),
            )
        if accelerator is not None:
            accelerator.wait_for_everyone()
        return self._load(images)

    def _load(self, images: ImageSet) -> Features:
        index = Index.read(self.folder)
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
        self,
        images: ImageSet,
        todo: Sequence[int],
        along: Iterable[tuple[FeatureStore, set[str]]],
        progress: Callable[[int, float], None],
    ) -> None:
        """Encode images into a shard; ``progress`` takes how many and the encoder's seconds."""
        tokenizer, failed = self.tokenizer, {}
        asked = {images.hashes[i] for i in todo}
        with ExitStack() as stack:
            size = (tokenizer.tokens, tokenizer.dim)
            shards = [self._new_shard(asked, size, stack)]
            for other, missing in along:
                if lacking := missing & asked:
                    size = feature_shape(other.card)
                    shards.append(other._new_shard(lacking, size, stack))
            for batch in _decoded(images, tokenizer, todo):
                good = [(i, pixels) for i, pixels in batch if not isinstance(pixels, Exception)]
                for i, error in batch:
                    # What the system reports may pass (no such file, too many open ones); what
                    # PIL says is about this very content.
                    if isinstance(error, Exception) and getattr(error, "errno", None) is None:
                        failed[images.hashes[i]] = f"{type(error).__name__}: {error}"
                began = time.monotonic()
                if good:
                    pixels = torch.cat([pixels for _, pixels in good])
                    names = [images.hashes[i] for i, _ in good]
                    for shard, tokens in zip(shards, self._encode(pixels, shards), strict=True):
                        shard.add(names, tokens)
                progress(len(batch), time.monotonic() - began)
        for shard in shards:
            shard.publish(failed, tokenizer.grid)
        evict()

    def _new_shard(self, wanted: set[str], size: tuple[int, int], stack: ExitStack) -> NewShard:
        return stack.enter_context(NewShard(self.card, self.folder, self.dtype, wanted, size))

    def _encode(self, pixels: torch.Tensor, shards: Sequence[NewShard]) -> list[VisualTokens]:
        """What the card of every shard reads of one pass; at the first, what each would cost."""
        half = self.precision == "bf16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            if len(shards) == 1:
                return [self._encode_alone(pixels, shards[0])]
            for shard in shards:
                if shard.gflops is None:
                    # On a blank image: timm runs no further than to the layer it is asked for, so
                    # the shared pass does not say what one layer costs.
                    with FlopCounterMode(display=False) as operations:
                        self.tokenizer.encode_each(torch.zeros_like(pixels[:1]), [shard.card])
                    shard.gflops = operations.get_total_flops() / 1e9
            return self.tokenizer.encode_each(pixels, [shard.card for shard in shards])

    def _encode_alone(self, pixels: torch.Tensor, shard: NewShard) -> VisualTokens:
        if shard.gflops is not None:
            return self.tokenizer.encode(pixels)
        with FlopCounterMode(display=False) as operations:
            tokens = self.tokenizer.encode(pixels)
        shard.gflops = operations.get_total_flops() / len(pixels) / 1e9
        return tokens


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
