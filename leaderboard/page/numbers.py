"""Numbers for the page's scripts, as short as their use allows."""

from __future__ import annotations

import math


def compact(value: float) -> float | None:
    """Six significant digits, more than the page ever shows; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.6g}")
