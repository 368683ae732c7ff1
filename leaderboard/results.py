"""Run directories in memory: their columns, tasks and cells, and all that is made of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from . import overall, ranking, schema
from .cells import Cell, Samples
from .claims import Judged, judge_claims
from .comparison import Comparisons
from .floors import TITLES, Floors
from .loading import Sheet, TaskReader
from .merge import merge
from .presentable import presentable
from .ranking import Rank
from .schema import Column, Run, Task
from .source import Source
from .variance import Estimate, Mean


@dataclass
class Results:
    """Everything a table or a chart needs.

    ``sources`` are the run directories in the order given; ``run`` is what they say together, and
    ``run_dir`` is the first one's.
    """

    run_dir: Path
    run: Run
    samples: dict[str, Samples]  # by task
    cells: dict[tuple[str, str], Cell]  # by (column, task); a missing cell is absent
    image_free: dict[str, Cell] = field(default_factory=dict)  # by task; no column of the run
    sources: list[Source] = field(default_factory=list)

    @property
    def tasks(self) -> list[Task]:
        """Tasks that are scored, in suite order."""
        return [task for task in self.run["tasks"] if task["unit"] != "none"]

    @property
    def submissions(self) -> list[tuple[Task, list[str]]]:
        """Tasks without a score, each with its files to submit.

        They are relative to the run directory; with several, each starts with its own.
        """
        alone = len(self.sources) == 1
        found = []
        for task in self.run["tasks"]:
            if task["unit"] == "none":
                written = [
                    str(path.relative_to(source.path) if alone else path)
                    for column in self.columns()
                    for seed in self.run["seeds"]
                    for source in self.sources
                    if (path := source.submission_path(column["name"], seed, task["name"]))
                ]
                found.append((task, written))
        return found

    def columns(self, *kinds: str) -> list[Column]:
        """Columns of the given kinds (all without), in suite order."""
        return [c for c in self.run["columns"] if not kinds or c["kind"] in kinds]

    def cell(self, column: str, task: str) -> Cell | None:
        """One cell, or None where no row of it was written."""
        return self.cells.get((column, task))

    @cached_property
    def floors(self) -> Floors:
        """What can be scored without seeing, and who is shown to beat it."""
        return Floors(self)

    def title(self, name: str) -> str:
        """A column's title; what is computed without a model counts as a column."""
        titles = {c["name"]: c["title"] for c in self.run["columns"]}
        return titles.get(name) or TITLES[name]

    def has_score(self, column: str, task: str) -> bool:
        """Whether a column has at least one score on a task."""
        cell = self.cell(column, task)
        return cell is not None and cell.mean.n > 0

    @cached_property
    def comparisons(self) -> Comparisons:
        """Every two columns on every task and overall."""
        return Comparisons(self)

    def overall(self, column: str) -> Estimate | None:
        """Unweighted mean of the tasks scored in percent; None without all or below two tasks."""
        return overall.overall_estimate(self, column)

    @cached_property
    def by_language_model(self) -> dict[str, Results]:
        """What stands behind each language model, by its name; all under one where none are mixed.

        Columns of runs that do not tell their model are with those of the first that does.
        """
        own: dict[str, str] = {}
        for name in (column["name"] for column in self.columns()):
            told = [source.llm_shown for source in self.sources if name in source.columns]
            if told and told[0] is not None:
                own[name] = told[0]
        names = list(dict.fromkeys(own.values())) or [""]
        found = {}
        for model in names:
            columns = [c for c in self.columns() if own.get(c["name"], names[0]) == model]
            has = {task for name, task in self.cells if name in {c["name"] for c in columns}}
            tasks = [task for task in self.run["tasks"] if task["name"] in has]
            found[model] = replace(self, run={**self.run, "columns": columns, "tasks": tasks})
        return found if len(names) > 1 else {names[0]: self}

    @cached_property
    def overall_means(self) -> dict[str, Mean]:
        """Of every column that has all tasks scored in percent: what ``overall`` is made of."""
        return overall.overall_means(self)

    @cached_property
    def claims(self) -> list[Judged]:
        """What the runs' suites claim, each with its verdict."""
        return judge_claims(self)

    def ranks(self, scope: str) -> dict[str, Rank]:
        """The tokenizers' ranks on a task or ``OVERALL``."""
        if scope not in self._ranks:
            self._ranks[scope] = ranking.ranks(self, scope)
        return self._ranks[scope]

    @cached_property
    def _ranks(self) -> dict[str, dict[str, Rank]]:
        return {}


