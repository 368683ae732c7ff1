"""Encoder–decoders: answers and log-likelihoods through transformers' own ``generate`` and forward.

An encoder reads in both directions, so no two prompts can share what it makes of their image: each
has a row of its own. Features and connector still run once an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gvt.model.language import LanguageModel
from gvt.model.pairing import Paired, answer_labels, encoder_inputs

if TYPE_CHECKING:
    from gvt.engine.generate import Decoding

# What a checkpoint's own generation settings may ask for, and causal models are not asked for.
_PLAIN = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0, "min_length": 0}


def answers(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    decodings: Sequence[Decoding],
) -> list[list[int]]:
    """New token ids of every prompt, up to the first that ends it.

    Stops that take more than one token do not end a row early.
    """
    kinds: dict[Decoding, list[int]] = {}
    for number, decoding in enumerate(decodings):
        kinds.setdefault(decoding, []).append(number)
    found: dict[int, list[int]] = {}
    for decoding, numbers in kinds.items():
        ends = llm.ends | llm.special(decoding.until)
        chosen = [owners[i] for i in numbers], [prompts[i] for i in numbers]
        rows = llm.model.generate(
            **encoder_inputs(llm, prefixes, *chosen, llm.model.dtype),
            max_new_tokens=decoding.limit,
            num_beams=decoding.beams,
            length_penalty=decoding.length_penalty,
            do_sample=False,
            early_stopping=False,
            eos_token_id=sorted(ends),
            pad_token_id=llm.pad,
            **_PLAIN,
        )
        for number, row in zip(numbers, rows[:, 1:].tolist(), strict=True):
            size = next((n for n, token in enumerate(row, start=1) if token in ends), len(row))
            found[number] = row[:size]
    return [found[i] for i in range(len(prompts))]


@torch.no_grad()
def logits(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    continuations: Sequence[Sequence[int]],
) -> list[Tensor]:
    """float[len(continuations[i]), vocabulary]: what is said at every token of continuation i."""
    batch = Paired(owners, prompts, answer_labels(continuations).to(llm.device))
    said = llm.model(**batch.inputs(prefixes, llm, llm.model.dtype), use_cache=False).logits
    return [own[: len(wanted)] for own, wanted in zip(said, continuations, strict=True)]
