"""A key–value cache with room ahead: new tokens are written in place instead of copying the old."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from gvt.errors import UserError

_WINDOWED, _FULL = "sliding_attention", "full_attention"


class RoomyLayer(DynamicLayer):
    """Keys and values [B, heads, T, head_dim] as views of buffers that hold ``room`` tokens more.

    transformers' DynamicLayer concatenates at every token, which copies the whole cache each time.
    """

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append [B, heads, t, head_dim] and return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        if self._buffers is None or end > self._buffers[0].shape[-2]:
            self._grow((key_states, value_states), end + self.room)
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., start:end, :] = states
        self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the rows ``indices``, which may repeat or leave out."""
        kept = (self.keys[indices], self.values[indices])
        if self._buffers is None:
            self.keys, self.values = kept
            return
        length = self.get_seq_length()
        self._grow(kept, self._buffers[0].shape[-2], fill=kept)
        self.keys, self.values = (buffer[..., :length, :] for buffer in self._buffers)

    def rows(self, indices: Tensor, room: int) -> RoomyLayer:
        """A layer of its own with the rows ``indices`` of this one and ``room`` for more tokens."""
        layer = RoomyLayer(0)
        layer.dtype, layer.device, layer.is_initialized = self.dtype, self.device, True
        length = self.get_seq_length()
        kept = (self.keys[indices], self.values[indices])
        layer._grow(kept, length + room, fill=kept)
        layer.keys, layer.values = (buffer[..., :length, :] for buffer in layer._buffers)
        return layer

    def crop(self, max_length: int) -> None:
        """Forget all but the first ``max_length`` tokens; their room stays."""
        self.keys, self.values = (
            states[..., :max_length, :] for states in (self.keys, self.values)
        )

    def _grow(
        self, like: tuple[Tensor, Tensor], size: int, fill: tuple[Tensor, Tensor] | None = None
    ) -> None:
        old = fill if fill is not None else (self.keys, self.values)
        buffers = []
        for states, before in zip(like, old, strict=True):
            shape = (*states.shape[:2], size, states.shape[-1])
            buffer = torch.empty(shape, dtype=states.dtype, device=states.device)
            if before.numel():
                buffer[..., : before.shape[-2], :] = before
            buffers.append(buffer)
        self._buffers = tuple(buffers)


def roomy_cache(layers: int, room: int = 0) -> DynamicCache:
    """An empty cache of full layers; windows are kept by the masks (see ``attention_mask``)."""
    cache = DynamicCache()
    cache.layers = [RoomyLayer(room) for _ in range(layers)]
    return cache


def layer_windows(config: Any, name: str) -> dict[str, int | None]:
    """Kind of attention layer → how many tokens it looks back, itself included; None: all.

    Raises UserError for attention that is neither full nor a sliding window.
    """
    config = config.get_text_config(decoder=True)
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = [_FULL if window is None else _WINDOWED]
    for kind in kinds:
        if kind not in (_FULL, _WINDOWED):
            raise UserError(f"language model '{name}': layers of kind '{kind}' are not supported")
    return {kind: window if kind == _WINDOWED else None for kind in sorted(set(kinds))}


def attention_mask(
    windows: dict[str, int | None],
    valid: Tensor,
    places: Tensor,
    queries: int,
    dtype: torch.dtype,
) -> Tensor | dict[str, Tensor] | None:
    """The mask of the last ``queries`` of T tokens, in the cheapest form that is exact.

    ``valid`` bool[B, T] is False on padding, which may stand anywhere; ``places`` int64[B, T] are
    positions in the text. transformers counts padding as distance, so where a window could cut, a
    4-D mask by position is made: [B, 1, queries, T] for every kind of layer.
    """
    length = valid.shape[1]
    if all(window is None or length <= window for window in windows.values()):
        return None if bool(valid.all()) else valid.long()
    query, key = places[:, -queries:, None], places[:, None, :]
    return _masks(windows, valid[:, None, :] & (key <= query), query - key, dtype)


def branch_mask(
    windows: dict[str, int | None],
    whose: Tensor,
    places: Tensor,
    queries: int,
    dtype: torch.dtype,
) -> Tensor | dict[str, Tensor]:
    """The mask of the last ``queries`` of T tokens, where a row holds several texts.

    ``whose`` int64[B, T] is the number of a token's text, 0 for all texts, below 0 for padding;
    ``places`` as in ``attention_mask``.
    """
    query, key = places[:, -queries:, None], places[:, None, :]
    own = whose[:, None, :] == whose[:, -queries:, None]
    return _masks(windows, (own | (whose == 0)[:, None]) & (key <= query), query - key, dtype)


def _masks(
    windows: dict[str, int | None], allowed: Tensor, distance: Tensor, dtype: torch.dtype
) -> Tensor | dict[str, Tensor]:
    """What is added to attention scores, [B, 1, queries, T], for every kind of layer."""
    masks = {}
    for kind, window in windows.items():
        seen = allowed if window is None else allowed & (distance < window)
        blank = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        masks[kind] = blank.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]
    return masks if len(masks) > 1 else masks.popitem()[1]
