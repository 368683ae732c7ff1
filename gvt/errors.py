"""Mistakes of the user, told in one line with a way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can put right. The command line prints it and exits with code 2.

    message: one line, what was asked and what is wrong with it.
    hint: what to do instead, or None.
    """

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


def unknown_name(kind: str, asked: str, valid: Iterable[str], list_command: str) -> UserError:
    """Return the error for a name that does not exist: the nearest names and how to list all.

    Args:
        kind: what was asked for, e.g. "task".
        list_command: the command that lists the valid names, e.g. "gvt ls tasks".
    """
    close = nearest(asked, valid)
    guess = f"Nearest: {', '.join(close)}. " if close else ""
    return UserError(f"unknown {kind} '{asked}'", f"{guess}'{list_command}' lists all.")


def nearest(asked: str, valid: Iterable[str]) -> list[str]:
    """Return up to three of the valid names, the most similar first; names holding it count too."""
    names = list(valid)
    close = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    # "clip" is far from "siglip2-so400m" by edit distance, but is what the user meant.
    within = [name for name in names if asked and asked.lower() in name.lower()]
    return list(dict.fromkeys(close + within))[:3]
