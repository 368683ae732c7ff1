"""Feature distillation: a student gives, patch by patch, the whitened features of a frozen teacher.

Wei et al. 2022, "Contrastive Learning Rivals Masked Image Modeling in Fine-tuning via Feature
Distillation"; without a mask it makes the tokenizer of Wang et al. 2023, "What Makes for Good
Visual Tokenizers for Large Language Models?".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from tokenizers_zoo.combining import Grid, resample
from tokenizers_zoo.hf_vit import HFViT

BETA = 2.0
"""Where smooth L1 turns from a parabola into a line; the value of Wei et al."""

CITATION = "wei2022feature"
"""What the cards of students cite."""


class Distillation(nn.Module):
    """Smooth L1 between the projected patches of the student and the whitened ones of the teacher.

    student: its weights are made trainable. width, grid: of the teacher's patch features.
    mask_ratio: 0 predicts every patch of an image that is seen whole. Above, that share of the
        student's patches, drawn at random for each image, is replaced by a learned token, and only
        these are predicted: what is hidden must be inferred, as in BEiT (Bao et al. 2022) and EVA
        (Fang et al. 2023), which mask blocks where this masks single patches, as MAE does.
    """

    name, batch_size, lr = "distill", 128, 1e-3

    def __init__(self, student: HFViT, width: int, grid: Grid, mask_ratio: float = 0.0) -> None:
        super().__init__()
        self.student, self.grid = student, grid
        self.model = student.model.requires_grad_(True).train()
        # Linear for each patch: the 1×1 convolution of Wei et al.
        self.head = nn.Linear(student.dim, width)
        patches = student.grid[0] * student.grid[1]
        self.masked = min(max(1, round(mask_ratio * patches)), patches - 1) if mask_ratio else 0
        if self.masked:
            width = _patch_projection(self.model).out_channels
            self.mask_token = nn.Parameter(torch.empty(width))
            nn.init.trunc_normal_(self.mask_token, std=0.02)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Loss for ``pixels`` float[B, 3, H, W] of the student and ``targets`` float[B, N, D].

        The targets are the teacher's patch features, row by row of its grid. A grid that differs
        from the student's is resampled to it before the features are whitened.
        """
        targets = batch["targets"]
        if self.grid != self.student.grid:
            targets = resample(targets, self.grid, self.student.grid)
        if not self.masked:
            return self._loss(self._predict(batch["pixels"]), targets)
        hidden = self._draw(len(targets)).to(targets.device)
        with self._hiding(hidden):
            predicted = self._predict(batch["pixels"])
        return self._loss(predicted[hidden], targets[hidden])

    def _predict(self, pixels: Tensor) -> Tensor:
        tokens = self.student.trace(pixels)
        return self.head(tokens.features[:, tokens.prefix :])

    def _loss(self, predicted: Tensor, targets: Tensor) -> Tensor:
        """Mean over patches and channels of float[…, D]; a LayerNorm without weights whitens."""
        white = functional.layer_norm(targets.float(), targets.shape[-1:])
        return functional.smooth_l1_loss(predicted.float(), white, beta=BETA)

    def _draw(self, images: int) -> Tensor:
        """bool[B, N]: which patches are hidden, as many in every image."""
        patches = self.student.grid[0] * self.student.grid[1]
        return torch.rand(images, patches).argsort(dim=1) < self.masked

    @contextmanager
    def _hiding(self, hidden: Tensor) -> Iterator[None]:
        """Within, the student gets the mask token in place of ``hidden`` bool[B, N]."""

        def replace(_module: nn.Module, _pixels: tuple[Tensor, ...], patches: Tensor) -> Tensor:
            token = self.mask_token.to(patches.dtype)[:, None, None]
            return torch.where(hidden.view(-1, 1, *self.student.grid), token, patches)

        # Before positions are added, wherever a model adds them: a hidden patch knows its place.
        handle = _patch_projection(self.model).register_forward_hook(replace)
        try:
            yield
        finally:
            handle.remove()

    def after_step(self, progress: float) -> None:
        """Nothing to do after an optimiser step."""

    def save(self, folder: Path) -> None:
        """The student as an ordinary folder of its class; head and mask token have served."""
        self.model.to(torch.float16).save_pretrained(folder)


def _patch_projection(model: nn.Module) -> nn.Conv2d:
    """float[B, 3, H, W] → float[B, D, h, w]: the one convolution of a vision transformer."""
    (projection,) = (part for part in model.modules() if isinstance(part, nn.Conv2d))
    return projection
