"""Log-likelihoods of given continuations behind shared prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gvt.engine import seq2seq
from gvt.engine.branches import Branches, room_for
from gvt.engine.rows import Prefilled
from gvt.model.language import LanguageModel


@dataclass(frozen=True)
class Likelihood:
    """Sum of the log-probabilities of a continuation; ``greedy``: it is the model's own answer."""

    logprob: float
    greedy: bool


def score(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    continuations: Sequence[Sequence[int]],
) -> list[Likelihood]:
    """How likely continuation i is after prompt i behind ``prefixes[owners[i]]``.

    Prompts and continuations are one or more token ids.
    """
    logits = seq2seq.logits if llm.seq2seq else _logits
    found = []
    said = logits(llm, prefixes, owners, prompts, continuations)
    for own, wanted in zip(said, continuations, strict=True):
        target = torch.tensor(wanted, device=own.device)
        own = own.float().log_softmax(-1)
        logprob = own.gather(1, target[:, None]).sum().item()
        found.append(Likelihood(logprob, bool((own.argmax(-1) == target).all())))
    return found


def _logits(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    continuations: Sequence[Sequence[int]],
) -> list[Tensor]:
    lengths = [len(p) + len(c) for p, c in zip(prompts, continuations, strict=True)]
    branches = Branches(Prefilled(llm, prefixes, room_for(owners, lengths)), owners)
    everyone = torch.arange(len(prompts), device=llm.device)
    branches.append(everyone, [prompt[:-1] for prompt in prompts])
    asked = [
        (prompt[-1], *wanted[:-1]) for prompt, wanted in zip(prompts, continuations, strict=True)
    ]
    return branches.feed(everyone, asked)
