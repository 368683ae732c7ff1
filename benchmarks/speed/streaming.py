"""Measures host memory and start of 1,000,000 captioned images in tars, read and trained on.

Run: ``.venv/bin/python -m benchmarks.speed.streaming``. A toy encoder, a linear connector and a toy
language model keep the training short; how it reads is that of every alignment.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from benchmarks.speed import toys

_PICTURES = 256  # different ones; what is measured does not depend on what they show
_PER_TAR = 10_000
_SIDE = 16
_MIB = 2**20
_ALLOWED = 200
_POINTS = 50  # at which memory is looked at
_BATCH = 200


def main() -> None:
    """Make the tars, read them in a process of its own, print and keep what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--only", choices=_MEASURED, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        _MEASURED[args.only](args.folder, args.images)
        return
    with tempfile.TemporaryDirectory() as name:
        make_tars(Path(name, "tars"), args.images)
        command = [sys.executable, "-m", "benchmarks.speed.streaming", "--folder", name]
        for only in _MEASURED:  # each in a process of its own, whose memory is that of nothing else
            environment = os.environ | {"GVT_CACHE": str(Path(name, "cache"))}
            options = ["--only", only, "--images", str(args.images)]
            subprocess.run([*command, *options], check=True, env=environment)


def make_tars(folder: Path, images: int) -> None:
    """Tars of tiny JPEGs with a caption beside each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    pictures = [_jpeg(rng) for _ in range(_PICTURES)]
    for first in range(0, images, _PER_TAR):
        with tarfile.open(folder / f"{first // _PER_TAR:05}.tar", "w") as tar:
            for number in range(first, min(images, first + _PER_TAR)):
                _add(tar, f"{number:08}.jpg", pictures[number % _PICTURES])
                _add(tar, f"{number:08}.txt", f"image number {number}".encode())


def _jpeg(rng: np.random.Generator) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)).save(file, "JPEG")
    return file.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _read(folder: Path, images: int) -> None:
    from gvt.align.data import source
    from gvt.data.training_files import TrainingFiles

    start = time.monotonic()
    data = source(TrainingFiles("webdataset", str(folder / "tars")))
    data.hash  # noqa: B018 - a run's first step: it is the connector's key
    rows = data.stream(seed=0)
    next(rows).image()
    started = time.monotonic() - start
    resident = []
    for number in range(1, images):
        next(rows).image()
        if number % (images // _POINTS) == 0:
            resident.append(_resident())
    _tell("read", "first image", images, started, time.monotonic() - start, resident)


def _align(folder: Path, images: int) -> None:
    import torch
    from accelerate import Accelerator

    from gvt.align.connectors import align
    from gvt.align.data import source
    from gvt.config import Connector, Recipe, Stage
    from gvt.data.training_files import TrainingFiles
    from gvt.engine.combined import CombinedStore
    from gvt.model.language import LanguageModel
    from gvt.progress import Counter
    from gvt.resolve import resolve_all

    steps = images // _BATCH
    start = time.monotonic()
    first: list[float] = []
    resident: list[int] = []

    class Watch(Counter):
        """Notes the first step, and the memory from time to time."""

        def advance(self, done: int) -> None:
            super().advance(done)
            first.append(time.monotonic() - start) if not first else None
            if self.computed % max(1, steps // _POINTS) == 0:
                resident.append(_resident())

    files = TrainingFiles("webdataset", str(folder / "tars"))
    stage = Stage(name="captions", data=files, steps=steps, batch_size=_BATCH, lr=1e-3)
    recipe = Recipe(name="stream", stages=(stage,), connector=Connector(type="linear"))
    _toy(folder / "toy")
    card = resolve_all({"toy": "toy"}, [folder / "toy"])["toy"]
    store = CombinedStore(card, torch.device("cpu"), "no")
    features = {files: store.join([one.get(source(files).images) for one in store.stores])}
    llm = LanguageModel.load(str(folder / "toy" / "llm"))
    align(store, features, recipe, llm, 0, Accelerator(cpu=True), Watch())
    _tell("aligned", "first step", images, first[0], time.monotonic() - start, resident)


def _toy(folder: Path) -> None:
    """The card of a random ViT, and a random language model, that take next to no time."""
    from transformers import LlamaConfig, LlamaForCausalLM, ViTConfig, ViTModel

    from gvt.mini.tokenizer import build_tokenizer

    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTConfig(**size, intermediate_size=32, image_size=_SIDE, patch_size=8)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder / "weights")
    tokenizer = build_tokenizer(["describe", "the", "image", "number"])
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    LlamaForCausalLM(text).save_pretrained(folder / "llm")
    tokenizer.save_pretrained(folder / "llm")
    card = {
        "name": "toy",
        "title": "Toy",
        "description": "A random toy.",
        "family": "vit",
        "checkpoint": "local:weights",
        "parameters": 1,
        "licence": "Apache-2.0",
        "source": "benchmarks/speed/streaming.py",
        "architecture": {"width": 16, "depth": 1, "patch": 8, "native": _SIDE},
        "image": {"size": _SIDE, "mean": [0.5] * 3, "std": [0.5] * 3, "resize": "stretch"},
        "features": {"layer": -1, "final_norm": True, "drop": ["cls"]},
    }
    card["image"]["interpolation"] = "bicubic"
    (folder / "toy.yaml").write_text(yaml.safe_dump(card))


def _tell(
    name: str, what: str, images: int, started: float, seconds: float, resident: list[int]
) -> None:
    # The first point comes when buffers are full and what decoding needs is loaded.
    grown = (max(resident) - resident[0]) / _MIB
    print(
        f"{name} {images:,} rows: {what} after {started:.2f} s, {images / seconds:,.0f} rows/s,"
        f" {resident[0] / _MIB:.0f} MiB, at most {grown:.1f} MiB more"
        f" ({_ALLOWED} allowed)"
    )
    figures = {
        "rows": images,
        "start_s": round(started, 2),
        "rows_per_second": round(images / seconds),
        "resident_mib": round(resident[0] / _MIB),
        "grown_mib": round(grown, 1),
    }
    toys.save(f"streaming, {name}", figures)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


_MEASURED = {"read": _read, "align": _align}

if __name__ == "__main__":
    main()
