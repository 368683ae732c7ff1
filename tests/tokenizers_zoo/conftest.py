"""Toy checkpoints and cards that the tests of the tokenizer zoo share."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
import yaml
from PIL import Image

from tokenizers_zoo import Card

torch.set_num_threads(1)

VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 12,
    "patch_size": 4,
}
TEXT = VISION | {"vocab_size": 30, "max_position_embeddings": 8}
DECODER = {
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
}


def _model(kind: str) -> transformers.PreTrainedModel:
    t = transformers
    makers = {
        "deit": lambda: t.DeiTModel(t.DeiTConfig(**VISION)),
        "deit-head": lambda: t.DeiTForImageClassification(t.DeiTConfig(**VISION)),
        "clip": lambda: t.CLIPModel(t.CLIPConfig(text_config=TEXT, vision_config=VISION)),
        "clip-vision": lambda: t.CLIPVisionModel(t.CLIPVisionConfig(**VISION)),
        "mae": lambda: t.ViTMAEForPreTraining(t.ViTMAEConfig(**VISION, **DECODER)),
        "mae-bare": lambda: t.ViTMAEModel(t.ViTMAEConfig(**VISION)),
        "vit": lambda: t.ViTModel(t.ViTConfig(**VISION)),
    }
    torch.manual_seed(3)
    model = makers[kind]().eval()
    # Fresh models are full of zeros and ones (norms, tokens, positions): a mix-up of two of them,
    # or a forgotten one, would not show.
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return model


@pytest.fixture
def checkpoint(tmp_path):
    """Save a toy checkpoint; checkpoint("clip") → (its folder, the model that was saved)."""

    def save(kind: str) -> tuple[Path, transformers.PreTrainedModel]:
        model = _model(kind)
        model.save_pretrained(tmp_path / kind)
        return tmp_path / kind, model

    return save


@pytest.fixture
def write_card(tmp_path):
    """Write a card file; keyword arguments replace or add top-level keys, None leaves one out."""

    def write(name: str = "toy", folder: Path = tmp_path, **changes) -> Path:
        keys = {
            "name": name,
            "title": "Toy",
            "description": "A toy.",
            "family": "vit",
            "checkpoint": "local:vit",
            "parameters": 1,
            "licence": "Apache-2.0",
            "source": "a test",
            "image": {
                "size": 12,
                "resize": "stretch",
                "interpolation": "bicubic",
                "mean": [0.5, 0.4, 0.3],
                "std": [0.5, 0.6, 0.7],
            },
            "features": {"layer": -1, "final_norm": True, "drop": ["cls"]},
        }
        keys |= changes
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.yaml"
        kept = {key: value for key, value in keys.items() if value is not None}
        path.write_text(yaml.safe_dump(kept, sort_keys=False))
        return path

    return write


@pytest.fixture
def make_card(write_card):
    """As `write_card`, but the card itself."""
    return lambda *args, **changes: Card.load(write_card(*args, **changes))


@pytest.fixture
def photo():
    """photo((width, height), "RGBA"): a noisy image of any mode."""

    def make(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
        noise = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
        image = Image.fromarray(noise, "RGBA")
        return image.convert(mode) if "A" in mode else image.convert("RGB").convert(mode)

    return make
