"""Measures our engine against lm-eval's hf-multimodal: one random LLaVA, same prompts and answers.

Run on a quiet machine: ``.venv/bin/python benchmarks/speed/engine.py [--size small]``. Prints a
table of samples per second and the ratio to ours, all measured in one run.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from lm_eval.api.instance import Instance
from PIL import Image

from gvt.data.images import FileImages
from gvt.engine.features import FeatureStore
from gvt.engine.journal import Journal
from gvt.engine.lm import Cell, ImageLM
from gvt.engine.readers import LlavaReader
from gvt.files import sha256
from gvt.mini.tokenizer import build_tokenizer
from gvt.model.llava import Llava

SIZES = {
    "tiny": {"vision": (4, 128, 4, 112, 14), "text": (4, 128, 4)},
    "small": {"vision": (12, 384, 6, 224, 16), "text": (8, 384, 6)},
}
IMAGES, NEW_TOKENS = 50, 16
_ASKED = (
    "Question: What color is the ring? Answer:",
    "Question: Is the ring left of the star? Answer:",
    "Question: What shape is the red object? Answer:",
    "How many rings are there in the image?",
    "How many stars are there in the image?",
    "Describe the image.",
)
_BATCHES = (8, 32, 100)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="tiny")
    parser.add_argument("--questions", type=int, default=len(_ASKED), help="requests an image")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GVT_CACHE"] = f"{folder}/cache"
        model = save_llava(Path(folder) / "llava", **SIZES[args.size])
        paths = save_images(Path(folder))
        compare(model, paths, args.questions, args.rounds, Path(folder))


def compare(model: Path, paths: list[str], questions: int, rounds: int, folder: Path) -> None:
    """Both in turn, ``rounds`` times: a change of the machine's speed meets both."""
    asked = [_ASKED[i % len(_ASKED)] + " yes" * (i // len(_ASKED)) for i in range(questions)]
    total = len(paths) * questions
    theirs = stock(model)
    times: dict[str, list[float]] = {}
    answers: dict[str, list[str]] = {}
    for number in range(rounds):
        work = {"gvt": lambda n=number: ours(model, paths, asked, folder / str(n))}
        for size in _BATCHES:
            work[f"hf-multimodal, batch {size}"] = lambda s=size: theirs(paths, asked, s)
        for name, run in work.items():
            gc.collect()
            start = time.perf_counter()
            answers[name] = run()
            times.setdefault(name, []).append(time.perf_counter() - start)
    base = statistics.median(times["gvt"])
    print(f"{total} requests, {len(paths)} images, {torch.get_num_threads()} threads")
    for name, found in times.items():
        middle = statistics.median(found)
        same = sum(a == b for a, b in zip(answers[name], answers["gvt"], strict=True))
        print(
            f"{name:28} {total / middle:8.1f} samples/s  {middle / base:5.2f}x our time"
            f"  {same}/{total} answers equal"
        )


def ours(model: Path, paths: list[str], asked: list[str], folder: Path) -> list[str]:
    """Everything from the image files on, into an empty cache; loading the model not counted."""
    os.environ["GVT_CACHE"] = str(folder)
    llava = _loaded(model)
    images = FileImages(paths, [sha256(path) for path in paths])
    tower = llava.tower
    store = FeatureStore(tower.card, llava.device, llava.precision, lambda: tower)
    features = store.get(images)
    place = {name: index for index, name in enumerate(images.hashes)}
    reader = LlavaReader(llava, features, place)
    visuals = [
        {"path": path, "sha256": name}
        for path, name in zip(images.paths, images.hashes, strict=True)
    ]
    lm = ImageLM(reader, Cell("llava", 0, "speed"), Journal(folder))
    return lm.generate_until(_requests(visuals, asked))


_MODELS: dict[Path, Llava] = {}


def _loaded(model: Path) -> Llava:
    if model not in _MODELS:
        llava = Llava(str(model))
        _ = llava.llm, llava.tower
        _MODELS[model] = llava
    return _MODELS[model]


def stock(model: Path):
    """lm-eval's own model, loaded once; a function of paths, prompts and batch size."""
    from lm_eval.models.hf_vlms import HFMultimodalLM

    lm = HFMultimodalLM(str(model), device="cpu", dtype="float32", batch_size=8)

    def run(paths: list[str], asked: list[str], batch_size: int) -> list[str]:
        lm.batch_size_per_gpu = batch_size
        opened = [Image.open(path).convert("RGB") for path in paths]
        found = lm.generate_until(_requests(opened, asked), disable_tqdm=True)
        return [text.strip() for text in found]

    return run


def _requests(visuals: list, asked: list[str]) -> list[Instance]:
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


def save_images(folder: Path) -> list[str]:
    """IMAGES photographs' size of noise."""
    paths = []
    for number in range(IMAGES):
        noise = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
        paths.append(str(folder / f"{number}.jpg"))
        Image.fromarray(noise).resize((640, 480)).save(paths[-1])
    return paths


if __name__ == "__main__":
    main()
