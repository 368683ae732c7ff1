"""Work in batches: requests of one image together, as many tokens as fit, half when memory ends."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from gvt.model.language import LanguageModel

MAX_ROWS = 256
"""Texts of a batch where the user says nothing: bounds the memory of small models."""
# Of the free memory of a GPU. A CPU gains a fifth from 192 to 512 MiB, and nothing beyond.
_GPU_SHARE, _CPU_BYTES = 0.5, 512 * 2**20
# What a forward takes for every token beside the cache, in units of the cache.
_ACTIVATIONS = 2.0
# Texts of an image share a row up to so many tokens, or so many times the prefix they share.
_PACKED, _PACKED_SHARE = 512, 4

Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """One request: token ids before and after the image, and how many more it may add.

    ``number`` is its place in the caller's list; ``beams`` is how many rows it takes. ``alone``:
    it cannot share what the model makes of its image (an encoder–decoder).
    """

    number: int
    image: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    reserve: int
    beams: int = 1
    alone: bool = False

    @property
    def copies(self) -> int:
        """Copies it takes of what stands before its own text."""
        return self.beams if self.beams > 1 or self.alone else 0


@dataclass(frozen=True)
class Group:
    """Requests about one image; ``shared`` are the first tokens after it that all have."""

    image: str
    before: tuple[int, ...]
    shared: tuple[int, ...]
    jobs: tuple[Job, ...]

    def prefix(self, width: int) -> int:
        """Tokens to prefill for an image of ``width`` visual tokens."""
        return len(self.before) + width + len(self.shared)

    def rows(self) -> int:
        return sum(job.beams for job in self.jobs)

    def grown(self) -> int:
        """Tokens that texts which share the prefix put behind it."""
        return sum(self._own(job) for job in self.jobs if not job.copies)

    def copies(self, width: int) -> int:
        """Tokens of beams and of what stands alone, which have a copy of the prefix each."""
        return sum(job.copies * (self.prefix(width) + self._own(job)) for job in self.jobs)

    def _own(self, job: Job) -> int:
        return len(job.after) - len(self.shared) + job.reserve


def group(jobs: Sequence[Job]) -> list[Group]:
    """Jobs by image, images in order of first mention; the last token of a prompt is not shared."""
    found: dict[tuple[str, tuple[int, ...]], list[Job]] = {}
    for job in jobs:
        found.setdefault((job.image, job.before), []).append(job)
    return [
        Group(image, before, _common([job.after[:-1] for job in same]), tuple(same))
        for (image, before), same in found.items()
    ]


def batches(groups: Sequence[Group], width: int, tokens: int, rows: int) -> Iterator[list[Group]]:
    """Groups together up to ``tokens`` and ``rows``; one too large for both alone is cut."""
    waiting: list[Group] = []
    total = _Size()
    for one in _cut(groups, width, tokens, rows):
        more = total.with_one(one, width)
        if waiting and (more.cost > tokens or more.rows > rows):
            yield waiting
            waiting, more = [], _Size().with_one(one, width)
        waiting.append(one)
        total = more
    if waiting:
        yield waiting


@dataclass(frozen=True)
class _Size:
    """What a batch takes, padding included: every group is as long as the longest."""

    groups: int = 0
    prefix: int = 0
    grown: int = 0
    copies: int = 0
    rows: int = 0

    def with_one(self, one: Group, width: int) -> _Size:
        return _Size(
            self.groups + 1,
            max(self.prefix, one.prefix(width)),
            max(self.grown, one.grown()),
            self.copies + one.copies(width),
            self.rows + one.rows(),
        )

    @property
    def cost(self) -> int:
        """Tokens kept at the end of the batch."""
        return self.groups * (self.prefix + self.grown) + self.copies


def token_budget(llm: LanguageModel) -> int:
    """How many tokens' keys and values a batch may hold beside the model."""
    config = llm.model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    size = torch.finfo(llm.model.dtype).bits // 8
    token = 2 * config.num_hidden_layers * heads * dim * size * (1 + _ACTIVATIONS)
    memory = _CPU_BYTES
    if llm.device.type == "cuda":
        memory = _GPU_SHARE * torch.cuda.mem_get_info(llm.device)[0]
    return max(1, int(memory / token))


def halving(
    groups: list[Group], compute: Callable[[list[Group]], Result]
) -> Iterator[tuple[list[Group], Result | str]]:
    """``compute`` of the groups, or of halves of them where memory runs out.

    A single request that does not fit yields the reason instead of a result.
    """
    try:
        result = compute(groups)
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not _out_of_memory(error):
            raise
        reason = f"out of memory: {str(error).splitlines()[0]}"
    else:
        yield groups, result
        return
    # Outside the handler: the traceback would hold on to the tensors that did not fit.
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    halves = _halves(groups)
    if halves is None:
        yield groups, reason
        return
    for half in halves:
        yield from halving(half, compute)


def _cut(groups: Sequence[Group], width: int, tokens: int, rows: int) -> Iterator[Group]:
    for one in groups:
        large = _Size().with_one(one, width).cost > tokens or one.rows() > rows
        # Every token attends to all of its row: many texts in one row cost the square of it.
        large = large or one.grown() > max(_PACKED, _PACKED_SHARE * one.prefix(width))
        if len(one.jobs) > 1 and large:
            for half in _halves([one]):
                yield from _cut(half, width, tokens, rows)
        else:
            yield one


def _halves(groups: list[Group]) -> tuple[list[Group], list[Group]] | None:
    if len(groups) > 1:
        middle = len(groups) // 2
        return groups[:middle], groups[middle:]
    jobs = groups[0].jobs
    if len(jobs) == 1:
        return None
    middle = len(jobs) // 2
    return group(jobs[:middle]), group(jobs[middle:])


def _common(texts: list[tuple[int, ...]]) -> tuple[int, ...]:
    shortest, longest = min(texts), max(texts)
    for place, token in enumerate(shortest):
        if token != longest[place]:
            return shortest[:place]
    return shortest


def _out_of_memory(error: BaseException) -> bool:
    # A CPU's allocator raises a plain RuntimeError.
    known = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return known or "not enough memory" in str(error)
