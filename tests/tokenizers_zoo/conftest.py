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
IDS = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
DECODER = {
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
}


def _model(kind: str) -> transformers.PreTrainedModel:
    """A toy of the class that the hub's checkpoint holds, heads and towers included."""
    t = transformers
    makers = {
        "deit": lambda: t.DeiTModel(t.DeiTConfig(**VISION)),
        "deit-head": lambda: t.DeiTForImageClassification(t.DeiTConfig(**VISION)),
        "clip": lambda: t.CLIPModel(t.CLIPConfig(text_config=TEXT, vision_config=VISION)),
        "clip-vision": lambda: t.CLIPVisionModel(t.CLIPVisionConfig(**VISION)),
        "mae": lambda: t.ViTMAEForPreTraining(t.ViTMAEConfig(**VISION, **DECODER)),
        "mae-bare": lambda: t.ViTMAEModel(t.ViTMAEConfig(**VISION)),
        "vit": lambda: t.ViTModel(t.ViTConfig(**VISION)),
        "vit-head": lambda: t.ViTForImageClassification(t.ViTConfig(**VISION)),
        "dinov2": lambda: t.Dinov2Model(t.Dinov2Config(**VISION)),
        "dinov2-giant": lambda: t.Dinov2Model(t.Dinov2Config(**VISION, use_swiglu_ffn=True)),
        "dinov2-reg": lambda: t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(**VISION)),
        "dinov3": lambda: t.DINOv3ViTModel(t.DINOv3ViTConfig(**VISION, num_register_tokens=4)),
        "siglip": lambda: t.SiglipModel(
            t.SiglipConfig(text_config=TEXT | IDS, vision_config=VISION)
        ),
        # 14 = 3 · 4 + 2: a border that is never seen, as in SigLIP so400m at 384 pixels.
        "siglip-border": lambda: t.SiglipVisionModel(
            t.SiglipVisionConfig(**VISION | {"image_size": 14})
        ),
        "beit-pt": lambda: t.BeitForMaskedImageModeling(
            t.BeitConfig(**VISION, use_mask_token=True, use_shared_relative_position_bias=True)
        ),
        "beit-ft": lambda: t.BeitForImageClassification(
            t.BeitConfig(**VISION, use_relative_position_bias=True)
        ),
        "data2vec": lambda: t.Data2VecVisionModel(
            t.Data2VecVisionConfig(
                **VISION, use_shared_relative_position_bias=True, use_mean_pooling=False
            )
        ),
        "owlvit": lambda: t.OwlViTForObjectDetection(
            t.OwlViTConfig(text_config=TEXT, vision_config=VISION, projection_dim=16)
        ),
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
