"""Measures bfloat16 autocast against float32 side by side: encoder features and alignment steps.

Run on a quiet machine: ``.venv/bin/python -m benchmarks.speed.precision [--threads N]``. Prints one
line per kind of work with the median time of each precision and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from accelerate import Accelerator

from benchmarks.speed import toys
from gvt import catalog
from gvt.align.aligner import Aligner
from gvt.align.batches import batches
from gvt.align.trainer import new_connector
from gvt.align.visuals import KeptFeatures
from gvt.engine.features import Features
from gvt.model.language import LanguageModel
from tokenizers_zoo import Card, load_tokenizer

_ROUNDS = 9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    ratios = []
    print(f"threads: {torch.get_num_threads()}; median of {_ROUNDS} rounds, milliseconds")
    for name, work in (("encode 128 images", _encode()), ("alignment step, 32 images", _align())):
        times = {"no": [], "bf16": []}
        for _ in range(_ROUNDS + 1):
            # In turn, so that a change of the machine's speed meets both.
            for precision, found in times.items():
                start = time.perf_counter()
                work(precision)
                found.append(1000 * (time.perf_counter() - start))
        full, half = (statistics.median(found[1:]) for found in times.values())
        ratios.append([name, round(full / half, 2)])
        print(f"{name:<28} float32 {full:7.1f}   bfloat16 {half:7.1f}   ratio {full / half:.2f}")
    toys.save("precision", {"ratios": ratios})


def _encode() -> Callable[[str], None]:
    tokenizer = load_tokenizer(Card.load(catalog.tokenizers()["mini-random"]))
    images = torch.randn(128, 3, 72, 72)

    def work(precision: str) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            tokenizer.encode(images)

    return work


def _align() -> Callable[[str], None]:
    recipe, llm = catalog.get_recipe("mini"), LanguageModel.load("mini-lm")
    values = np.random.default_rng(0).standard_normal((8000, 36, 144)).astype(np.float16)
    features = Features(values, (6, 6), 0, {})
    connector = new_connector(recipe, llm, features, 0)
    stage = replace(recipe.stages[-1], steps=1, warmup_steps=1)
    accelerator = Accelerator(cpu=True)
    (batch,) = next(
        batches(stage, 0, llm, KeptFeatures(features), connector.tokens, 0, accelerator)
    )

    def work(precision: str) -> None:
        model = Aligner(connector, llm, precision)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = model(batch.visual, batch.texts)
        loss.backward()

    return work


if __name__ == "__main__":
    main()
