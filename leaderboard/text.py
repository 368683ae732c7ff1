"""Text that came from outside, made safe to show: no control characters, no direction overrides."""

from __future__ import annotations

import re
from collections.abc import Sequence

EN_DASH = "\u2013"  # between two numbers, and for a number that is not there
MINUS = "\u2212"
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str) -> str:
    """``text`` with the replacement character for whatever could move, hide or reorder text."""
    return _UNSHOWABLE.sub("\ufffd", text)


def join(names: Sequence[str], word: str = "and") -> str:
    """Names as a sentence lists them: a; a and b; a, b and c."""
    return f"{', '.join(names[:-1])} {word} {names[-1]}" if len(names) > 1 else "".join(names)


def shorten(text: str, most: int) -> str:
    """``text``, or its first ``most`` characters and how many more there are."""
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most:,} more characters)"
