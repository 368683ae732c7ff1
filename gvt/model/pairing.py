"""Question–answer pairs for an encoder–decoder: it encodes image and prompt, decodes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gvt.model.packing import IGNORE, Pair

if TYPE_CHECKING:
    from gvt.model.language import LanguageModel


@dataclass
class Paired:
    """A batch of pairs: the encoder reads prompt i behind prefix ``owners[i]``.

    ``labels`` is int64[n, T]: the answers, padded with IGNORE; ``share`` is as in ``Packed``. Pairs
    of one image share no row as they do there: an encoder reads in both directions, so that a
    prompt changes what becomes of the image before it.
    """

    owners: Sequence[int]
    prompts: Sequence[Sequence[int]]
    labels: Tensor
    share: float = 1.0

    def to(self, device: torch.device) -> Paired:
        """The same batch on another device."""
        return replace(self, labels=self.labels.to(device))

    def inputs(
        self, prefixes: Sequence[Tensor], llm: LanguageModel, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """What the model takes to say at every place what comes next in the answer."""
        # The model's own way to begin an answer: its start token, then the answer but the last.
        shifted = llm.model.prepare_decoder_input_ids_from_labels(self.labels)
        encoded = encoder_inputs(llm, prefixes, self.owners, self.prompts, dtype)
        return {**encoded, "decoder_input_ids": shifted}

    def weights(self) -> Tensor:
        """float[n, T]: one over the length of its answer at every label, so that pairs weigh alike.

        ``Packed.weights`` says why.
        """
        there = (self.labels != IGNORE).float()
        return there / there.sum(1, keepdim=True)


def pair_up(pairs: Sequence[Sequence[Pair]]) -> Paired:
    """One row for every pair; ``pairs[b]`` are those of prefix b."""
    flat = [(owner, *pair) for owner, items in enumerate(pairs) for pair in items]
    owners, prompts, answers = zip(*flat, strict=True)
    return Paired(owners, prompts, answer_labels(answers))


def answer_labels(answers: Sequence[Sequence[int]]) -> Tensor:
    """Answers of any lengths as int64[n, T], padded on the right with IGNORE."""
    rows = [torch.tensor(answer) for answer in answers]
    return pad_sequence(rows, batch_first=True, padding_value=IGNORE)


def encoder_inputs(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    dtype: torch.dtype,
) -> dict[str, Tensor]:
    """Row i is ``prefixes[owners[i]]``, float[P, dim], then prompt i; padded on the right."""
    sizes = [len(prompt) for prompt in prompts]
    embedded = llm.embed_ids([token for prompt in prompts for token in prompt]).split(sizes)
    rows = [
        torch.cat([prefixes[owner].to(dtype), own.to(dtype)])
        for owner, own in zip(owners, embedded, strict=True)
    ]
    embeds = pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows], device=embeds.device)
    mask = torch.arange(embeds.shape[1], device=embeds.device) < lengths[:, None]
    return {"inputs_embeds": embeds, "attention_mask": mask.long()}
