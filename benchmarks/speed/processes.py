"""Measures one process against two, one thread each: whole runs of a published-style model.

Run on a quiet machine of two cores: ``.venv/bin/python -m benchmarks.speed.processes``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.speed import toys

_TASKS = "mini_vqa,mini_oc,mini_mci"


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=toys.SIZES, default="small")
    parser.add_argument("--limit", type=int, default=300, help="samples a task")
    parser.add_argument("--rounds", type=int, default=3, help="medians of so many")
    args = parser.parse_args()
    times: dict[int, list[float]] = {1: [], 2: []}
    samples = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = toys.save_llava(folder / "llava", **toys.SIZES[args.size])
        for number in range(args.rounds):
            for count, spent in times.items():
                run = folder / f"run-{number}-{count}"
                spent.append(_seconds(model, run, count, args.limit))
                paths = sorted(run.glob("samples/**/*.jsonl"))
                # Paths of images differ with the cache; nothing else may.
                text = "".join(path.read_text() for path in paths)
                samples[count] = text.replace(str(run), "")
    one, two = (statistics.median(spent) for spent in times.values())
    same = samples[1] == samples[2]
    print(
        f"features and answers: 1 process {one:.1f} s, 2 processes {two:.1f} s, "
        f"{one / two:.2f} times as fast; samples identical: {same}"
    )
    toys.save("processes", {"two_over_one": round(one / two, 2), "samples_identical": same})


def _seconds(model: Path, run: Path, processes: int, limit: int) -> float:
    """Seconds of the stages of one run, into an empty cache; imports and drawing not counted."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc_per_node", str(processes), "-m", "gvt", "run", "--model", str(model)]
    command += ["--tasks", _TASKS, "--limit", str(limit), "--output_path", str(run)]
    settings = {"OMP_NUM_THREADS": "1", "GVT_CACHE": f"{run}/cache"}
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **settings})
    stages = json.loads((run / "run.json").read_text())["stages"]
    return sum(stage["seconds"] for stage in stages)


if __name__ == "__main__":
    main()
