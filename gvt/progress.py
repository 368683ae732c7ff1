"""The stages of a run: shown while they run, measured, and booked when they end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from gvt.hardware import peak_memory
from gvt.paths import cache_dir
from leaderboard.schema import Stage, write_json


class Counter:
    """Counts the units of one stage: those computed now and those that were there before."""

    def __init__(self, changed: Callable[[int], None] = lambda done: None) -> None:
        self.computed = 0
        self.worked = 0.0
        self._changed = changed

    def advance(self, done: int, worked: float = 0.0) -> None:
        """``done`` more units were computed, in ``worked`` seconds without what they waited for."""
        self.computed += done
        self.worked += worked
        self._changed(done)

    def skip(self, known: int) -> None:
        """``known`` units need not be computed."""
        self._changed(known)


@dataclass(frozen=True)
class Step:
    """One stage that lies ahead of a run: of its ``units``, ``todo`` are to be computed.

    key: what its speed depends on besides the machine.
    """

    column: str
    stage: str
    units: int
    todo: int
    key: str


class Pace:
    """Units a second of stages on this machine, remembered from run to run."""

    def __init__(self) -> None:
        self.path: Path = cache_dir() / "pace.json"
        try:
            self._rates = _rates(json.loads(self.path.read_text()))
        except (OSError, ValueError):
            self._rates = {}
        self._learnt: dict[str, dict[str, float]] = {}

    def rate(self, stage: str, key: str) -> float | None:
        """That of the same stage and key, else the median of the same stage, else None."""
        known = self._rates.get(stage, {})
        return known.get(key) or (median(known.values()) if known else None)

    def seconds(self, steps: Sequence[Step]) -> float | None:
        """How long ``steps`` will take; None where a stage never ran on this machine."""
        total = 0.0
        for step in steps:
            rate = self.rate(step.stage, step.key) if step.todo else 1.0
            if rate is None:
                return None
            total += step.todo / rate
        return total

    def learn(self, stage: str, key: str, units: int, seconds: float) -> None:
        """Note how long ``units`` took."""
        if units and seconds > 0:
            for rates in (self._rates, self._learnt):
                rates.setdefault(stage, {})[key] = units / seconds

    def save(self) -> None:
        """Add what was learnt to the file, which other runs add to as well."""
        known = Pace()._rates
        for stage, rates in self._learnt.items():
            known.setdefault(stage, {}).update(rates)
        write_json(self.path, known)


def _rates(found: Any) -> dict[str, dict[str, float]]:
    """What the file holds. Raises ValueError if it is something else."""
    try:
        return {
            stage: {key: float(rate) for key, rate in rates.items() if rate > 0}
            for stage, rates in found.items()
        }
    except (AttributeError, TypeError) as error:
        raise ValueError("no rates") from error


class Progress:
    """One line for each column: live while it is worked on, then what each stage took.

    Only with ``shown`` anything is printed and the pace kept: on the main process.
    """

    def __init__(self, shown: bool, device: torch.device) -> None:
        self.console = Console(stderr=True, quiet=not shown)
        self.device, self.shown = device, shown
        self.pace = Pace()
        self.booked: list[Stage] = []
        self._ahead: dict[tuple[str, str, str], Step] = {}
        self._done: dict[str, dict[str, tuple[float, int]]] = {}

    def expect(self, ahead: Sequence[Step]) -> None:
        """Take note of what the whole run consists of, to tell the time that is left."""
        self._ahead = {(step.column, step.stage, step.key): step for step in ahead}

    @contextmanager
    def stage(
        self, column: str, seed: int, name: str, units: int, key: str, samples: int | None = None
    ) -> Iterator[Counter]:
        """A stage of ``units`` (``samples`` of them by default), counted by what is yielded."""
        if self._done and column not in self._done:
            self.column_done()
        start = time.monotonic()
        bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        bar = bars.add_task(f"{column} · {name}", total=units, speed="")
        step = (column, name, key)

        def changed(done: int) -> None:
            seconds = time.monotonic() - start
            if counter.computed:
                self.pace.learn(name, key, counter.computed, seconds)
            speed = f"{counter.computed / max(seconds, 1e-9):.0f}/s"
            bars.update(bar, advance=done, speed=f"{speed}, run: {self._left(step, counter)}")

        counter = Counter(changed)
        with bars, peak_memory(self.device) as peak:
            yield counter
        seconds = time.monotonic() - start
        self._forget(step, counter.computed)
        if counter.computed and self.shown:
            self.pace.save()
        spent, computed = self._done.setdefault(column, {}).get(name, (0.0, 0))
        self._done[column][name] = (spent + seconds, computed + counter.computed)
        booked = Stage(
            column=column,
            seed=seed,
            stage=name,
            seconds=round(seconds, 3),
            cached=not counter.computed,
            samples=units if samples is None else samples,
            computed=counter.computed,
            peak_memory=peak(),
        )
        if counter.worked:
            booked["worked"] = round(counter.worked, 3)
        self.booked.append(booked)

    def column_done(self) -> None:
        """Print the line of the column that is done."""
        for column, stages in self._done.items():
            parts = [
                f"{name} {seconds:.1f} s ({computed / seconds:.0f}/s)"
                if computed
                else f"{name} cached"
                for name, (seconds, computed) in stages.items()
            ]
            line = f"{column:<12} {', '.join(parts)}"
            self.console.print(line, highlight=False, soft_wrap=True)
        # What was found in the cache or the journal is not ahead any more either.
        self._ahead = {key: step for key, step in self._ahead.items() if key[0] not in self._done}
        self._done.clear()

    def _forget(self, place: tuple[str, str, str], done: int) -> None:
        if place in self._ahead:
            step = self._ahead[place]
            self._ahead[place] = replace(step, todo=max(0, step.todo - done))

    def _left(self, now: tuple[str, str, str], counter: Counter) -> str:
        seconds = self.pace.seconds(list(self._ahead.values()))
        if seconds is None:
            return "time left not known yet"
        _, stage, key = now
        rate = self.pace.rate(stage, key)
        seconds -= counter.computed / rate if rate else 0.0
        minutes, rest = divmod(round(max(0.0, seconds)), 60)
        return f"{minutes}:{rest:02d} left"
