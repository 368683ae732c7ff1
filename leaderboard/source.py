"""One run directory among those that results come from, and its names for what they show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import schema
from .schema import Column, Run

_DESCRIBING = frozenset({"name", "title", "description"})  # no part of what a recipe does


@dataclass(frozen=True)
class Source:
    """One run directory; ``columns`` and ``tasks`` lead from a name in the results to its own."""

    path: Path
    run: Run
    name: str = ""  # short, and no other source's
    columns: dict[str, str] = field(default_factory=dict)
    tasks: dict[str, str] = field(default_factory=dict)

    def rows_path(self, column: str, seed: int, task: str) -> Path | None:
        """The file with the rows of a cell of the results, if this run has one."""
        return self._file(schema.rows_path, column, seed, task)

    def submission_path(self, column: str, seed: int, task: str) -> Path | None:
        """The file to submit of a cell of the results, if this run has one."""
        return self._file(schema.submission_path, column, seed, task)

    def audit_path(self, task: str) -> Path | None:
        """The file with the best prediction without the image, if this run has one."""
        audited = {entry["name"] for entry in self.run["tasks"] if "image_free" in entry}
        if self.tasks.get(task) not in audited:
            return None
        path = schema.audit_path(self.path, self.tasks[task])
        return path if path.is_file() else None

    def sample_count(self, own_task: str) -> int | None:
        """Rows of one column on a task, which goes by its own name here; None without any."""
        for column in self.run["columns"]:
            for seed in self.run["seeds"]:
                path = schema.rows_path(self.path, column["name"], seed, own_task)
                if path.is_file():
                    with path.open("rb") as file:
                        return sum(1 for _ in file)
        return None

    @property
    def llm(self) -> dict[str, Any]:
        """What is known of the language model: ``name``, ``hash``, ``parameters``."""
        found = self.run["config"].get("llm")
        return found if isinstance(found, dict) else {}

    @property
    def llm_shown(self) -> str | None:
        """The language model's name and the start of its hash; None where the run does not tell."""
        if "hash" not in self.llm:
            return None
        return f"{self.llm.get('name')} {str(self.llm['hash'])[:12]}"

    def recipe_of(self, column: str | None = None) -> dict[str, Any]:
        """What the recipe of a column of this run does; empty where the run does not tell.

        Without a column that of all which have none of their own.
        """
        return {k: v for k, v in self._recipe(column).items() if k not in _DESCRIBING}

    def recipe_name_of(self, column: str | None = None) -> str:
        """That recipe's name."""
        return str(self._recipe(column).get("name", "not told"))

    def _recipe(self, column: str | None) -> dict[str, Any]:
        config = self.run["config"]
        own = config.get("recipes")
        found = (own if isinstance(own, dict) else {}).get(column, config.get("recipe"))
        return found if isinstance(found, dict) else {}

    def connectors(self, column: Column) -> dict[int, str]:
        """Hash of the trained connector of each seed of a column of this run."""
        return {
            entry["seed"]: entry["connector_hash"]
            for entry in self.run["alignment"]
            if entry["column"] == column["name"]
        }

    def stamps(self, column: Column) -> dict[str, str]:
        """By seed and task the hash of all that the rows of a column of this run depend on."""
        found = self.run.get("stamps")
        start = f"{column['name']}/"
        return {
            cell.removeprefix(start): stamp
            for cell, stamp in (found if isinstance(found, dict) else {}).items()
            if cell.startswith(start)
        }

    def _file(self, place: Callable[..., Path], column: str, seed: int, task: str) -> Path | None:
        if column not in self.columns or task not in self.tasks or seed not in self.run["seeds"]:
            return None
        path = place(self.path, self.columns[column], seed, self.tasks[task])
        return path if path.is_file() else None
