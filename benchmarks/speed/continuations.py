"""Measures what ten scored continuations behind one image cost against one.

Run on a quiet machine: ``.venv/bin/python -m benchmarks.speed.continuations``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

from lm_eval.api.instance import Instance

from benchmarks.speed import toys

_COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "pink", "small", "large")


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=toys.SIZES, default="small")
    parser.add_argument("--rounds", type=int, default=5, help="medians of so many")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["GVT_CACHE"] = str(folder / "cache")
        llava = toys.load(toys.save_llava(folder / "llava", **toys.SIZES[args.size]))
        found = toys.references(toys.save_images(folder))
        times: dict[int, list[float]] = {1: [], 10: []}
        for number in range(args.rounds):
            for count, spent in times.items():
                # From the image files on: that is what a user waits for.
                start = time.perf_counter()
                lm = toys.our_model(llava, found, folder / f"{number}-{count}")
                lm.loglikelihood(_requests(found, count))
                spent.append(time.perf_counter() - start)
    one, ten = (statistics.median(spent) for spent in times.values())
    print(f"{len(found)} images: 1 continuation {one:.2f} s, 10 {ten:.2f} s, ratio {ten / one:.2f}")
    toys.save(f"continuations, {args.size}", {"ten_over_one": round(ten / one, 2)})


def _requests(found: list[dict[str, str]], count: int) -> list[Instance]:
    return [
        Instance(
            request_type="loglikelihood",
            doc={},
            arguments=(
                "Question: What color is the ring? Answer:",
                f" {_COLOURS[place]}",
                {"visual": [reference]},
            ),
            idx=place,
            metadata=("speed", number, 1),
        )
        for number, reference in enumerate(found)
        for place in range(count)
    ]


if __name__ == "__main__":
    main()
