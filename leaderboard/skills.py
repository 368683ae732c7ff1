"""Semantics against fine-grained perception: means over the tasks of each skill, compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from .overall import mean_influence, shared_images
from .paired import common_seeds, paired_scores
from .significance import student_p
from .text import join
from .variance import CONFIDENCE, Estimate, Influence, Mean, SeedEffect, pooled

if TYPE_CHECKING:
    from .cells import Cell
    from .results import Results
    from .schema import Task

Skill = Literal["semantics", "fine-grained"]
SKILLS: tuple[Skill, Skill] = ("semantics", "fine-grained")
_CALLED = {"semantics": "semantics", "fine-grained": "fine-grained tasks"}


@dataclass(frozen=True)
class Profile:
    """One column's means over the tasks of each skill, and the first minus the second."""

    semantics: Estimate
    fine_grained: Estimate
    difference: Estimate


class Skills:
    """The tasks of each skill and what the columns that have all of them score there.

    Intervals are cluster-robust over images, which the tasks may share. Tasks on another scale
    (CIDEr-D) are in ``left_out``: a mean over scales depends on their units.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        told = [task for task in results.tasks if "skill" in task]
        self.left_out = [task for task in told if not _counts(task)]
        self.tasks: dict[Skill, list[Task]] = {
            skill: [task for task in told if task["skill"] == skill and _counts(task)]
            for skill in SKILLS
        }
        self._means: dict[tuple[str, ...], Mean] = {}

    @property
    def complete(self) -> bool:
        """Whether there are tasks of both skills."""
        return all(self.tasks.values())

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """By column, in the run's order; without the ceiling."""
        semantics, fine_grained, apart = (
            {name: mean.within(bounds, self._effect(weights)) for name, mean in means.items()}
            for weights, bounds in (
                ({"semantics": 1.0}, (0.0, 1.0)),
                ({"fine-grained": 1.0}, (0.0, 1.0)),
                ({"semantics": 1.0, "fine-grained": -1.0}, (-1.0, 1.0)),
            )
            for means in [{name: self._mean(name, weights) for name in self._columns}]
        )
        return {
            name: Profile(semantics[name], fine_grained[name], apart[name])
            for name in self._columns
        }

    def leaders(self, skill: Skill) -> list[str]:
        """Tokenizers, best first, that are not shown to be behind the best."""
        means = {
            column["name"]: self._score(column["name"], skill)
            for column in self._results.columns("tokenizer")
            if column["name"] in self.profiles
        }
        ranked = sorted(means, key=lambda name: -means[name])
        return [
            name for name in ranked if name == ranked[0] or not self.ahead(ranked[0], name, skill)
        ]

    def ahead(self, a: str, b: str, skill: Skill) -> bool:
        """Whether ``a`` is shown to score above ``b``, corrected for the number of pairs."""
        count = sum(c["name"] in self.profiles for c in self._results.columns("tokenizer"))
        tasks = self.tasks[skill]
        cells = [(self._cell(a, task), self._cell(b, task)) for task in tasks]
        moved = self._influence(
            tasks, [(common_seeds(x, y), paired_scores([x], [y]), x.samples) for x, y in cells]
        )
        mean, per_seed = moved.summed, moved.mean + len(moved.by_seed) * moved.by_seed
        if mean.images < 2 or mean.mean <= 0 or (per_seed <= 0).any():
            return False
        variance, degrees = mean.spread(self._effect({skill: 1.0}))
        p = 0.0 if variance == 0 else student_p(mean.mean, variance, degrees)
        return p * max(math.comb(count, 2), 1) < 1 - CONFIDENCE

    def _score(self, column: str, skill: Skill) -> float:
        profile = self.profiles[column]
        return (profile.semantics if skill == "semantics" else profile.fine_grained).mean

    @cached_property
    def _columns(self) -> list[str]:
        """Tokenizers and controls that have all tasks, in the run's order."""
        return [
            column["name"]
            for column in self._results.columns("tokenizer", "control")
            if self.complete and all(self._cell(column["name"], task) for task in self._all)
        ]

    @property
    def _all(self) -> list[Task]:
        return [task for tasks in self.tasks.values() for task in tasks]

    def _cell(self, column: str, task: Task) -> Cell | None:
        cell = self._results.cell(column, task["name"])
        return cell if cell is not None and cell.mean.n else None

    def _mean(self, column: str, weights: dict[Skill, float]) -> Mean:
        """The weighted sum of the means of skills."""
        key = (column, *weights)
        if key not in self._means:
            self._means[key] = self._weighted(column, weights)
        return self._means[key]

    def _weighted(self, column: str, weights: dict[Skill, float]) -> Mean:
        tasks = [task for skill in weights for task in self.tasks[skill]]
        parts = []
        for task in tasks:
            cell = self._cell(column, task)
            # What becomes the skill's mean in the mean over all these tasks.
            share = weights[task["skill"]] * len(tasks) / len(self.tasks[task["skill"]])
            parts.append((cell.seeds, share * cell.scores, cell.samples))
        return self._influence(tasks, parts).summed

    def _influence(self, tasks: Sequence[Task], parts: Sequence[tuple]) -> Influence:
        images = shared_images(self._results, tasks)
        return mean_influence(
            [(seeds, scores, samples.clusters) for seeds, scores, samples in parts], images
        )

    def _effect(self, weights: dict[Skill, float]) -> SeedEffect | None:
        """What seeds do to this sum, as all tokenizers tell."""
        names = {column["name"] for column in self._results.columns("tokenizer")}
        return pooled([self._mean(name, weights) for name in self._columns if name in names])


def _counts(task: Task) -> bool:
    return task["unit"] == "percent" and task["higher_is_better"]


def in_words(skills: Skills, title: Callable[[str], str]) -> list[str]:
    """Who leads on each skill, and whether the two rank the tokenizers alike; one sentence each."""
    first = {skill: skills.leaders(skill) for skill in SKILLS}
    if not all(first.values()):
        return []
    sentences = []
    for skill, names in first.items():
        titles = [title(name) for name in names]
        if len(titles) == 1:
            sentences.append(f"{titles[0]} leads on {_CALLED[skill]}.")
        else:
            others = join(titles[1:], "or")
            sentences.append(
                f"On {_CALLED[skill]} {titles[0]} scores highest; "
                f"no difference shown from {others}."
            )
    if len(skills.profiles) < 2:
        return sentences
    (a, *_), (b, *_) = first.values()
    if a == b and all(len(names) == 1 for names in first.values()):
        verdict = f"Both skills put {title(a)} first: there is no trade-off to choose between."
    elif skills.ahead(a, b, "semantics") and skills.ahead(b, a, "fine-grained"):
        verdict = (
            f"So the two skills rank them differently: {title(a)} is ahead of {title(b)} on "
            "semantics and behind on fine-grained tasks."
        )
    else:
        verdict = "That the two skills rank the tokenizers differently is not shown."
    return [*sentences, verdict]
