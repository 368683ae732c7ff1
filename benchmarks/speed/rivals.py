"""The harnesses that the engine is measured against: lm-eval's own model, and lmms-eval's."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks.speed import toys

Rival = Callable[[list[str], list[str]], list[str]]
"""Answers to prompts (second argument) about image files (first), image by image."""


def rivals(model: Path, batches: tuple[int, ...]) -> dict[str, Rival]:
    """All that are installed, each loaded once; lmms-eval takes part if it is there."""
    theirs = stock(model)
    found: dict[str, Rival] = {
        f"hf-multimodal, batch {size}": lambda paths, asked, size=size: theirs(paths, asked, size)
        for size in batches
    }
    found["hf-multimodal, batch 8, no gc"] = lambda paths, asked: without_gc(
        lambda: theirs(paths, asked, 8)
    )
    if importlib.util.find_spec("lmms_eval"):
        found["lmms-eval llava_hf"] = lmms(model)
    return found


def stock(model: Path) -> Callable[[list[str], list[str], int], list[str]]:
    """lm-eval's own model, loaded once; a function of paths, prompts and batch size."""
    from lm_eval.models.hf_vlms import HFMultimodalLM

    lm = HFMultimodalLM(str(model), device="cpu", dtype="float32", batch_size=8)

    def run(paths: list[str], asked: list[str], batch_size: int) -> list[str]:
        lm.batch_size_per_gpu = batch_size
        opened = [Image.open(path).convert("RGB") for path in paths]
        found = lm.generate_until(toys.requests(opened, asked), disable_tqdm=True)
        return [text.strip() for text in found]

    return run


def lmms(model: Path) -> Rival:
    """lmms-eval's LLaVA, batch 1, which is all it can."""
    from lmms_eval.api.instance import Instance
    from lmms_eval.models.simple.llava_hf import LlavaHf

    template = "{{ messages[0]['content'] }}"  # prompts as they are, like the others'
    lm = LlavaHf(
        str(model), device="cpu", dtype="float32", device_map="cpu", chat_template=template
    )

    def run(paths: list[str], asked: list[str]) -> list[str]:
        lm.task_dict = {"speed": {"test": dict(enumerate(paths))}}
        requests = [
            Instance(
                request_type="generate_until",
                arguments=(
                    f"<image>\n{prompt}",
                    {"max_new_tokens": toys.NEW_TOKENS},
                    lambda path: [Image.open(path).convert("RGB")],
                    number,
                    "speed",
                    "test",
                ),
                idx=0,
                metadata={"task": "speed", "doc_id": number, "repeats": 1},
            )
            for number in range(len(paths))
            for prompt in asked
        ]
        return [text.strip() for text in lm.generate_until(requests)]

    return run


def without_gc(run: Callable[[], list[str]]) -> list[str]:
    """lm-eval collects garbage after every batch; what that costs is no merit of ours."""
    collect, gc.collect = gc.collect, lambda *_: 0
    try:
        return run()
    finally:
        gc.collect = collect
