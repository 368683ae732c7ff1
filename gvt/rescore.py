"""A run's rows anew: the journal's answers by the tasks' scoring of today, without a model."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.progress import track

from gvt import catalog
from gvt.audit.record import write_audits
from gvt.engine import submission
from gvt.engine.evaluate import TaskSet, evaluate, load_tasks
from gvt.engine.journal import Journal
from gvt.engine.replay import NO_ANSWER, Cell, JournalLM, fingerprint
from gvt.errors import UserError, unknown_name
from gvt.files import only_one
from leaderboard import schema
from leaderboard.schema import Run


@dataclass(frozen=True)
class Rescored:
    """What scoring one task again came to, over all columns and seeds."""

    task: str
    rows: int
    changed: int  # rows that differ from those that were there
    unanswered: int  # rows that the journal has no answer for


def rescore(
    run_dir: Path, include_path: tuple[Path, ...] = (), allow_missing: bool = False
) -> list[Rescored]:
    """Score the answers in the journal of ``run_dir`` again and replace its rows.

    All rows are made before the first is replaced. Images that could not be read stay failed, with
    the reason that their rows give.

    Raises:
        UserError: the run cannot be scored again; or the journal lacks answers and
            ``allow_missing`` is not set. Its rows then stay as they were.
        SchemaError: a file of the run is broken.
    """
    schema.read_run(run_dir)  # before a lock makes a folder of it
    with only_one(run_dir):
        run = schema.read_run(run_dir)  # no other process changes it from here on
        tasks = _load_tasks(run, include_path)
        cells = list(_cells(run, tasks))
        made = Path(run_dir) / ".rescored"
        shutil.rmtree(made, ignore_errors=True)  # of one that was killed
        try:
            return _Rescore(run_dir, run, tasks, cells, made).carry_out(allow_missing)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _load_tasks(run: Run, include_path: tuple[Path, ...]) -> TaskSet:
    known = catalog.tasks(include_path)
    for task in run["tasks"]:
        if task["name"] not in known:
            error = unknown_name("task", task["name"], known, "gvt ls tasks")
            command = " ".join(run["command"])
            raise UserError(error.message, f"Does it lie on an --include_path? Run by: {command}")
    limit = run["config"].get("suite", {}).get("limit")
    return load_tasks({task["name"]: known[task["name"]] for task in run["tasks"]}, limit)


def _cells(run: Run, tasks: TaskSet) -> Iterator[tuple[Cell, list[str]]]:
    """Every column and seed of a run under the fingerprint it had there, with its tasks."""
    names = [task["name"] for task in run["tasks"]]
    aligned = {one["column"] for one in run["alignment"]}
    for column in run["columns"]:
        # The ceiling and published models have nothing that a seed would change.
        seeds = run["seeds"] if column["name"] in aligned else run["seeds"][:1]
        ceiling = column["kind"] == "ceiling"
        own = [name for name in names if tasks.described(name)] if ceiling else names
        for seed in seeds:
            yield Cell(column["name"], seed, fingerprint(run, column, seed)), own


class _Rescore:
    def __init__(
        self,
        folder: Path,
        run: Run,
        tasks: TaskSet,
        cells: list[tuple[Cell, list[str]]],
        made: Path,
    ) -> None:
        self.folder, self.run, self.tasks, self.cells, self.made = folder, run, tasks, cells, made
        self.journal = Journal(folder)

    def carry_out(self, allow_missing: bool) -> list[Rescored]:
        found = {task["name"]: Rescored(task["name"], 0, 0, 0) for task in self.run["tasks"]}
        stamps = {}
        for cell, name in _shown([(cell, name) for cell, names in self.cells for name in names]):
            one, failed = self._make(cell, name)
            found[name] = _sum(found[name], one)
            if not failed:
                stamps[cell.name(name)] = self.tasks.stamp(name, cell.fingerprint)
        lacking = {one.task: one.unanswered for one in found.values() if one.unanswered}
        if lacking and not allow_missing:
            listed = ", ".join(f"{count:,} of {task}" for task, count in lacking.items())
            raise UserError(
                f"{self.folder}: the journal lacks {sum(lacking.values()):,} answers ({listed}); "
                "nothing was changed",
                "Has a prompt, an image or the data changed? 'gvt run' computes what is missing; "
                "--allow_missing writes those rows as failed.",
            )
        self._replace(stamps)
        return list(found.values())

    def _make(self, cell: Cell, name: str) -> tuple[Rescored, bool]:
        """Write the new rows of a cell aside; also whether any of them failed."""
        old, new = (
            schema.rows_path(folder, cell.column, cell.seed, name)
            for folder in (self.folder, self.made)
        )
        model = JournalLM(cell, self.journal, lost=_lost(old, name))
        rows = evaluate(model, self.tasks, [name])[name]
        schema.write_rows(new, rows)
        unanswered = sum(row["error"] == NO_ANSWER for row in rows)
        failed = any(row["error"] for row in rows)
        return Rescored(name, len(rows), _differing(old, new), unanswered), failed

    def _replace(self, stamps: dict[str, str]) -> None:
        """Put the new files in their places, and make what goes with them."""
        tasks = [task.copy() for task in self.tasks.info]
        warnings = self.run["warnings"] + write_audits(self.made, self.tasks, tasks)
        for path in sorted(self.made.rglob("*.jsonl")):
            target = self.folder / path.relative_to(self.made)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        run = self.run | {
            "tasks": tasks,
            "warnings": list(dict.fromkeys(warnings)),
            "rescored": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "stamps": stamps,
        }
        schema.write_run(self.folder, run)
        unit = {task["name"]: task["unit"] for task in tasks}
        for cell, names in self.cells:
            for name in names:
                if unit[name] == "none":
                    place = (self.folder, cell.column, cell.seed, name)
                    submission.write(
                        schema.rows_path(*place), schema.submission_path(*place), anew=True
                    )


def _shown(cells: list[tuple[Cell, str]]) -> Iterable[tuple[Cell, str]]:
    """The same, with a bar on a terminal."""
    console = Console(stderr=True)
    off = not console.is_terminal
    return track(cells, "scoring", console=console, transient=True, disable=off)


def _lost(path: Path, task: str) -> dict[tuple[str, int], str]:
    """Samples that failed, with the reason: what failed was never in the journal."""
    if not path.is_file():
        return {}
    failed = ((row["doc_id"], row["error"]) for _, row in schema.read_rows(path))
    return {(task, number): why for number, why in failed if why and why != NO_ANSWER}


def _differing(old: Path, new: Path) -> int:
    if not old.is_file():
        return sum(1 for _ in new.open("rb"))
    with old.open("rb") as before, new.open("rb") as after:
        return sum(a != b for a, b in zip_longest(before, after))


def _sum(one: Rescored, other: Rescored) -> Rescored:
    return Rescored(
        one.task,
        one.rows + other.rows,
        one.changed + other.changed,
        one.unanswered + other.unanswered,
    )
