"""What the speed scripts share: a random LLaVA, images, requests, our engine over them, a file."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from pathlib import Path

import numpy as np
import torch
from lm_eval.api.instance import Instance
from PIL import Image

from gvt.data.images import FileImages
from gvt.engine.journal import Journal
from gvt.engine.lm import ImageLM
from gvt.engine.readers import LlavaReader, tower_store
from gvt.engine.replay import Cell
from gvt.files import sha256
from gvt.mini.tokenizer import build_tokenizer
from gvt.model.llava import Llava

SIZES = {
    "tiny": {"vision": (4, 128, 4, 112, 14), "text": (4, 128, 4)},
    "small": {"vision": (12, 384, 6, 224, 16), "text": (8, 384, 6)},
}
IMAGES, NEW_TOKENS = 50, 16
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "speed.json"
_ASKED = (
    "Question: What color is the ring? Answer:",
    "Question: Is the ring left of the star? Answer:",
    "Question: What shape is the red object? Answer:",
    "How many rings are there in the image?",
    "How many stars are there in the image?",
    "Describe the image.",
)


def questions(count: int) -> list[str]:
    """``count`` different prompts: three for VQA, two for counting, a caption, and again."""
    return [_ASKED[i % len(_ASKED)] + " yes" * (i // len(_ASKED)) for i in range(count)]


def save(name: str, figures: dict) -> None:
    """Keep the figures of one script in docs/speed.json, with the machine they come from."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    machine = {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
    known[name] = {**figures, "on": machine, "date": date.today().isoformat()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def requests(visuals: list, asked: list[str]) -> list[Instance]:
    """Every prompt about every image, greedy, NEW_TOKENS long."""
    options = {"until": [], "max_gen_toks": NEW_TOKENS, "do_sample": False}
    return [
        Instance(
            request_type="generate_until",
            doc={},
            arguments=(f"<image>\n{prompt}", options, {"visual": [visual]}),
            idx=0,
            metadata=("speed", number * len(asked) + place, 1),
        )
        for number, visual in enumerate(visuals)
        for place, prompt in enumerate(asked)
    ]


def references(paths: list[str]) -> list[dict[str, str]]:
    """What our tasks hand over for images."""
    return [{"path": path, "sha256": sha256(path)} for path in paths]


def our_model(llava: Llava, found: list[dict[str, str]], folder: Path) -> ImageLM:
    """Our engine over these images, with an empty cache and journal in ``folder``."""
    os.environ["GVT_CACHE"] = str(folder)
    images = FileImages([one["path"] for one in found], [one["sha256"] for one in found])
    place = {name: index for index, name in enumerate(images.hashes)}
    reader = LlavaReader(llava, tower_store(llava).get(images), place)
    return ImageLM(reader, Cell("llava", 0, "speed"), Journal(folder))


def load(model: Path) -> Llava:
    """Our LLaVA with all its parts in memory."""
    llava = Llava(str(model))
    _ = llava.llm, llava.tower
    return llava


def save_llava(
    folder: Path, vision: tuple[int, int, int, int, int], text: tuple[int, int, int]
) -> Path:
    """A random LLaVA of the given (layers, width, heads[, image, patch]) in the hub's layout."""
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = build_tokenizer([])
    layers, width, heads, side, patch = vision
    deep, wide, many = text
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            image_size=side,
            patch_size=patch,
        ),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=wide,
            intermediate_size=4 * wide,
            num_hidden_layers=deep,
            num_attention_heads=many,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    for weight in model.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size=side),
        tokenizer,
        patch_size=patch,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


def save_images(folder: Path, count: int = IMAGES) -> list[str]:
    """``count`` JPEG files of noise, as large as photographs."""
    paths = []
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        paths.append(str(folder / f"{number}.jpg"))
        Image.fromarray(noise).resize((640, 480)).save(paths[-1])
    return paths
