"""DINO: a student matches its own moving average across crops (Caron et al. 2021).

transformers has the model but not the loss; equation and algorithm numbers are the paper's.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from tokenizers_zoo.objectives.augment import crop, jitter, normalise, unit
from tokenizers_zoo.objectives.mini_vit import ATTENTION, SIZE

# Crop sizes are whole patches; areas are such that objects keep about their size in pixels.
_GLOBAL, _GLOBAL_AREA, _GLOBALS = 48, (0.4, 1.0), 2
_LOCAL, _LOCAL_AREA, _LOCALS = 36, (0.15, 0.4), 4
_PROTOTYPES, _HIDDEN, _BOTTLENECK = 1024, 256, 64
# The teacher's temperature stays where the paper's warm-up starts: in a schedule this short the
# rise to 0.07 ended in uniform targets.
_STUDENT_TEMPERATURE, _TEACHER_TEMPERATURE = 0.1, 0.04
_MOMENTUM = 0.996
_CENTRE_MOMENTUM = 0.9
_FROZEN = 0.02


class _Branch(nn.Module):
    """Backbone and projection head of the student or of the teacher."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = ViTModel(ViTConfig(**SIZE, **ATTENTION), add_pooling_layer=False)
        self.head = nn.Sequential(
            nn.Linear(SIZE["hidden_size"], _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _BOTTLENECK),
        )
        self.prototypes = nn.Linear(_BOTTLENECK, _PROTOTYPES, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        state = self.backbone(images, interpolate_pos_encoding=True).last_hidden_state[:, 0]
        point = nn.functional.normalize(self.head(state).float(), dim=-1)
        # Prototypes of unit length: the paper's weight-normalised last layer.
        units = nn.functional.normalize(self.prototypes.weight, dim=-1)
        return nn.functional.linear(point, units).float()


class DINO(nn.Module):
    """Cross entropy between the centred, sharpened teacher and the student (eq. 3, alg. 1)."""

    name, batch_size, lr = "dino", 128, 5e-4

    def __init__(self) -> None:
        super().__init__()
        self.student = _Branch()
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(_PROTOTYPES))
        self.register_buffer("progress", torch.zeros(()))

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Loss of ``pixels`` uint8[B, H, W, 3] over all pairs of different crops."""
        # As in the paper's code, prototypes stand still while the backbone finds its feet.
        self.student.prototypes.requires_grad_(float(self.progress) > _FROZEN)
        images = unit(batch["pixels"])
        globals_ = [self._view(images, _GLOBAL, _GLOBAL_AREA) for _ in range(_GLOBALS)]
        locals_ = [self._view(images, _LOCAL, _LOCAL_AREA) for _ in range(_LOCALS)]
        with torch.no_grad():
            logits = self.teacher(torch.cat(globals_))
            targets = ((logits - self.centre) / _TEACHER_TEMPERATURE).softmax(-1).chunk(_GLOBALS)
            self.centre.lerp_(logits.mean(0), 1 - _CENTRE_MOMENTUM)
        views = [
            *(self.student(torch.cat(globals_)) / _STUDENT_TEMPERATURE).log_softmax(-1).chunk(2),
            *(self.student(torch.cat(locals_)) / _STUDENT_TEMPERATURE)
            .log_softmax(-1)
            .chunk(_LOCALS),
        ]
        losses = [
            -(target * view).sum(-1).mean()
            for i, target in enumerate(targets)
            for j, view in enumerate(views)
            if i != j
        ]
        return sum(losses) / len(losses)

    def _view(self, images: Tensor, size: int, area: tuple[float, float]) -> Tensor:
        return normalise(jitter(crop(images, size, area, flip=True), 0.4, grey=0.1))

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """Move the teacher towards the student; the momentum rises to 1 by a cosine."""
        self.progress.fill_(progress)
        keep = 1 - (1 - _MOMENTUM) * (math.cos(math.pi * progress) + 1) / 2
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)

    def save(self, folder: Path) -> None:
        """The teacher's backbone as an ordinary ViT folder, as the paper publishes it."""
        self.teacher.backbone.to(torch.float16).save_pretrained(folder)
