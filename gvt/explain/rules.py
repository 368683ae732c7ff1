"""The scoring rule that a task names, asked for its steps on single answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvt import catalog
from gvt.errors import UserError
from gvt.scoring.steps import Step, listen
from leaderboard.schema import Column, Row, Run

if TYPE_CHECKING:
    from gvt.engine.evaluate import TaskSet
    from gvt.engine.journal import Journal


class Rule:
    """A task's ``process_results``, for the answers to one sample.

    Most rules ask of a sample only what its rows tell. For others the task is loaded, which takes
    seconds and imports torch. ``notes`` says what a reader must know.
    """

    def __init__(
        self, run_dir: Path, run: Run, task: str, known: Row, include_path: tuple[Path, ...]
    ) -> None:
        self.run_dir, self.run, self.task = run_dir, run, task
        self.known, self.include_path = known, include_path
        self.notes: list[str] = []
        self._whole = self._chosen = False

    def steps(self, column: Column, seed: int, row: Row) -> tuple[Step, ...]:
        """How the rule scores a column's answer; nothing where that cannot be told."""
        if row["answer"] is None:
            return ()
        if self._function is None:
            return self._likelihoods(column, seed) if self._chosen else ()
        if not self._whole:
            heard = self._from_rows(row)
            if heard is not None:
                return heard
            self._whole = True
        scores, heard = listen(self._function, self._loaded, [row["answer"]])
        if not _same(scores, row):
            self._note("Today's rule scores otherwise than the run's: 'gvt score' scores it anew.")
        if not heard:
            self._note("The task has a rule of its own, which tells no steps.")
        return tuple(heard)

    def _likelihoods(self, column: Column, seed: int) -> tuple[Step, ...]:
        """Every choice with its log-probability, as the journal has it."""
        from gvt.engine.replay import Cell, JournalLM, fingerprint

        try:
            cell = Cell(column["name"], seed, fingerprint(self.run, column, seed))
        except UserError as error:
            self._note(error.message)
            return ()
        requests = self._tasks.requests(self.task, self.known["doc_id"])
        steps = []
        for request, answer in zip(
            requests, JournalLM(cell, self._journal).known(requests), strict=True
        ):
            if answer is None:
                self._note("The journal does not know all choices: has the prompt changed?")
                return ()
            steps.append(Step("log-probability of the choices", request.args[1], answer["logprob"]))
        return tuple(steps)

    def _from_rows(self, row: Row) -> tuple[Step, ...] | None:
        """The steps, if what the rows tell of the sample leads to the scores that they have."""
        try:
            scores, heard = listen(self._function, self._told, [row["answer"]])
        except (KeyError, TypeError, ValueError, AttributeError):
            return None  # it asks for more
        return tuple(heard) if heard and _same(scores, row) else None

    @cached_property
    def _path(self) -> Path | None:
        return catalog.tasks(self.include_path).get(self.task)

    @cached_property
    def _function(self) -> Callable[..., dict[str, Any]] | None:
        # lm-eval's own reader: `include` and `!function` mean here what they mean there.
        from lm_eval.tasks._yaml_loader import load_yaml

        if self._path is None:
            self._note(
                f"No task '{self.task}' is known here, so no steps are shown; --include_path?"
            )
            return None
        found = load_yaml(self._path)
        self._chosen = found.get("output_type") == "multiple_choice"
        function = found.get("process_results")
        if function is None and not self._chosen:
            self._note("lm-eval's own scoring: it tells no steps.")
        return None if self._chosen else function

    @cached_property
    def _told(self) -> dict[str, Any]:
        """The sample as its rows know it."""
        names = ("doc_id", "image_id", "image", "image_sha256", "category", "question", "chance")
        return {name: self.known[name] for name in names} | {"answers": self.known["gold"]}

    @cached_property
    def _loaded(self) -> dict[str, Any]:
        """The sample as the task knows it."""
        docs, number = self._tasks.tasks[self.task].eval_docs, self.known["doc_id"]
        if number >= len(docs):
            raise UserError(f"task '{self.task}' has {len(docs)} samples today; none is {number}")
        return docs[number]

    @cached_property
    def _tasks(self) -> TaskSet:
        from gvt.engine.evaluate import load_tasks

        # A request tells its image.
        return load_tasks({self.task: self._path}, None, images=self._chosen)

    @cached_property
    def _journal(self) -> Journal:
        from gvt.engine.journal import Journal

        return Journal(self.run_dir)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _same(scores: dict[str, Any], row: Row) -> bool:
    """Whether the numbers among ``scores`` are those of the row."""
    return all(
        math.isclose(value, row["scores"][name], rel_tol=1e-9)
        for name, value in scores.items()
        if name in row["scores"] and isinstance(value, (int, float))
    )
