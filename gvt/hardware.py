"""What this machine computes in: the precision of autocast on its CPU or GPU."""

from __future__ import annotations

import os
import platform

import torch


def mixed_precision(cpu: bool) -> str:
    """``bf16`` where the hardware has bfloat16 matrix instructions, else ``no`` (float32).

    On a CPU without avx512_bf16 or AMX, bfloat16 is emulated and slower than float32.
    """
    if not cpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if torch.backends.mkldnn.is_available() and _cpu_has_bf16() else "no"


def _cpu_has_bf16() -> bool:
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, flag, lambda: False)() for flag in flags)


def use_all_cores(processes: int) -> None:
    """Give this process its share of the cores, unless OMP_NUM_THREADS asks for something else."""
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // processes))


def describe(precision: str, processes: int) -> dict[str, object]:
    """The machine, for the record of a run."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count() or 1,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "dtype": {"bf16": "bfloat16 autocast", "fp16": "float16 autocast"}.get(
            precision, "float32"
        ),
    }
