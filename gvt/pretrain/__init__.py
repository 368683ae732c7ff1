"""Pre-training: the shipped mini encoders, the mini language model, students of a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

OBJECTIVES = ("deit", "clip", "mae", "dino", "lm", "teacher")


def pretrain(objective: str, output: Path, samples: int, *, seed: int = 0, **options: Any) -> Path:
    """Train one of OBJECTIVES on ``samples`` samples and write a Hugging Face folder to ``output``.

    options: those of ``gvt.pretrain.loop.train``.
    """
    # Here, not above: listing the objectives must not import torch.
    from gvt.pretrain.loop import train
    from gvt.pretrain.objectives import build

    return train(lambda _: build(objective, seed), output, samples, seed=seed, **options)
