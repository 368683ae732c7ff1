"""Where an alignment stands, kept while it runs, so that it goes on exactly as if never stopped."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

SECONDS = 120.0
"""Between two checkpoints."""
# Processes agree on whether it is time: not at every step.
_ASK_STEPS = 10
_POSITION = "position.json"


@dataclass
class Position:
    """Optimiser steps done and images seen, over all stages; seconds they took and were waited for.

    curve, held_out: ``[step, loss]``. recent: losses since the last point of the curve.
    stream: where the stream that the stage reads stands.
    """

    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    curve: list[list[float]] = field(default_factory=list)
    held_out: list[list[float]] = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    stream: Mapping[str, Any] | None = None


class Checkpoints:
    """Checkpoints below ``folder``, made by accelerate, which knows every way to share a model.

    A kill at any moment leaves the last whole one.
    """

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self.folder, self._accelerator = folder, accelerator
        self._saved = time.monotonic()

    def found(self) -> Position:
        """Where the last checkpoint stands; the start where there is none."""
        last = self._last()
        if last is None:
            return Position()
        return Position(**json.loads((last / _POSITION).read_text()))

    def load(self) -> None:
        """Bring what the accelerator has prepared to where the last checkpoint left it."""
        self._accelerator.load_state(str(self._last()))

    def save_if_due(self, position: Position) -> None:
        """Save if the last time is long ago. All processes call it at the same step."""
        alone = self._accelerator.num_processes == 1
        if not alone and position.step % _ASK_STEPS:
            return
        due = time.monotonic() - self._saved >= SECONDS
        if due if alone else broadcast_object_list([due])[0]:
            self.save(position)

    def save(self, position: Position) -> None:
        """Write a checkpoint, then remove the one before."""
        whole = self.folder / f"checkpoint-{position.step:09d}"
        part = whole.with_suffix(".part")
        main = self._accelerator.is_main_process
        if main:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        self._accelerator.wait_for_everyone()
        self._accelerator.save_state(str(part))
        self._accelerator.wait_for_everyone()
        if main and not whole.exists():
            (part / _POSITION).write_text(json.dumps(asdict(position)))
            os.replace(part, whole)
            self._clear(but=whole)
        self._accelerator.wait_for_everyone()
        self._saved = time.monotonic()

    def remove(self) -> None:
        """The training has come to its end."""
        self._clear()

    def _last(self) -> Path | None:
        return max(self.folder.glob("checkpoint-*[0-9]"), default=None)

    def _clear(self, but: Path | None = None) -> None:
        for path in self.folder.glob("checkpoint-*"):
            if path != but:
                shutil.rmtree(path, ignore_errors=True)
