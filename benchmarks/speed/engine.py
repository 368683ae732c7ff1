"""Measures our engine against lm-eval's hf-multimodal and against the floor of any engine.

One random LLaVA, the same images, prompts and answers, all in one run. The floor is the time of the
forwards that cannot be avoided: every image encoded once, every prefix prefilled once, every suffix
and new token once, in one batch each, on ready tensors.

Run on a quiet machine: ``.venv/bin/python -m benchmarks.speed.engine [--size small]``. lmms-eval
0.7.3 takes part where it is installed (``pip install --no-deps lmms-eval==0.7.3 decord loguru``).
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.speed import toys
from benchmarks.speed.rivals import rivals
from gvt.data.images import read
from gvt.engine.branches import Branches
from gvt.engine.rows import Prefilled
from gvt.model.llava import Llava

_BATCHES = (8, 32, 100)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=toys.SIZES, default="tiny")
    parser.add_argument("--questions", type=int, default=6, help="requests an image")
    parser.add_argument("--images", type=int, default=toys.IMAGES)
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many")
    args = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["GVT_CACHE"] = str(folder / "cache")
        model = toys.save_llava(folder / "llava", **toys.SIZES[args.size])
        found = compare(
            model, toys.save_images(folder, args.images), args.questions, args.rounds, folder
        )
    toys.save(f"engine, {args.size}, {args.questions} requests an image", found)


def compare(model: Path, paths: list[str], questions: int, rounds: int, folder: Path) -> dict:
    """All in turn, ``rounds`` times: a change of the machine's speed meets all of them."""
    asked = toys.questions(questions)
    total = len(paths) * questions
    llava, others = toys.load(model), rivals(model, _BATCHES)
    floor = unavoidable(llava, paths, asked)

    def ours(number: int) -> list[str]:
        found = toys.references(paths)
        lm = toys.our_model(llava, found, folder / str(number))
        return lm.generate_until(toys.requests(found, asked))

    times: dict[str, list[float]] = {}
    answers: dict[str, list[str]] = {}
    for number in range(rounds):
        work: dict[str, Callable] = {"gvt": lambda n=number: ours(n), "floor": floor}
        for name, rival in others.items():
            work[name] = lambda rival=rival: rival(paths, asked)
        for name, run in work.items():
            gc.collect()
            start = time.perf_counter()
            answers[name] = run()
            times.setdefault(name, []).append(time.perf_counter() - start)
    middle = {name: statistics.median(found) for name, found in times.items()}
    print(f"{total} requests, {len(paths)} images, {torch.get_num_threads()} threads")
    equal_answers = {}
    for name, seconds in middle.items():
        equal = ""
        if name != "floor":
            same = sum(a == b for a, b in zip(answers[name], answers["gvt"], strict=True))
            equal = f"  {same}/{total} answers equal"
            equal_answers[name] = same
        ratio = seconds / middle["gvt"]
        print(f"{name:30} {total / seconds:8.1f} samples/s  {ratio:5.2f}x our time{equal}")
    best = min(middle[f"hf-multimodal, batch {size}"] for size in _BATCHES)
    lmms = middle.get("lmms-eval llava_hf")
    return {
        "requests": total,
        "answers_equal": equal_answers,
        "times_lmms_eval": round(lmms / middle["gvt"], 2) if lmms else None,
        "samples_per_second": {name: round(total / s, 1) for name, s in middle.items()},
        "times_hf_multimodal": round(best / middle["gvt"], 2),
        "times_floor": round(middle["gvt"] / middle["floor"], 2),
    }


def unavoidable(llava: Llava, paths: list[str], asked: list[str]) -> Callable[[], None]:
    """A function of the forwards that no engine can avoid, everything else made before."""
    tower, llm = llava.tower, llava.llm
    pixels = torch.cat([tower.preprocess([read(path)]) for path in paths])
    before, _ = llava.split(asked[0])
    suffixes = [llava.split(prompt)[1] for prompt in asked]
    shared = next(i for i, ids in enumerate(zip(*suffixes, strict=False)) if len(set(ids)) > 1)
    owners = [number for number in range(len(paths)) for _ in asked]
    rest = [suffix[shared:] for _ in paths for suffix in suffixes]
    head, tail = llm.embed_ids(before), llm.embed_ids(suffixes[0][:shared])
    everyone = torch.arange(len(owners))

    def run() -> None:
        visual = llava.project(tower.encode(pixels).features)
        room = len(asked) * (max(map(len, rest)) + toys.NEW_TOKENS)
        prefilled = Prefilled(llm, [torch.cat([head, one, tail]) for one in visual], room)
        texts = Branches(prefilled, owners)
        texts.append(everyone, [ids[:-1] for ids in rest])
        tokens = torch.tensor([ids[-1] for ids in rest])
        for _ in range(toys.NEW_TOKENS):
            tokens = texts.step(everyone, tokens).argmax(-1)

    return run


if __name__ == "__main__":
    main()
