"""Log-likelihoods of given continuations behind shared prefixes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

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
    longest = max(map(len, continuations))
    texts = [[*prompt, *wanted[:-1]] for prompt, wanted in zip(prompts, continuations, strict=True)]
    rows = Prefilled(llm, prefixes).rows(owners, max(map(len, texts)))
    ids, valid = rows.prompts(texts)
    logits = rows.feed(ids, valid, keep=min(longest, ids.shape[1])).float()
    found = []
    for row, wanted in zip(logits, continuations, strict=True):
        target = torch.tensor(wanted, device=row.device)
        own = row[-len(wanted) :].log_softmax(-1)
        logprob = own.gather(1, target[:, None]).sum().item()
        found.append(Likelihood(logprob, bool((own.argmax(-1) == target).all())))
    return found
