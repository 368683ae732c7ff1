"""Losses and scores for experiment trackers, by accelerate; offline unless told otherwise."""

from __future__ import annotations

import importlib.metadata
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gvt.errors import UserError, nearest
from leaderboard.overall import OVERALL

if TYPE_CHECKING:
    from accelerate import Accelerator
    from accelerate.tracking import GeneralTracker

    from leaderboard.results import Results
    from leaderboard.variance import Estimate

ALL = "all"
FOLDER = "trackers"  # within a run directory
Log = Callable[[int, Mapping[str, float]], None]
"""Takes a step, and values by their names."""

_PROJECT = "gvt"
_TABLE = yaml.safe_load((Path(__file__).parent / "trackers.yaml").read_text(encoding="utf-8"))


def trackers() -> list[str]:
    """Names that ``--log_with`` takes, but for ``all``."""
    return list(_TABLE)


def need(names: Iterable[str]) -> tuple[str, ...]:
    """Return the trackers that are asked for; ``all`` stands for all that are installed.

    Raises:
        UserError: there is no such tracker, or its package is not installed.
    """
    found: dict[str, None] = {}
    for name in names:
        if name == ALL:
            installed = [one for one in _TABLE if _installed(one)]
            if not installed:
                raise UserError(
                    "--log_with all: no tracker is installed", "pip install 'gvt[tracking]'"
                )
            found |= dict.fromkeys(installed)
            continue
        if name not in _TABLE:
            close = nearest(name, _TABLE)
            raise UserError(
                f"unknown tracker '{name}'",
                f"{f'Nearest: {close[0]}. ' if close else ''}All: {', '.join(_TABLE)}, {ALL}.",
            )
        if not _installed(name):
            package = _TABLE[name]["package"]
            raise UserError(
                f"--log_with {name}: {package} is not installed", f"pip install {package}"
            )
        found[name] = None
    return tuple(found)


def _installed(name: str) -> bool:
    """Whether the tracker's own package is there: a folder of its name is not, nor a part of it."""
    try:
        importlib.metadata.version(_TABLE[name]["package"])
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def accelerator(names: Iterable[str | GeneralTracker], folder: Path, **options: Any) -> Accelerator:
    """An Accelerator that logs to these trackers below ``folder``; ``options`` are its own.

    A tracker can also be one of accelerate's GeneralTracker, made already.

    Raises:
        UserError: accelerate leaves a tracker out, as it does where it does not know its version.
    """
    from accelerate import Accelerator
    from accelerate.utils import ProjectConfiguration

    names = list(names)
    if not names:
        return Accelerator(**options)
    place = str((folder / FOLDER).absolute())
    for name in names:
        for variable, value in _said(name, "environment", place).items():
            os.environ.setdefault(variable, value)
    project = ProjectConfiguration(project_dir=place, logging_dir=place)
    made = Accelerator(log_with=names, project_config=project, **options)
    taken = {str(getattr(one, "value", one)) for one in made.log_with}
    for name in names:
        if isinstance(name, str) and name not in taken:
            raise UserError(f"--log_with {name}: accelerate does not take the version installed")
    return made


class Tracking:
    """What is logged of a run or a training; only its main process logs, and only if asked to.

    facts: what the trackers keep as the run's configuration.
    """

    def __init__(self, accelerator: Accelerator, facts: Mapping[str, Any]) -> None:
        self._accelerator = accelerator
        if not accelerator.log_with:
            return
        place = accelerator.logging_dir
        if accelerator.is_main_process:
            Path(place).mkdir(parents=True, exist_ok=True)  # wandb goes elsewhere without
        starts = {name: _said(name, "options", place) for name in accelerator.log_with}
        plain = {key: _plain(value) for key, value in facts.items()}
        accelerator.init_trackers(_PROJECT, plain, {str(k): v for k, v in starts.items()})

    @property
    def on(self) -> bool:
        """Whether this process has anything to log to."""
        return self._accelerator.is_main_process and bool(self._accelerator.trackers)

    def series(self, name: str) -> Log:
        """The function that logs values under ``name/…`` by step."""
        if self.on and "wandb" in {tracker.name for tracker in self._accelerator.trackers}:
            run = self._accelerator.get_tracker("wandb", unwrap=True)
            run.define_metric(f"{name}/*", step_metric=f"{name}/step")

        def log(step: int, values: Mapping[str, float]) -> None:
            self._log({f"{name}/{key}": value for key, value in values.items()}, step, name)

        return log

    def scores(self, results: Results) -> None:
        """Log every score with its interval, in the unit of the tables."""
        for (column, name), cell in results.cells.items():
            if cell.task["unit"] != "none":
                scale = 100 if cell.task["unit"] == "percent" else 1
                self._score(f"scores/{name}/{column}", cell.estimate, scale)
        for column in (column["name"] for column in results.columns()):
            overall = results.overall(column)
            if overall is not None:
                self._score(f"scores/{OVERALL}/{column}", overall, 100)

    def _score(self, name: str, e: Estimate, scale: int) -> None:
        values = {"mean": e.mean, "low": e.low, "high": e.high}
        known = {key: scale * value for key, value in values.items() if not math.isnan(value)}
        if known:
            self.series(name)(0, known)

    def _log(self, values: dict[str, float], step: int, name: str) -> None:
        for tracker in self._accelerator.trackers if self.on else ():
            if tracker.name == "wandb":
                # Its own steps only go up, over all series together: a second series from step 1
                # on would be dropped.
                tracker.log(values | {f"{name}/step": step})
            elif tracker.name == "mlflow":
                tracker.log({mlflow_name(key): value for key, value in values.items()}, step=step)
            else:
                tracker.log(values, step=step)


def mlflow_name(name: str) -> str:
    """A name as mlflow takes it: ``clip@layer=-2`` and ``a+b`` have signs that it refuses."""
    for sign, word in (("@", " "), ("=", ":"), ("+", " plus "), ("~", " tilde ")):
        name = name.replace(sign, word)
    return re.sub(r"[^\w\-. :/]", "_", name)


def _said(name: str | GeneralTracker, key: str, place: str) -> dict[str, Any]:
    said = _TABLE.get(str(name), {}).get(key, {})
    return {
        field: value.replace("{folder}", place) if isinstance(value, str) else value
        for field, value in said.items()
    }


def _plain(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else str(value)
