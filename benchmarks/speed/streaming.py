"""Measures host memory and start of a stream of 1,000,000 captioned images in tars.

Run: ``.venv/bin/python -m benchmarks.speed.streaming``.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.speed import toys

_PICTURES = 256  # different ones; what is measured does not depend on what they show
_PER_TAR = 10_000
_SIDE = 16
_MIB = 2**20
_ALLOWED = 200


def main() -> None:
    """Make the tars, read them in a process of its own, print and keep what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--read", metavar="FOLDER", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        _read(args.read, args.images)
        return
    with tempfile.TemporaryDirectory() as name:
        make_tars(Path(name), args.images)
        command = [sys.executable, "-m", "benchmarks.speed.streaming", "--read", name]
        subprocess.run([*command, "--images", str(args.images)], check=True)


def make_tars(folder: Path, images: int) -> None:
    """Tars of tiny JPEGs with a caption beside each."""
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
    data = source(TrainingFiles("webdataset", str(folder)))
    data.hash  # noqa: B018 - a run's first step: it is the connector's key
    rows = data.stream(seed=0)
    next(rows).image()
    started = time.monotonic() - start
    resident = []
    for number in range(1, images):
        next(rows).image()
        if number % (images // 50) == 0:
            resident.append(_resident())
    seconds = time.monotonic() - start
    # The first fiftieth fills the buffer and loads what decoding needs.
    grown = (max(resident) - resident[0]) / _MIB
    print(
        f"{images:,} rows: first image after {started:.2f} s, {images / seconds:,.0f} rows/s,"
        f" {resident[0] / _MIB:.0f} MiB, at most {grown:.1f} MiB more"
        f" ({_ALLOWED} allowed)"
    )
    toys.save(
        "streaming",
        {
            "rows": images,
            "first_image_s": round(started, 2),
            "rows_per_second": round(images / seconds),
            "resident_mib": round(resident[0] / _MIB),
            "grown_mib": round(grown, 1),
        },
    )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
