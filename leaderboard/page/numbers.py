"""Numbers as short as their use allows: for the page's scripts and for its readers."""

from __future__ import annotations

import math


def compact(value: float) -> float | None:
    """Six significant digits, more than the page ever shows; None for NaN."""
    return None if math.isnan(value) else float(f"{value:.6g}")


def three_digits(value: float) -> str:
    """Three significant digits for reading, never with an exponent from 0.0001 on: 0.25, 12,300."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"
