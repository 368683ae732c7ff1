"""Finds a sample in the files of a run, and has the task's rule score its answers once more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gvt.errors import UserError, unknown_name
from gvt.explain.rules import Rule
from gvt.scoring.steps import Step
from leaderboard import schema
from leaderboard.schema import Column, Row, Run, Task

_DIGITS = 18  # Python itself refuses to read thousands


@dataclass(frozen=True)
class Answer:
    """What one column said with one seed; ``steps`` are empty where no rule of ours tells any."""

    column: Column
    seed: int
    row: Row
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Explained:
    """A sample with all its answers. notes: what a reader of the scores must know."""

    task: Task
    row: Row  # question, right answers and image, as the first column that has an image knows them
    image: Path | None  # None where it is not there
    image_size: tuple[int, int] | None
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]


def explain(
    run_dir: Path, sample: str, task: str | None = None, include_path: tuple[Path, ...] = ()
) -> Explained:
    """Explain ``sample``: ``TASK:DOC_ID``, or ``DOC_ID`` where ``task`` or the run says of what.

    include_path: where tasks of the user's own lie. Raises UserError where there is no such sample,
    SchemaError where a file of the run is broken.
    """
    run = schema.read_run(run_dir)
    name, doc_id = _which(run_dir, run, sample, task)
    found = [
        (column, seed, row)
        for column, seed, path in _cells(run_dir, run, name)
        if (row := _row(path, doc_id)) is not None
    ]
    if not found:
        raise UserError(
            f"{run_dir} has no sample {doc_id} of task '{name}'", _has(run_dir, run, name)
        )
    # The ceiling's question may hold the scene as text.
    known = min(found, key=lambda one: (one[0]["kind"] == "ceiling", one[2]["image"] is None))[2]
    rule = Rule(run_dir, run, name, known, include_path)
    answers = tuple(Answer(*one, rule.steps(*one)) for one in found)
    info = next(one for one in run["tasks"] if one["name"] == name)
    image, size = _image(run_dir, known)
    return Explained(info, known, image, size, answers, tuple(rule.notes))


def _which(run_dir: Path, run: Run, sample: str, task: str | None) -> tuple[str, int]:
    """The task and the number of a sample."""
    named, _, number = sample.rpartition(":")
    if named and task and named != task:
        raise UserError(f"--sample {sample} is of another task than --task {task}")
    if not number.isdecimal() or len(number) > _DIGITS:
        raise UserError(
            f"--sample {sample}: '{number}' is no number of a sample",
            "As in 'mini_vqa:12': a task and the doc_id of its rows.",
        )
    task, names = task or named, [one["name"] for one in run["tasks"]]
    if task:
        if task not in names:
            raise unknown_name("task", task, names, f"gvt show {run_dir}")
        return task, int(number)
    within = [
        name
        for name in names
        if any(_row(path, int(number)) for _, _, path in list(_cells(run_dir, run, name))[:1])
    ]
    if len(within) == 1:
        return within[0], int(number)
    if not within:
        raise UserError(f"no task of {run_dir} has a sample {number}")
    told = " or ".join(f"{name}:{number}" for name in within)
    raise UserError(f"{len(within)} tasks have a sample {number}", f"Say which: {told}.")


def _cells(run_dir: Path, run: Run, task: str) -> Iterator[tuple[Column, int, Path]]:
    """The files of a task's rows, controls first, as in the tables."""
    order = {"control": 0, "tokenizer": 1, "ceiling": 2}
    for column in sorted(run["columns"], key=lambda column: order[column["kind"]]):
        for seed in run["seeds"]:
            path = schema.rows_path(run_dir, column["name"], seed, task)
            if path.is_file():
                yield column, seed, path


def _row(path: Path, doc_id: int) -> Row | None:
    return next((row for _, row in schema.read_rows(path) if row["doc_id"] == doc_id), None)


def _has(run_dir: Path, run: Run, task: str) -> str:
    numbers = [
        row["doc_id"]
        for _, _, path in _cells(run_dir, run, task)
        for _, row in schema.read_rows(path)
    ]
    return f"Its samples are {min(numbers)} to {max(numbers)}." if numbers else "It has none."


def _image(run_dir: Path, row: Row) -> tuple[Path | None, tuple[int, int] | None]:
    """Where the image lies, and its width and height; None for what cannot be said."""
    from PIL import Image

    if row["image"] is None:
        return None, None
    path = run_dir / row["image"]  # an absolute one stays as it is
    try:
        with Image.open(path) as image:
            return path, image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return (path if path.exists() else None), None
