"""Greedy answers of the frozen model: one prefill an image, its cache shared by all its prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from gvt.model.language import LanguageModel


@dataclass(frozen=True)
class Generation:
    """The new text; ``truncated`` where the limit of tokens cut it."""

    text: str
    truncated: bool


@torch.no_grad()
def generate(
    llm: LanguageModel,
    prefixes: Sequence[Tensor],
    owners: Sequence[int],
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
) -> list[Generation]:
    """Continue prompt i behind ``prefixes[owners[i]]`` greedily.

    ``prefixes`` are float[P, dim] embeddings, of any lengths; ``prompts`` are token ids. Answers
    equal those of each prompt alone: padding is on the left, masked, and takes no position.
    """
    device = llm.device
    lengths = torch.tensor([len(prefix) for prefix in prefixes], device=device)
    embeds = pad_sequence(list(prefixes), batch_first=True, padding_side="left")
    mask = _left_mask(lengths, embeds.shape[1])
    cache = DynamicCache(config=llm.model.config)
    llm.model(
        inputs_embeds=embeds,
        attention_mask=mask,
        position_ids=_positions(mask),
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    owner = torch.tensor(owners, device=device)
    cache.batch_select_indices(owner)
    sizes = torch.tensor([len(prompt) for prompt in prompts], device=device)
    ids = pad_sequence(
        [torch.tensor(prompt, device=device) for prompt in prompts],
        batch_first=True,
        padding_value=llm.pad,
        padding_side="left",
    )
    suffix = _left_mask(sizes, ids.shape[1])
    mask = torch.cat([mask[owner], suffix], dim=1)
    positions = lengths[owner, None] + _positions(suffix)
    done = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    new: list[Tensor] = []
    while len(new) < max_new_tokens:
        logits = llm.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        token = logits.argmax(-1).masked_fill(done, llm.eos)
        new.append(token)
        done = done | (token == llm.eos)
        if done.all():
            break
        ids = token[:, None]
        mask = torch.cat([mask, torch.ones_like(ids)], dim=1)
        positions = positions[:, -1:] + 1
    rows = torch.stack(new, dim=1).tolist()
    return [_finish(llm, row) for row in rows]


def _finish(llm: LanguageModel, row: list[int]) -> Generation:
    ended = llm.eos in row
    return Generation(llm.decode(row[: row.index(llm.eos)] if ended else row), not ended)


def _left_mask(lengths: Tensor, width: int) -> Tensor:
    places = torch.arange(width, device=lengths.device)
    return (places >= width - lengths[:, None]).long()


def _positions(mask: Tensor) -> Tensor:
    """Position of every token when padding takes none; padding itself gets 0."""
    return (mask.cumsum(-1) - 1).clamp(min=0)
