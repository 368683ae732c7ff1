"""Packs several question–answer pairs behind one prefix without letting them see each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from gvt.model.language import LanguageModel

IGNORE = -100
"""Label of a position that carries no loss (the convention of torch's cross entropy)."""

Pair = tuple[Sequence[int], Sequence[int]]
"""Token ids of a prompt and of its answer (the answer with its end-of-sequence token)."""


@dataclass
class Packed:
    """A batch of prefixes, each followed by its pairs.

    ``ids``, ``labels`` and ``positions`` are int64[B, T]; ``group`` is int64[B, T] with 0 for the
    prefix, k ≥ 1 for the k-th pair, -1 for padding. ``labels[b, t]`` is the token that position
    t must predict, IGNORE where there is none. Positions of every pair start after the prefix, as
    if it stood there alone. ``share`` is this process's number of pairs over the mean of all.
    """

    ids: torch.Tensor
    labels: torch.Tensor
    positions: torch.Tensor
    group: torch.Tensor
    share: float = 1.0

    def to(self, device: torch.device) -> Packed:
        """The same batch on another device."""
        tensors = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, torch.Tensor)}
        return replace(self, **tensors)

    def inputs(
        self, prefix: torch.Tensor, llm: LanguageModel, dtype: torch.dtype
    ) -> dict[str, torch.Tensor]:
        """What the model takes, with ``prefix`` float[B, P, dim] in the place of placeholders."""
        embeds = torch.cat([prefix, llm.embed(self.ids[:, prefix.shape[1] :])], dim=1)
        return {
            "inputs_embeds": embeds.to(dtype),
            "attention_mask": self.mask(dtype),
            "position_ids": self.positions,
        }

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """Additive attention mask [B, 1, T, T]: causal, the prefix and one's own pair only."""
        key, query = self.group[:, None, :], self.group[:, :, None]
        length = self.ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=self.ids.device).tril()
        allowed = causal & ((key == 0) | (key == query))
        # Padding sees itself: a row without any allowed key would be NaN.
        return torch.zeros(allowed.shape, dtype=dtype, device=self.ids.device).masked_fill_(
            ~allowed, torch.finfo(dtype).min
        )[:, None]

    def weights(self) -> torch.Tensor:
        """float[B, T]: one over the length of its answer at every label, so that pairs weigh alike.

        Otherwise a caption counts as much as four answers of one word, and most of what is scored
        are those.
        """
        there = (self.labels != IGNORE).float()
        pair = self.group.clamp(min=0)
        lengths = torch.zeros(len(pair), int(pair.max()) + 1, device=pair.device)
        lengths.scatter_add_(1, pair, there)
        return there / lengths.gather(1, pair).clamp(min=1)


def pack(prefixes: Sequence[Sequence[int]], pairs: Sequence[Sequence[Pair]], pad: int) -> Packed:
    """Pack row b as ``prefixes[b]`` followed by ``pairs[b]``, padded on the right with ``pad``."""
    rows = []
    for prefix, items in zip(prefixes, pairs, strict=True):
        ids, labels = list(prefix), [IGNORE] * len(prefix)
        positions, group = list(range(len(prefix))), [0] * len(prefix)
        for number, (prompt, answer) in enumerate(items, start=1):
            ids += [*prompt, *answer]
            labels += [*[IGNORE] * (len(prompt) - 1), *answer, IGNORE]
            size = len(prompt) + len(answer)
            positions += range(len(prefix), len(prefix) + size)
            group += [number] * size
        rows.append((ids, labels, positions, group))
    longest = max(len(row[0]) for row in rows)
    fills = (pad, IGNORE, 0, -1)
    columns = [
        torch.tensor([row[i] + [fill] * (longest - len(row[i])) for row in rows])
        for i, fill in enumerate(fills)
    ]
    return Packed(*columns)