_IMAGE_FREE = schema.column_without_encoder(
    name="image_free",
    kind="control",
    title="Best without image",
    description="the best answer to each question as the other images' answers tell it",
)


def load_results(run_dir: str | Path, *more: str | Path, allow_mixed: bool = False) -> Results:
    """Read one run directory, or several into one comparison.

    A cell without a file is left out (the tables show it as missing). The same ``doc_id`` must
    mean the same image, category and gold answers in every column, or the columns were not run on
    the same data and no comparison is made. Several runs must agree in all that makes numbers
    comparable; ``allow_mixed`` marks instead what differs (see ``merge``).

    Raises:
        SchemaError: naming file and line, or all that keeps the runs apart.
    """
    run, sources = merge([Path(folder) for folder in (run_dir, *more)], allow_mixed)
    run = presentable(run)
    results = Results(sources[0].path, run, samples={}, cells={}, sources=sources)
    # The ceiling last: its question may hold the scene as text, the others' is the one to show.
    columns = sorted(run["columns"], key=lambda c: c["kind"] == "ceiling")
    for task in run["tasks"]:
        name = task["name"]
        samples = results.samples[name] = Samples()
        reader = TaskReader(task, samples)
        found = [(column, _read(reader, sources, column, run["seeds"], task)) for column in columns]
        for column, sheets in found:
            if sheets:
                results.cells[column["name"], name] = _line_up(column, task, samples, sheets)
        for source in sources:
            path = source.audit_path(name)
            if len(samples) and path and name not in results.image_free:
                sheets = {0: reader.read(path, source.path)}
                results.image_free[name] = _line_up(_IMAGE_FREE, task, samples, sheets)
    return results


def _read(
    reader: TaskReader, sources: list[Source], column: Column, seeds: list[int], task: Task
) -> dict[int, Sheet]:
    """A column's answers by seed; of runs that both have them the first one's."""
    sheets = {}
    for seed in sorted(set(seeds)):
        for source in sources:
            path = source.rows_path(column["name"], seed, task["name"])
            if path and seed not in sheets:
                sheet = reader.read(path, source.path)
                if len(sheet.places):
                    sheets[seed] = sheet
    return sheets


def _line_up(column: Column, task: Task, samples: Samples, sheets: dict[int, Sheet]) -> Cell:
    """The cell of the sheets of a column's seeds, each row at its sample's place."""
    shape = len(sheets), len(samples)
    invalid, truncated, present = (np.zeros(shape, dtype=bool) for _ in range(3))
    answers: list[list[str | None]] = []
    others: dict[str, np.ndarray] = {}
    for s, sheet in enumerate(sheets.values()):
        present[s, sheet.places] = True
        invalid[s, sheet.places] = sheet.invalid
        truncated[s, sheet.places] = sheet.truncated
        for name, values in sheet.scores.items():
            others.setdefault(name, np.full(shape, np.nan))[s, sheet.places] = values
        answers.append([None] * len(samples))
        for place, answer in zip(sheet.places.tolist(), sheet.answers, strict=True):
            answers[-1][place] = answer
    return Cell(
        column=column,
        task=task,
        samples=samples,
        seeds=list(sheets),
        scores=others.get(task["metric"], np.full(shape, np.nan)),
        answers=answers,
        errors=[sheet.errors for sheet in sheets.values()],
        invalid=invalid,
        truncated=truncated,
        present=present,
        others=others,
    )
