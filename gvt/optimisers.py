"""AdamW, Muon for matrices, and a cosine after a warm-up: shared by pre-training and alignment."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn


def optimisers(
    groups: Sequence[dict[str, Any]],
    matrices: Sequence[nn.Parameter],
    *,
    lr: float,
    muon_lr: float | None,
    weight_decay: float,
    betas: tuple[float, float],
) -> list[torch.optim.Optimizer]:
    """AdamW over ``groups`` at ``lr``, whatever else a group says for itself.

    ``matrices`` are turned by Muon (Jordan et al. 2024) at ``muon_lr``, by AdamW where it is None.
    """
    groups = list(groups)
    if muon_lr is None:
        groups.append({"params": list(matrices)})
    groups = [group for group in groups if group["params"]]
    made: list[torch.optim.Optimizer] = []
    if groups:
        made.append(torch.optim.AdamW(groups, lr, betas, weight_decay=weight_decay))
    if muon_lr is not None and matrices:
        made.append(torch.optim.Muon(matrices, muon_lr, weight_decay=weight_decay))
    for optimiser in made:
        for group in optimiser.param_groups:
            group["initial_lr"] = group["lr"]
    return made


def cosine(step: int, steps: int, warmup: int) -> float:
    """Factor of the learning rate at ``step`` from 0 on: up to 1 within ``warmup``, then to 0."""
    if step < warmup:
        return (step + 1) / warmup
    left = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, left)))


def set_rates(made: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Give every group its own rate times ``factor``: a schedule without a state to keep.

    Groups are those of ``optimisers``, where each rate is noted before checkpoints are read.
    """
    for optimiser in made:
        for group in optimiser.param_groups:
            group["lr"] = group["initial_lr"] * factor
