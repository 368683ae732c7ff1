"""Reads the chosen option out of an answer, and counts pairs whose two questions are both right.

Source: Tong et al. 2024 (MMVP): a pair is right only if the model answers both of its images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

PairItem = tuple[str, float]  # the pair, and 1.0 if this one of its questions is right

_MARKED = re.compile(r"\(([ab])\)")
_LEADING = re.compile(
    r"(?:the\s+)?(?:correct\s+)?(?:answer|option)?(?:\s+is)?\s*:?\s*(?P<letter>[ab])(?:[).:,]|$)"
)


def choice(answer: str, options: Sequence[str]) -> Literal["a", "b"] | None:
    """Return the option that an answer names, or None: the answer is then invalid.

    An option is named by its letter in brackets anywhere ("(b)"), by its letter first ("B", "b)
    closed", "the answer is b.") or by its text alone ("Closed."). Both letters are none.
    """
    text = " ".join(answer.lower().split())
    marked = set(_MARKED.findall(text))
    if marked:
        return marked.pop() if len(marked) == 1 else None
    leading = _LEADING.match(text)
    if leading:
        return leading["letter"]
    said = text.strip(" .,!\"'")
    named = [letter for letter, option in zip("ab", options, strict=True) if said == option.lower()]
    return named[0] if len(named) == 1 else None


def pair_scores(items: Sequence[PairItem]) -> list[float]:
    """Return for each question 1.0 if every question of its pair is there and right, else 0.0."""
    right: dict[str, list[float]] = {}
    for pair, one in items:
        right.setdefault(pair, []).append(one)
    return [float(len(right[pair]) == 2 and all(right[pair])) for pair, _ in items]
