"""Measures the memory of a long evaluation: 2,000 images, 25 questions each, every image once.

Run: ``.venv/bin/python -m benchmarks.speed.memory``.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
from pathlib import Path

import torch

from benchmarks.speed import toys
from gvt.data import images as images_module
from gvt.hardware import peak_memory


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--questions", type=int, default=25)
    args = parser.parse_args()
    decoded, lock, read = [], threading.Lock(), images_module.read

    def counted(path: str):
        with lock:
            decoded.append(path)
        return read(path)

    images_module.read = counted
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["GVT_CACHE"] = str(folder / "cache")
        llava = toys.load(toys.save_llava(folder / "llava", **toys.SIZES["tiny"]))
        found = toys.references(toys.save_images(folder, args.images))
        # Buffers that torch and PIL make once belong to the loaded program.
        toys.our_model(llava, found[:8], folder / "warm").generate_until(
            toys.requests(found[:8], toys.questions(args.questions))
        )
        decoded.clear()
        with peak_memory(torch.device("cpu")) as now:
            before = now()
        with peak_memory(torch.device("cpu")) as peak:
            lm = toys.our_model(llava, found, folder / "run")
            lm.generate_until(toys.requests(found, toys.questions(args.questions)))
            after = peak()
    grown = (after - before) / 2**20
    once = len(decoded) == len(set(decoded)) == args.images
    print(
        f"{args.images} images x {args.questions}: {before / 2**20:.0f} MiB before, "
        f"{grown:.0f} MiB more at most; every image decoded exactly once: {once}"
    )
    toys.save(
        "memory",
        {
            "images": args.images,
            "questions": args.questions,
            "grown_mib": round(grown),
            "every_image_decoded_once": once,
        },
    )


if __name__ == "__main__":
    main()
