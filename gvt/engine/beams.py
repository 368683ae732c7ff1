"""Beam search behind shared prefixes, with transformers' scores and its default early stopping."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gvt.engine.rows import Rows

_NEVER = -1e9


def beam_search(
    rows: Rows, prompts: Sequence[Sequence[int]], limit: int, beams: int, length_penalty: float
) -> list[list[int]]:
    """The best of ``beams`` continuations of every prompt: its new token ids, with the end token.

    A hypothesis scores the sum of its log-probabilities over length ** ``length_penalty``. A
    prompt is done when its best running beam, at its length now, cannot pass its worst finished
    one (transformers' ``early_stopping=False``).
    """
    llm, count, device = rows.llm, len(prompts), rows.llm.device
    ends = torch.tensor(sorted(llm.ends), device=device)
    # As many as could end at once and still leave enough to go on.
    candidates = max(2, 1 + len(ends)) * beams
    ids, valid = rows.prompts(prompts)
    logits = rows.feed(ids, valid)[:, -1]
    rows.select(torch.arange(count, device=device).repeat_interleave(beams))
    logits = logits.repeat_interleave(beams, dim=0)

    texts = torch.zeros(count, beams, 0, dtype=torch.long, device=device)
    scores = torch.full((count, beams), _NEVER, device=device)
    scores[:, 0] = 0.0  # all beams start equal: only the first may branch
    best = torch.zeros(count, beams, limit, dtype=torch.long, device=device)
    best_size = torch.zeros(count, beams, dtype=torch.long, device=device)
    best_score = torch.full((count, beams), _NEVER, device=device)
    open_ = torch.ones(count, 1, dtype=torch.bool, device=device)
    for size in range(1, limit + 1):
        step = logits.float().log_softmax(-1).unflatten(0, (count, beams))
        vocabulary = step.shape[-1]
        score, place = (scores[..., None] + step).flatten(1).topk(candidates)
        parent, token = place // vocabulary, place % vocabulary
        text = torch.cat([_rows(texts, parent), token[..., None]], dim=-1)
        ended = torch.isin(token, ends) | (size == limit)

        # Only what ranks among the first ``beams`` may finish; the rest are reserves.
        finishes = ended & (torch.arange(candidates, device=device) < beams)
        final = (score / size**length_penalty).masked_fill(~(finishes & open_), _NEVER)
        padded = torch.nn.functional.pad(text, (0, limit - size))
        best_score, chosen = torch.cat([best_score, final], dim=1).topk(beams)
        best = _rows(torch.cat([best, padded], dim=1), chosen)
        sizes = torch.full_like(token, size)
        best_size = torch.cat([best_size, sizes], dim=1).gather(1, chosen)

        scores, chosen = score.masked_fill(ended, _NEVER).topk(beams)
        texts, parent = _rows(text, chosen), parent.gather(1, chosen)
        # Below _NEVER / 2 stands what never finished.
        full = (best_score > _NEVER / 2).all(1, keepdim=True)
        worst = torch.where(full, best_score.amin(1, keepdim=True), _NEVER)
        open_ = open_ & (scores[:, :1] / size**length_penalty > worst)
        if size == limit or not open_.any():
            break
        base = torch.arange(count, device=device)[:, None] * beams
        rows.select((base + parent).flatten())
        logits = rows.feed(texts[..., -1].flatten()[:, None])[:, -1]
    return [
        text[:size].tolist()
        for text, size in zip(best[:, 0].cpu(), best_size[:, 0].tolist(), strict=True)
    ]


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """values[b, index[b, k]] of [B, n, L] by [B, k]."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))
