"""MAE: pixels of masked patches rebuilt from the visible quarter (He et al. 2022)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ViTMAEConfig, ViTMAEForPreTraining

from tokenizers_zoo.objectives.augment import crop, normalise, unit
from tokenizers_zoo.objectives.mini_vit import ATTENTION, IMAGE_SIZE, SIZE

_CROP = (0.5, 1.0)
_DECODER = {
    "decoder_hidden_size": 96,
    "decoder_num_hidden_layers": 2,
    "decoder_num_attention_heads": 4,
    "decoder_intermediate_size": 384,
}


class MAE(nn.Module):
    """transformers' own ViTMAEForPreTraining: 75 % masked, targets normalised per patch."""

    name, batch_size, lr = "mae", 128, 1.5e-3

    def __init__(self) -> None:
        super().__init__()
        config = ViTMAEConfig(**SIZE, **_DECODER, mask_ratio=0.75, norm_pix_loss=True, **ATTENTION)
        self.model = ViTMAEForPreTraining(config)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Mean squared error on the masked patches of ``pixels`` uint8[B, H, W, 3]."""
        return self.model(normalise(crop(unit(batch["pixels"]), IMAGE_SIZE, _CROP, flip=True))).loss

    def after_step(self, progress: float) -> None:
        """Nothing to do after an optimiser step."""

    def save(self, folder: Path) -> None:
        """An ordinary MAE folder, decoder included."""
        self.model.to(torch.float16).save_pretrained(folder)
