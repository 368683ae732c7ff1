"""One live progress line per stage, then a line that says how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars


class Progress:
    """Shows stages on the main process only; in a log file each stage is one line."""

    def __init__(self, shown: bool) -> None:
        self.console = Console(stderr=True, quiet=not shown)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar of ``total`` units; the yielded function advances it."""
        start = time.monotonic()
        bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        with bars:
            task = bars.add_task(name, total=total)
            yield lambda done: bars.advance(task, done)
            counted = int(bars.tasks[0].completed)
        seconds = time.monotonic() - start
        cached = "" if counted else " (cached)"
        self.console.print(f"{name:<28} {seconds:7.1f} s{cached}")
