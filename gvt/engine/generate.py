"""Greedy answers of the frozen model: every row behind its shared prefix, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gvt.engine.beams import beam_search
from gvt.engine.rows import Prefilled, Rows
from gvt.model.language import LanguageModel

# Finished rows leave the batch when they are at least this share of it: leaving costs a copy.
_LEAVE = 0.25


@dataclass(frozen=True)
class Decoding:
    """How to answer: at most ``limit`` tokens, until the text holds one of ``until``.

    ``beams`` > 1 is beam search with transformers' default of early stopping.
    """

    limit: int
    until: tuple[str, ...] = ()
    beams: int = 1
    length_penalty: float = 1.0


@dataclass(frozen=True)
class Generation:
    """The new text, cut at the first stop; ``truncated`` where the limit of tokens cut it."""

    text: str
    truncated: bool


def generate(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    decodings: Sequence[Decoding],
) -> list[Generation]:
    """Continue prompt i behind ``prefixes[owners[i]]`` as ``decodings[i]`` says.

    ``prefixes`` are float[P, dim] embeddings, of any lengths; ``prompts`` are one or more token
    ids. Answers equal those of transformers' ``generate`` for each prompt alone.
    """
    shared = Prefilled(llm, prefixes)
    found: dict[int, Generation] = {}
    kinds: dict[Decoding | None, list[int]] = {}
    for number, decoding in enumerate(decodings):
        # Greedy rows of all limits go together; beams of one kind do.
        kinds.setdefault(None if decoding.beams == 1 else decoding, []).append(number)
    for kind, numbers in kinds.items():
        chosen = [prompts[i] for i in numbers]
        wanted = [decodings[i] for i in numbers]
        room = max(map(len, chosen)) + max(decoding.limit for decoding in wanted)
        rows = shared.rows([owners[i] for i in numbers], room)
        if kind is None:
            texts = _greedy(rows, chosen, wanted)
        else:
            texts = beam_search(rows, chosen, kind.limit, kind.beams, kind.length_penalty)
        for i, ids, decoding in zip(numbers, texts, wanted, strict=True):
            found[i] = _finish(llm, ids, decoding)
    return [found[i] for i in range(len(prompts))]


def _greedy(
    rows: Rows, prompts: Sequence[Sequence[int]], decodings: Sequence[Decoding]
) -> list[list[int]]:
    llm = rows.llm
    texts: list[list[int]] = [[] for _ in prompts]
    alive = list(range(len(prompts)))
    ended = [False] * len(prompts)
    stops = [_Stop(llm, decoding.until) for decoding in decodings]
    ids, valid = rows.prompts(prompts)
    while True:
        tokens = rows.feed(ids, valid)[:, -1].argmax(-1)
        for number, token in zip(alive, tokens.tolist(), strict=True):
            if not ended[number]:
                text = texts[number]
                text.append(token)
                ended[number] = (
                    token in llm.ends
                    or len(text) >= decodings[number].limit
                    or stops[number].met(text)
                )
        left = [place for place, number in enumerate(alive) if not ended[number]]
        if not left:
            return texts
        if len(left) <= (1 - _LEAVE) * len(alive):
            keep = torch.tensor(left, device=tokens.device)
            rows.select(keep)
            tokens = tokens[keep]
            alive = [alive[place] for place in left]
        ids, valid = tokens[:, None], None


class _Stop:
    """Whether new text holds one of the stop strings; decodes only where a token could end one."""

    def __init__(self, llm: LanguageModel, until: tuple[str, ...]) -> None:
        self.llm = llm
        self.until = tuple(stop for stop in until if stop)
        self.last = llm.tokens_with(tuple(sorted({stop[-1] for stop in self.until})))

    def met(self, ids: list[int]) -> bool:
        if ids[-1] not in self.last:
            return False
        text = self.llm.decode(ids, strip=False)
        return any(stop in text for stop in self.until)


def _finish(llm: LanguageModel, ids: list[int], decoding: Decoding) -> Generation:
    ended = ids[-1] in llm.ends
    text, stopped = llm.decode(ids, strip=False), False
    for stop in decoding.until:
        if stop and stop in text:
            text, stopped = text[: text.index(stop)], True
    return Generation(text.strip(), not ended and not stopped)
