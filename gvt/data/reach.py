"""How many rows of a task a run reaches: images behind the limit are neither needed nor read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# lm-eval builds a task's data set without telling it the limit.
_LIMIT: ContextVar[int | float | None] = ContextVar("limit", default=None)


def limited(limit: int | float | None, total: int) -> int:
    """How many of ``total`` rows a limit leaves: all, a number, or a fraction below 1."""
    if limit is None:
        return total
    # A fraction is rounded up, as lm-eval does.
    return min(total, int(limit) if limit >= 1 else math.ceil(limit * total))


@contextmanager
def reaching(limit: int | float | None) -> Iterator[None]:
    """Data sets built in this block look only at the images of the rows that ``limit`` leaves.

    0 looks at none: all texts and answers are there, every ``image_sha256`` is empty.
    """
    token = _LIMIT.set(limit)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def in_reach(total: int) -> int:
    """How many of ``total`` rows need their images here."""
    return limited(_LIMIT.get(), total)
