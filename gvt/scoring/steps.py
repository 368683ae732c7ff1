"""What a rule does on its way to a score, told as it does it to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

STRICT = "strict rule"
RELEASE = "GVTBench release"

_heard: ContextVar[list[Step] | None] = ContextVar("heard", default=None)


@dataclass(frozen=True)
class Step:
    """One thing that one rule found; a task may score by several rules at once."""

    rule: str
    what: str
    value: Any


def tell(rule: str, what: str, value: Any | Callable[[], Any]) -> None:
    """Say what ``rule`` found; a function is only called if anybody listens."""
    heard = _heard.get()
    if heard is not None:
        heard.append(Step(rule, what, value() if callable(value) else value))


def listen(function: Callable[..., Any], *args: Any) -> tuple[Any, list[Step]]:
    """Return what ``function`` returns, and the steps that it and all it calls told."""
    heard: list[Step] = []
    token = _heard.set(heard)
    try:
        return function(*args), heard
    finally:
        _heard.reset(token)
