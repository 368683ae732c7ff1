"""Where a difference between groups of columns is looked for: a task, a skill or overall."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .fields import shorten
from .overall import OVERALL, mean_influence, overall_tasks, shared_images
from .paired import Contrasts, Draft, common_seeds, seed_effect
from .skills import SKILLS, Skills
from .text import join
from .variance import SeedEffect, pooled

if TYPE_CHECKING:
    from .cells import Cell
    from .results import Results
    from .schema import Column, Task

Sides = tuple[Sequence[str], Sequence[str]]
"""Names of the columns that should be higher, and of those that should be lower."""


@dataclass(frozen=True)
class Scope:
    """What a claim speaks of: one task, or several whose mean counts."""

    results: Results = field(repr=False)
    title: str
    tasks: list[Task]
    task: Task | None  # None where nothing is scored
    reason: str = ""  # why nothing is

    @classmethod
    def named(cls, name: str, results: Results) -> Scope:
        """A task goes before a skill of the same name."""
        task = next((task for task in results.run["tasks"] if task["name"] == name), None)
        if task is not None and task["unit"] == "none":
            reason = "its right answers are not public, so there is no score"
            return cls(results, task["title"], [], None, reason)
        if task is not None:
            return cls(results, task["title"], [task], task)
        if name == OVERALL:
            title, tasks = "Overall", overall_tasks(results)
            reason = "fewer than two tasks are scored in percent"
        elif name in SKILLS:
            title, tasks = name.capitalize(), Skills(results).tasks[name]
            reason = "no task of this skill is scored in percent"
        else:
            title, tasks, reason = name, [], f"{shorten(name)} is no task of this run and no skill"
        if not tasks:
            return cls(results, title, [], None, reason)
        mean = {**tasks[0], "name": name, "title": title, "metric_title": "mean over tasks"}
        return cls(results, title, tasks, tasks[0] if len(tasks) == 1 else mean)

    @property
    def samples(self) -> int:
        """Of all its tasks."""
        return sum(len(self.results.samples[task["name"]]) for task in self.tasks)

    def difference(self, sides: Sides) -> tuple[Draft | None, str]:
        """mean(higher) - mean(lower), or why there is no such difference."""
        reason = self.reason or "; ".join(self._missing(sides) or self._seeds_apart(sides))
        if reason:
            return None, reason
        draft = self._contrasts.draft(*sides)
        if draft is None:
            return None, "no sample was answered by all these columns"
        if draft.mean.images < 2:
            return None, "all samples are of one image"
        return draft, ""

    def effects(self, draft: Draft, sides: Sides) -> list[SeedEffect | None]:
        """What seeds may do to a difference; a claim has to hold with each.

        First as all tokenizers of the scope tell, which is right where a seed shakes each column by
        itself, or all alike. It may shake those of a group together, which no pair of tokenizers
        shows: hence also as the difference's own seeds tell, few as they are.
        """
        if draft.mean.seeds < 2:
            return [None]
        shared = self._of_pairs if draft.paired_seeds else self._of_columns
        single = all(len(names) == 1 for names in sides)
        return [shared] if single else [shared, pooled([draft.mean])]

    def _missing(self, sides: Sides) -> list[str]:
        known = {column["name"]: column["title"] for column in self.results.columns()}
        reasons = []
        for name in itertools.chain(*sides):
            tasks = [t["title"] for t in self.tasks if not self.results.has_score(name, t["name"])]
            if name not in known:
                reasons.append(f"no column {shorten(name)} in this run")
            elif tasks:
                reasons.append(f"{known[name]} has no score on {join(tasks)}")
        return reasons

    def _seeds_apart(self, sides: Sides) -> list[str]:
        """Where an interval would seem to speak of seeds that one of the columns does not have."""
        for task in self.tasks:
            cells = [self._cell(name, task) for name in itertools.chain(*sides)]
            if not common_seeds(*cells):
                return [f"no alignment seed that all these columns have on {task['title']}"]
            trained = [cell for cell in cells if _aligned(cell.column)]
            most = max((len(cell.seeds) for cell in trained), default=1)
            alone = [cell.column["title"] for cell in trained if len(cell.seeds) == 1 < most]
            if alone:
                has = "has" if len(alone) == 1 else "have"
                return [f"{join(alone)} {has} one of {most} alignment seeds on {task['title']}"]
        return []

    def _cell(self, column: str, task: Task) -> Cell:
        return self.results.cell(column, task["name"])

    @cached_property
    def _contrasts(self) -> Contrasts:
        return Contrasts(self.results, self.tasks)

    @cached_property
    def _tokenizers(self) -> list[str]:
        """Those that have all the tasks."""
        return [
            column["name"]
            for column in self.results.columns("tokenizer")
            if all(self.results.has_score(column["name"], task["name"]) for task in self.tasks)
        ]

    @cached_property
    def _of_pairs(self) -> SeedEffect | None:
        pairs = itertools.combinations(self._tokenizers, 2)
        drafts = [self._contrasts.draft([a], [b]) for a, b in pairs]
        return seed_effect([draft for draft in drafts if draft is not None])

    @cached_property
    def _of_columns(self) -> SeedEffect | None:
        images, means = shared_images(self.results, self.tasks), []
        for name in self._tokenizers:
            cells = [self._cell(name, task) for task in self.tasks]
            parts = [(cell.seeds, cell.scores, cell.samples.clusters) for cell in cells]
            means.append(mean_influence(parts, images).summed)
        return pooled(means)


def _aligned(column: Column) -> bool:
    """Whether it has a connector of ours: neither the ceiling nor a model that came whole has."""
    return column["kind"] == "control" or column["tokenizer"] is not None
