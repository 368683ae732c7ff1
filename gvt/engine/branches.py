"""Texts that grow side by side behind one prefix: its keys and values are kept once for all.

The texts of one image lie one after another in one sequence of the model. A mask lets every token
see the prefix and its own text only, and positions go on from the prefix in each: exactly what the
model computes for each text alone, without a copy of the prefix for every one of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gvt.engine.cache import branch_mask
from gvt.engine.rows import Prefilled

_NOBODY = -1  # whose padding is
_ALL = 0  # whose the prefix is


def room_for(owners: Sequence[int], lengths: Sequence[int]) -> int:
    """Tokens that texts of these lengths take behind the prefix that has the most of them."""
    taken: dict[int, int] = {}
    for owner, length in zip(owners, lengths, strict=True):
        taken[owner] = taken.get(owner, 0) + length
    return max(taken.values(), default=0)


class Branches:
    """One text for every entry of ``owners``, the number of its prefix.

    It uses up the cache of ``prefilled`` and gives it back in ``close``.
    """

    def __init__(self, prefilled: Prefilled, owners: Sequence[int]) -> None:
        self.llm, self.windows = prefilled.llm, prefilled.windows
        self._prefilled, self.cache = prefilled, prefilled.cache
        self.row = torch.tensor(owners, device=self.llm.device)
        seen: dict[int, int] = {}
        names = []
        for owner in owners:
            seen[owner] = seen.get(owner, 0) + 1
            names.append(seen[owner])
        self.name = torch.tensor(names, device=self.llm.device)
        self.next = prefilled.places.amax(1)[self.row] + 1
        whose = torch.where(prefilled.valid, _ALL, _NOBODY)
        self._whose, self._places = whose, prefilled.places

    @torch.no_grad()
    def feed(self, texts: Tensor, ids: Sequence[Sequence[int]]) -> list[Tensor]:
        """Append ``ids[i]`` to text ``texts[i]``; logits float[len(ids[i]), vocabulary] of each."""
        logits = self._forward(texts, ids, head=True)
        return list(logits.split([len(one) for one in ids]))

    @torch.no_grad()
    def append(self, texts: Tensor, ids: Sequence[Sequence[int]]) -> None:
        """Append ``ids[i]`` to text ``texts[i]``, where nobody asks what follows."""
        if any(ids):
            self._forward(texts, ids, head=False)

    @torch.no_grad()
    def step(self, texts: Tensor, tokens: Tensor) -> Tensor:
        """Append one token to each; logits float[n, vocabulary]."""
        rows = self.row[texts]
        order = torch.argsort(rows, stable=True)
        first = torch.searchsorted(rows[order].contiguous(), rows[order].contiguous())
        column = torch.empty_like(rows)
        column[order] = torch.arange(len(rows), device=rows.device) - first
        logits = self._run(rows, column, texts, tokens, self.next[texts], head=True)
        self.next[texts] += 1
        return logits[rows, column]

    def close(self) -> None:
        """Take the texts out of the cache, so that others can follow the same prefixes."""
        self._prefilled.crop()

    def _pack(self, texts: Tensor, ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Row and column of every token, text by text: those of one row lie side by side."""
        used: dict[int, int] = {}
        rows, columns = [], []
        for row, one in zip(self.row[texts].tolist(), ids, strict=True):
            start = used.get(row, 0)
            used[row] = start + len(one)
            rows += [row] * len(one)
            columns += range(start, start + len(one))
        device = self.llm.device
        return torch.tensor(rows, device=device), torch.tensor(columns, device=device)

    def _forward(self, texts: Tensor, ids: Sequence[Sequence[int]], head: bool) -> Tensor:
        """What the model says at every token, text by text."""
        device = self.llm.device
        row, column = self._pack(texts, ids)
        sizes = torch.tensor([len(one) for one in ids], device=device)
        text = texts.repeat_interleave(sizes)
        within = torch.cat([torch.arange(len(one), device=device) for one in ids])
        flat = torch.tensor([token for one in ids for token in one], device=device)
        result = self._run(row, column, text, flat, self.next[text] + within, head)
        self.next[texts] += sizes
        return result[row, column]

    def _run(
        self, row: Tensor, column: Tensor, text: Tensor, ids: Tensor, places: Tensor, head: bool
    ) -> Tensor:
        count, width = len(self._whose), int(column.max()) + 1
        device = self.llm.device
        tokens = torch.full((count, width), self.llm.pad, device=device)
        whose = torch.full((count, width), _NOBODY, device=device)
        where = torch.full((count, width), -1, device=device)
        tokens[row, column] = ids
        whose[row, column] = self.name[text]
        where[row, column] = places
        self._whose = torch.cat([self._whose, whose], dim=1)
        self._places = torch.cat([self._places, where], dim=1)
        mask = branch_mask(self.windows, self._whose, self._places, width, self.llm.model.dtype)
        model = self.llm.model if head else self.llm.model.base_model
        result = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=where.clamp(min=0),
            past_key_values=self.cache,
            use_cache=True,
        )
        return result.logits if head else result.last_hidden_state
