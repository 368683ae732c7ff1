"""Greedy answers of the frozen model: every text behind its shared prefix, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gvt.engine import seq2seq
from gvt.engine.beams import beam_search
from gvt.engine.branches import Branches, room_for
from gvt.engine.rows import Prefilled
from gvt.model.language import LanguageModel


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
    answers = seq2seq.answers if llm.seq2seq else _answers
    texts = answers(llm, prefixes, owners, prompts, decodings)
    return [_finish(llm, ids, one) for ids, one in zip(texts, decodings, strict=True)]


def _answers(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    decodings: Sequence[Decoding],
) -> list[list[int]]:
    lengths = [
        len(prompt) + decoding.limit if decoding.beams == 1 else 0
        for prompt, decoding in zip(prompts, decodings, strict=True)
    ]
    shared = Prefilled(llm, prefixes, room_for(owners, lengths))
    found: dict[int, list[int]] = {}
    kinds: dict[Decoding | None, list[int]] = {}
    for number, decoding in enumerate(decodings):
        # Greedy rows of all limits go together; beams of one kind do.
        kinds.setdefault(None if decoding.beams == 1 else decoding, []).append(number)
    for kind, numbers in kinds.items():
        chosen = [prompts[i] for i in numbers]
        wanted = [decodings[i] for i in numbers]
        behind = [owners[i] for i in numbers]
        if kind is None:
            texts = _greedy(Branches(shared, behind), chosen, wanted)
        else:
            rows = shared.rows(behind, max(map(len, chosen)) + kind.limit)
            texts = beam_search(rows, chosen, kind.limit, kind.beams, kind.length_penalty)
        found |= zip(numbers, texts, strict=True)
    return [found[i] for i in range(len(prompts))]


def _greedy(
    branches: Branches, prompts: Sequence[Sequence[int]], decodings: Sequence[Decoding]
) -> list[list[int]]:
    llm = branches.llm
    texts: list[list[int]] = [[] for _ in prompts]
    stops = [_Stop(llm, decoding.until) for decoding in decodings]
    alive = torch.arange(len(prompts), device=llm.device)
    branches.append(alive, [prompt[:-1] for prompt in prompts])
    tokens = torch.tensor([prompt[-1] for prompt in prompts], device=llm.device)
    while len(alive):
        tokens = branches.step(alive, tokens).argmax(-1)
        going = []
        for number, token in zip(alive.tolist(), tokens.tolist(), strict=True):
            text = texts[number]
            text.append(token)
            full = len(text) >= decodings[number].limit
            going.append(not (full or token in llm.ends or stops[number].met(text)))
        keep = torch.tensor(going, device=llm.device)
        alive, tokens = alive[keep], tokens[keep]
    branches.close()
    return texts


class _Stop:
    """Whether new text holds one of the stop strings; decodes only where a token could end one."""

    def __init__(self, llm: LanguageModel, until: tuple[str, ...]) -> None:
        self.llm = llm
        self.until = tuple(stop for stop in until if stop)
        self.ids = llm.special(self.until)
        self.last = llm.tokens_with(tuple(sorted({stop[-1] for stop in self.until})))

    def met(self, ids: list[int]) -> bool:
        if ids[-1] in self.ids:
            return True
        if ids[-1] not in self.last:
            return False
        text = self.llm.decode(ids, strip=False)
        return any(stop in text for stop in self.until)


def _finish(llm: LanguageModel, ids: list[int], decoding: Decoding) -> Generation:
    ended = ids[-1] in llm.ends or ids[-1] in llm.special(decoding.until)
    text, stopped = llm.decode(ids, strip=False), False
    for stop in decoding.until:
        if stop and stop in text:
            text, stopped = text[: text.index(stop)], True
    return Generation(text.strip(), not ended and not stopped)
