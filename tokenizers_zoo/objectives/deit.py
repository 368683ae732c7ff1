"""DeiT: supervised labels on the CLS token, a convolutional teacher's on the distillation token.

Touvron et al. 2021, "Training data-efficient image transformers & distillation through attention",
with binary cross entropy for images that hold several classes (Touvron et al. 2022, "DeiT III").
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import DeiTConfig, DeiTModel, RegNetConfig, RegNetForImageClassification

from tokenizers_zoo.objectives.augment import jiggle, jitter, normalise, unit
from tokenizers_zoo.objectives.mini_vit import ATTENTION, SIZE

_SHIFT, _JITTER = 4, 0.3


def _augment(pixels: Tensor) -> Tensor:
    return normalise(jitter(jiggle(unit(pixels), _SHIFT, flip=True), _JITTER))


class Teacher(nn.Module):
    """A small RegNet with several labels per image; its logits supervise DeiT's second token."""

    name, batch_size, lr = "teacher", 128, 2e-3

    def __init__(self, classes: int) -> None:
        super().__init__()
        config = RegNetConfig(
            embedding_size=24,
            hidden_sizes=[32, 64, 128, 192],
            depths=[1, 1, 2, 1],
            groups_width=16,
            num_labels=classes,
            problem_type="multi_label_classification",
        )
        self.model = RegNetForImageClassification(config)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Binary cross entropy against ``labels`` float[B, C] for ``pixels`` uint8[B, H, W, 3]."""
        return self.model(_augment(batch["pixels"]), labels=batch["labels"]).loss

    @torch.no_grad()
    def predict(self, pixels: Tensor) -> Tensor:
        """Logits float[B, C] of images as they are."""
        return self.model(normalise(unit(pixels))).logits

    def after_step(self, progress: float) -> None:
        """Nothing to do after an optimiser step."""

    def save(self, folder: Path) -> None:
        """An ordinary RegNet folder."""
        self.model.save_pretrained(folder)


class DeiT(nn.Module):
    """The mean of both tokens' losses; the teacher's labels are hard (eq. 3 of the paper)."""

    name, batch_size, lr = "deit", 128, 1e-3

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.model = DeiTModel(DeiTConfig(**SIZE, **ATTENTION), add_pooling_layer=False)
        self.heads = nn.ModuleList(nn.Linear(SIZE["hidden_size"], classes) for _ in range(2))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """``labels`` and ``teacher`` (logits) are float[B, C]; ``pixels`` uint8[B, H, W, 3]."""
        tokens = self.model(_augment(batch["pixels"])).last_hidden_state
        targets = (batch["labels"], (batch["teacher"] > 0).float())
        losses = [
            nn.functional.binary_cross_entropy_with_logits(head(tokens[:, i]).float(), target)
            for i, (head, target) in enumerate(zip(self.heads, targets, strict=True))
        ]
        return sum(losses) / len(losses)

    def after_step(self, progress: float) -> None:
        """Nothing to do after an optimiser step."""

    def save(self, folder: Path) -> None:
        """An ordinary DeiT folder."""
        self.model.to(torch.float16).save_pretrained(folder)
