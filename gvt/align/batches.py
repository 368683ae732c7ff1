"""The batches of a stage: a seed alone fixes their order, whoever computes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, TypeVar

import numpy as np
import torch

from gvt.align.data import Pair, Stream, image_name, source
from gvt.align.visuals import Visual, Visuals
from gvt.config import Stage
from gvt.errors import UserError
from gvt.model.language import LanguageModel
from gvt.model.packing import Packed, pack
from gvt.model.pairing import Paired, pair_up

T = TypeVar("T")
_AHEAD = 2  # steps that are read while one is computed
_HELD_OUT = 512  # images that tell the held-out loss, at most


class Process(Protocol):
    """One of several; an ``Accelerator`` is one."""

    process_index: int
    num_processes: int


@dataclass(frozen=True)
class Drawn:
    """A global batch as every process draws it: what the images are called, and their pairs.

    images: by which the stage's ``Visuals`` show each: its index, or the item of a stream.
    after: where that stream then stands.
    """

    names: Sequence[str]
    pairs: Sequence[Sequence[Pair]]
    images: np.ndarray
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Batch:
    """What one process computes at once.

    ``names`` are those of its images; ``asked`` counts the pairs of the whole global batch, and
    ``after`` is where a stream stands behind it.
    """

    visual: Visual
    texts: Packed | Paired
    names: Sequence[str]
    asked: int
    after: Mapping[str, Any] | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        if isinstance(self.visual, tuple):
            visual: Visual = tuple(pixels.to(device) for pixels in self.visual)
        else:
            visual = self.visual.to(device)
        return replace(self, visual=visual, texts=self.texts.to(device))


def batches(
    stage: Stage,
    number: int,
    llm: LanguageModel,
    visuals: Visuals,
    width: int,
    seed: int,
    process: Process,
    start: int = 0,
    after: Mapping[str, Any] | None = None,
) -> Iterator[list[Batch]]:
    """This process's share of every global batch from step ``start`` on, in the parts of it that
    are computed one after the other. ``width``: embeddings an image takes. ``after``: where a
    stream stands at ``start``.
    """
    parts = stage.gradient_accumulation
    if process.num_processes * parts > stage.batch_size:
        raise UserError(
            f"stage '{stage.name}': a batch of {stage.batch_size} images cannot be shared among"
            f" {process.num_processes} processes in {parts} parts"
        )
    data = source(stage.data)
    if isinstance(data, Stream):
        draws = _streamed(stage, number, data, seed, start, after)
    else:
        draws = _draws(stage, number, visuals, seed, start)
    for drawn in draws:
        yield _share(drawn, parts, llm, visuals, width, process)


def held_out_batches(
    stage: Stage,
    llm: LanguageModel,
    visuals: Visuals,
    width: int,
    process: Process,
) -> Iterator[Batch]:
    """This process's share of what the held-out loss is told from: always the same."""
    data = source(stage.data)
    index = _held_out(stage, visuals)[:_HELD_OUT]
    for start in range(0, len(index), stage.batch_size):
        chosen = index[start : start + stage.batch_size]
        if len(chosen) < process.num_processes:
            return
        rng = np.random.default_rng([start, len(index)])
        pairs = [data.pairs(int(i), stage.questions_per_image, rng) for i in chosen]
        drawn = Drawn([image_name(stage.data, i) for i in chosen], pairs, chosen)
        (batch,) = _share(drawn, 1, llm, visuals, width, process)
        yield batch


def read_ahead(made: Iterator[T]) -> Iterator[T]:
    """The same, made in a thread while what came before is computed."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, made, end) for _ in range(_AHEAD))
        while (one := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, made, end))
            yield one


def _draws(stage: Stage, number: int, visuals: Visuals, seed: int, start: int) -> Iterator[Drawn]:
    data = source(stage.data)
    usable = np.setdiff1d(visuals.usable, _held_out(stage, visuals))
    order = np.random.default_rng([seed, number])
    queue = np.empty(0, dtype=int)
    for step in range(stage.steps):
        while len(queue) < stage.batch_size:
            queue = np.concatenate([queue, order.permutation(usable)])
        index, queue = queue[: stage.batch_size], queue[stage.batch_size :]
        if step < start:
            continue
        rng = np.random.default_rng([seed, number, step])
        # Every process draws for all, so that any number of them draws the same.
        pairs = [data.pairs(int(i), stage.questions_per_image, rng) for i in index]
        yield Drawn([image_name(stage.data, i) for i in index], pairs, index)


def _streamed(
    stage: Stage,
    number: int,
    data: Stream,
    seed: int,
    start: int,
    after: Mapping[str, Any] | None,
) -> Iterator[Drawn]:
    # Every process reads all rows, so that any number of them draws the same.
    items = data.stream((seed, number), after)
    for step in range(start, stage.steps):
        chosen = list(islice(items, stage.batch_size))
        rng = np.random.default_rng([seed, number, step])
        pairs = [item.pairs(stage.questions_per_image, rng) for item in chosen]
        images = np.empty(len(chosen), dtype=object)
        images[:] = chosen
        yield Drawn([item.name for item in chosen], pairs, images, chosen[-1].state)


def _held_out(stage: Stage, visuals: Visuals) -> np.ndarray:
    """Images that are not trained on: the same ones for every seed."""
    order = np.random.default_rng([0, len(visuals.usable)]).permutation(visuals.usable)
    kept = round(stage.held_out * len(order))
    if kept >= len(order):
        raise UserError(f"stage '{stage.name}': all {len(order)} images are held out")
    return order[:kept]


def _share(
    drawn: Drawn,
    parts: int,
    llm: LanguageModel,
    visuals: Visuals,
    width: int,
    process: Process,
) -> list[Batch]:
    rank, world = process.process_index, process.num_processes
    total = sum(map(len, drawn.pairs))
    mine = np.arange(len(drawn.images))[rank::world]
    pairs = [[llm.pair(prompt, answer) for prompt, answer in drawn.pairs[i]] for i in mine]
    lengths = [sum(len(p) + len(a) for p, a in asked) for asked in pairs]
    longest = max(len(p) + len(a) for asked in pairs for p, a in asked)
    room = len(llm.placeholder(width)) + longest
    llm.need_room(room, f"an image of {width} tokens with its question")
    # What is computed at once should be alike in length: padding is computed as well.
    places = np.arange(len(mine)) if parts == 1 else np.argsort(lengths, kind="stable")
    made = []
    for chosen in np.array_split(places, parts):
        shown, whole = visuals(drawn.images[mine[chosen]])
        # Processes keep step: where no image is left, one stands in whose loss weighs nothing.
        chosen, weighs = (chosen[whole], True) if len(whole) else (chosen[:1], False)
        asked = [pairs[i] for i in chosen]
        place = [llm.placeholder(width)] * len(asked)
        texts = pair_up(asked) if llm.seq2seq else pack(place, asked, llm.pad)
        # Processes and parts are averaged: one with fewer pairs must weigh less.
        texts.share = weighs * sum(map(len, asked)) * world * parts / total
        names = [drawn.names[i] for i in mine[chosen]]
        made.append(Batch(shown, texts, names, total, drawn.after))
    return made
