"""What this machine computes in: the precision of autocast on its CPU or GPU."""

from __future__ import annotations

import torch


def mixed_precision() -> str:
    """``bf16`` where the hardware has bfloat16 matrix instructions, else ``no`` (float32).

    On a CPU without avx512_bf16 or AMX, bfloat16 is emulated and slower than float32.
    """
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if torch.backends.mkldnn.is_available() and _cpu_has_bf16() else "no"


def _cpu_has_bf16() -> bool:
    flags = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, flag, lambda: False)() for flag in flags)
