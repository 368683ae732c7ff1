"""Reads yes or no out of a free-text answer: strictly, and as the GVTBench release did."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from gvt.scoring.steps import RELEASE, STRICT, tell

# A hedge names both and decides nothing; "no idea" and its like do not answer the question.
_HEDGE = r"(?:yes\s*(?:/|,?\s*\b(?:and|or)\b)\s*no|no\s*(?:/|,?\s*\b(?:and|or)\b)\s*yes)\b"
_NO_ANSWER = r"no\s(?:idea|clue|answer|opinion|doubt|way\sto)\b"
_CLEAR = re.compile(
    rf"(?<![\w-])(?:(?P<unclear>{_HEDGE}|{_NO_ANSWER})|(?P<said>yes|no)(?![\w'\u2019]|-\w))"
)


@lru_cache(maxsize=1 << 14)
def parse(answer: str) -> Literal["yes", "no"] | None:
    """Return the first clear "yes" or "no" of `answer`, or None: the answer is then invalid.

    Only whole words count ("another", "snow", "I do not know" say nothing); "yes and no" and "no
    idea" are passed over.
    """
    text = re.sub(r"\s+", " ", answer.lower())
    return next((hit["said"] for hit in _CLEAR.finditer(text) if hit["said"]), None)


def accuracy(answer: str, gold: Literal["yes", "no"]) -> float:
    """Return 1.0 where the strict reading of `answer` is `gold`, else 0.0."""
    said = parse(answer)
    tell(STRICT, "read as", said or "neither yes nor no")
    tell(STRICT, "right", gold)
    return float(said == gold)


def legacy(answer: str, gold: Literal["yes", "no"]) -> float:
    """Return 1.0 where the GVTBench release calls `answer` right: `gold` is a substring of it.

    So "yes and no" is always right, and "I do not know" is right for "no".
    """
    right = gold in answer.lower()
    tell(RELEASE, f"'{gold}' is part of the text", "yes" if right else "no")
    return float(right)
