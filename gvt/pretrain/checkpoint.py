"""A training that was interrupted and goes on: all that its next step depends on, in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from gvt.errors import UserError


class Stateful(Protocol):
    """A module, an optimiser, a schedule."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


@dataclass
class Position:
    """Where a training stands: steps done, seconds they took, the smoothed loss and its log."""

    step: int = 0
    seconds: float = 0.0
    loss: float | None = None
    log: list[dict[str, float]] = field(default_factory=list)


class Checkpoint:
    """The file ``path``; ``recipe`` is what a training that goes on from it must have asked for."""

    def __init__(self, path: Path, recipe: Mapping[str, Any], parts: Sequence[Stateful]) -> None:
        self.path, self.recipe, self.parts = path, dict(recipe), parts

    def save(self, position: Position) -> None:
        """Replace the file; a crash leaves the old one."""
        state = {
            "recipe": self.recipe,
            "parts": [part.state_dict() for part in self.parts],
            "position": asdict(position),
        }
        new = self.path.with_suffix(".part")
        torch.save(state, new)
        os.replace(new, self.path)

    def load(self) -> Position:
        """Bring the parts to where they were; the start if there is no file.

        Raises:
            UserError: it cannot be read, or it is of a training by another recipe.
        """
        if not self.path.exists():
            return Position()
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            made = state["recipe"]
        except Exception as error:
            # torch raises whatever the bytes lead it to.
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise UserError(
                f"{self.path}: no checkpoint of this version ({reason})",
                "Leave out --resume to start anew.",
            ) from error
        for key in {**made, **self.recipe}:
            if made.get(key) != self.recipe.get(key):
                raise UserError(
                    f"{self.path}: was made with {key} {made.get(key)}, not {self.recipe.get(key)}",
                    "Repeat the command as it was, or leave out --resume to start anew.",
                )
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        return Position(**state["position"])

    def remove(self) -> None:
        """The training has come to its end."""
        self.path.unlink(missing_ok=True)
