"""CLIP: images and captions told apart within a batch (Radford et al. 2021)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerBase

from tokenizers_zoo.objectives.augment import jiggle, jitter, normalise, unit
from tokenizers_zoo.objectives.mini_vit import ATTENTION, SIZE

_SHIFT, _JITTER = 4, 0.3
_TEXT = {
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "max_position_embeddings": 40,
}


class CLIP(nn.Module):
    """The symmetric contrastive loss of transformers' own CLIPModel."""

    name, batch_size, lr = "clip", 256, 1e-3

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        text = {
            **_TEXT,
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        config = CLIPConfig(
            text_config=text, vision_config=dict(SIZE), projection_dim=128, **ATTENTION
        )
        self.model = CLIPModel(config)

    def tokenize(self, captions: list[str]) -> dict[str, Tensor]:
        """Captions → int64[B, L] ids and mask, each caption closed by the end token."""
        ended = [caption + self.tokenizer.eos_token for caption in captions]
        return dict(
            self.tokenizer(
                ended,
                padding=True,
                # Few different lengths: a compiled model is compiled once for each.
                pad_to_multiple_of=8,
                truncation=True,
                max_length=_TEXT["max_position_embeddings"],
                return_tensors="pt",
            )
        )

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """``pixels`` uint8[B, H, W, 3] with ``input_ids`` and ``attention_mask`` int64[B, L].

        No flips: captions name left and right.
        """
        images = normalise(jitter(jiggle(unit(batch["pixels"]), _SHIFT, flip=False), _JITTER))
        return self.model(
            pixel_values=images,
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            return_loss=True,
        ).loss

    def after_step(self, progress: float) -> None:
        """Keep the logit scale at most 100, as the paper does."""
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=4.6052)

    def save(self, folder: Path) -> None:
        """An ordinary CLIP folder with its tokenizer."""
        self.model.to(torch.float16).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
