"""Reads the chosen option out of an answer, and counts pairs whose two questions are both right.

Source: Tong et al. 2024 (MMVP): a pair is right only if the model answers both of its images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from gvt.scoring.steps import tell

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
    named, how = _named(" ".join(answer.lower().split()), options)
    found = named.pop() if len(named) == 1 else None
    tell("choice", f"option named {how}", found or ("both" if named else "none"))
    return found


def _named(text: str, options: Sequence[str]) -> tuple[set[str], str]:
    """The letters that a text names, and in which way."""
    marked = set(_MARKED.findall(text))
    if marked:
        return marked, "in brackets"
    leading = _LEADING.match(text)
    if leading:
        return {leading["letter"]}, "by its letter first"
    said = text.strip(" .,!\"'")
    pairs = zip("ab", options, strict=True)
    return {letter for letter, option in pairs if said == option.lower()}, "by its text alone"


def pair_scores(items: Sequence[PairItem]) -> list[float]:
    """Return for each question 1.0 if every question of its pair is there and right, else 0.0."""
    right: dict[str, list[float]] = {}
    for pair, one in items:
        right.setdefault(pair, []).append(one)
    return [float(len(right[pair]) == 2 and all(right[pair])) for pair, _ in items]
