"""Rows of text behind shared prefixes: each image is prefilled once, every row gets a copy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gvt.engine.cache import RoomyLayer, attention_mask, layer_windows, roomy_cache
from gvt.model.language import LanguageModel


class Prefilled:
    """Prefixes float[P, dim] of any lengths, run through the model once, all in one batch.

    room: tokens that may follow each without a copy of what is kept.
    """

    @torch.no_grad()
    def __init__(self, llm: LanguageModel, prefixes: Sequence[Tensor], room: int = 0) -> None:
        self.llm = llm
        self.windows = layer_windows(llm.model.config, llm.name)
        lengths = torch.tensor([len(prefix) for prefix in prefixes], device=llm.device)
        embeds = pad_sequence(list(prefixes), batch_first=True, padding_side="left")
        self.valid = _left(lengths, embeds.shape[1])
        self.places = _places(self.valid, torch.zeros_like(lengths))
        self.cache = roomy_cache(llm.model.config.get_text_config().num_hidden_layers, room)
        # Without the head: nobody asks what follows a prefix.
        llm.model.base_model(
            inputs_embeds=embeds,
            attention_mask=attention_mask(
                self.windows, self.valid, self.places, embeds.shape[1], embeds.dtype
            ),
            position_ids=self.places.clamp(min=0),
            past_key_values=self.cache,
            use_cache=True,
        )

    def crop(self) -> None:
        """Forget what came behind the prefixes."""
        for layer in self.cache.layers:
            layer.crop(self.valid.shape[1])

    def rows(self, owners: Sequence[int], room: int) -> Rows:
        """One row per owner (the number of its prefix), with room for ``room`` tokens each."""
        index = torch.tensor(owners, device=self.llm.device)
        layers = [layer.rows(index, room) for layer in self.cache.layers]
        return Rows(self.llm, self.windows, layers, self.valid[index], self.places[index])


class Rows:
    """Texts that grow together; padding is masked, takes no position and no place in a window."""

    def __init__(
        self,
        llm: LanguageModel,
        windows: dict[str, int | None],
        layers: list[RoomyLayer],
        valid: Tensor,
        places: Tensor,
    ) -> None:
        self.llm, self.windows, self.valid, self.places = llm, windows, valid, places
        self.cache = roomy_cache(0)
        self.cache.layers = layers

    def prompts(self, prompts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Token ids of any lengths as int64[B, T] with padding on the left, and what is valid."""
        device = self.llm.device
        ids = pad_sequence(
            [torch.tensor(prompt, device=device) for prompt in prompts],
            batch_first=True,
            padding_value=self.llm.pad,
            padding_side="left",
        )
        sizes = torch.tensor([len(prompt) for prompt in prompts], device=device)
        return ids, _left(sizes, ids.shape[1])

    @torch.no_grad()
    def feed(self, ids: Tensor, valid: Tensor | None = None) -> Tensor:
        """Append int64[B, T]; logits [B, 1, vocabulary] after the last of them."""
        if valid is None:
            valid = torch.ones_like(ids, dtype=torch.bool)
        places = _places(valid, self.places.amax(1) + 1)
        self.valid = torch.cat([self.valid, valid], dim=1)
        self.places = torch.cat([self.places, places], dim=1)
        mask = attention_mask(
            self.windows, self.valid, self.places, ids.shape[1], self.llm.model.dtype
        )
        return self.llm.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places.clamp(min=0),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits

    def select(self, index: Tensor) -> None:
        """Keep the rows int64[n] ``index``; they may repeat."""
        self.valid, self.places = self.valid[index], self.places[index]
        self.cache.batch_select_indices(index)


def _left(lengths: Tensor, width: int) -> Tensor:
    """bool[B, width] with the last ``lengths`` of each row True."""
    return torch.arange(width, device=lengths.device) >= width - lengths[:, None]


def _places(valid: Tensor, start: Tensor) -> Tensor:
    """Position of every valid token from ``start`` on, -1 on padding."""
    return (start[:, None] + valid.cumsum(1) - 1).masked_fill(~valid, -1)
