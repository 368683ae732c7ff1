"""What this machine computes in: the precision of autocast on its CPU or GPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from gvt.errors import UserError

DTYPES = {"no": "float32", "bf16": "bfloat16 autocast", "fp16": "float16 autocast"}
"""How a run's record calls each precision."""


def mixed_precision(cpu: bool) -> str:
    """``bf16`` where the hardware has bfloat16 matrix instructions, else ``no`` (float32).

    On a CPU without avx512_bf16 or AMX, bfloat16 is emulated and slower than float32.
    """
    if not cpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    return "bf16" if torch.backends.mkldnn.is_available() and _cpu_has_bf16() else "no"


def on_cpu(device: str | None) -> bool:
    """Whether a run asked for ``device`` computes on the CPU: told to, or for want of a GPU."""
    return device == "cpu" or not torch.cuda.is_available()


def choose_precision(wanted: str, cpu: bool) -> str:
    """``wanted``, or where that is ``auto`` what suits the hardware.

    Raises:
        UserError: float16, which needs a GPU.
    """
    if wanted == "fp16" and cpu:
        raise UserError("--precision fp16 needs a GPU", "A CPU takes 'no' or 'bf16'.")
    return mixed_precision(cpu) if wanted == "auto" else wanted


def _cpu_has_bf16() -> bool:
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, flag, lambda: False)() for flag in flags)


def use_all_cores(processes: int) -> None:
    """Give this process its share of the cores, unless OMP_NUM_THREADS asks for something else."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))


@contextmanager
def peak_memory(device: torch.device) -> Iterator[Callable[[], int | None]]:
    """Yields a function that says how many bytes were held at most since: on ``device`` if it is a
    GPU, else by this process in main memory. None where the system does not tell.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield lambda: torch.cuda.max_memory_allocated(device)
        return
    try:
        Path("/proc/self/clear_refs").write_text("5")  # starts the high-water mark anew
    except OSError:
        yield lambda: None
        return
    yield _high_water


def _high_water() -> int | None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def describe(precision: str, processes: int) -> dict[str, object]:
    """The machine, for the record of a run."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count() or 1,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "dtype": DTYPES[precision],
    }
