"""Pre-training of the shipped mini encoders and of the mini language model."""

from __future__ import annotations


def __getattr__(name: str):
    # Listing objectives must not import torch.
    if name == "pretrain":
        from gvt.pretrain.loop import pretrain

        return pretrain
    raise AttributeError(name)


OBJECTIVES = ("deit", "clip", "mae", "dino", "lm", "teacher")
