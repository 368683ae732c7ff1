"""What all tables and figures are made of: scopes, rows with overall scores, pairs to compare."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

from ..claims import Judged
from ..comparison import Comparison
from ..results import Results
from ..schema import Task
from ..tables import Entry, Line, display_order, main_lines, number
from ..text import join, printable, shorten
from ..verdict import TaskVerdict, judge_overall

_PAIRS = 15  # six tokenizers; more are compared with the best one alone
_TITLE, _STATEMENT = 60, 300  # characters of a name and of a claim in a table


@dataclass(frozen=True)
class Scope:
    """A column of the tables: a task, or all tasks together."""

    name: str
    title: str
    unit: str  # such as "accuracy, %" or "CIDEr-D"
    task: Task


@dataclass(frozen=True)
class Material:
    """The results to write down."""

    results: Results
    verdicts: list[TaskVerdict]
    baseline: str | None = None  # column that differences are shown to
    model_index: str | None = None  # column to make a model index for; None: every tokenizer
    source_url: str | None = None  # where the report is published, for the model index

    @cached_property
    def scopes(self) -> list[Scope]:
        """The tasks in suite order, then the mean over those scored in percent."""
        tasks = [*self.results.tasks, *([self._overall.task] if self._overall else [])]
        return [Scope(task["name"], task["title"], _unit(task), task) for task in tasks]

    @cached_property
    def rows(self) -> list[Line]:
        """The lines of the main table, one entry a scope."""
        lines = main_lines(self.results, self.verdicts)
        if self._overall is None:
            return lines
        return [replace(line, entries=(*line.entries, self._mean(line))) for line in lines]

    @cached_property
    def centre(self) -> str | None:
        """The one column that the others are compared with; None if tokenizers meet in pairs.

        Without a baseline the pairs of many tokenizers would fill pages: the best one stands in.
        """
        tokenizers = self.results.columns("tokenizer")
        few = math.comb(len(tokenizers), 2) <= _PAIRS or not self.scopes
        if self.baseline is not None or few:
            return self.baseline
        ranks = self.results.ranks(self.scopes[-1].name)
        return min(ranks, key=lambda name: ranks[name].rank, default=tokenizers[0]["name"])

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Columns to compare: all with the baseline, or the tokenizers among themselves."""
        columns = display_order(self.results)
        if self.baseline is None:
            columns = self.results.columns("tokenizer")
        names = [column["name"] for column in columns]
        if self.centre is None:
            return list(combinations(names, 2))
        return [(name, self.centre) for name in names if name != self.centre]

    def comparisons(self, pair: tuple[str, str]) -> list[Comparison | None]:
        """One comparison a scope; None where one of the two has no score."""
        return [self.results.comparisons.pair(*pair, scope.name) for scope in self.scopes]

    def title(self, name: str) -> str:
        """A column's title, short enough for a table."""
        return short(self.results.title(name))

    def statement(self, judged: Judged) -> str:
        """A claim in its own words, short enough for a table."""
        return shorten(" ".join(printable(judged.claim["statement"]).split()), _STATEMENT)

    def sides(self, judged: Judged) -> tuple[str, str]:
        """The columns that a claim puts above others, and these, by their titles."""
        titles = {column["name"]: column["title"] for column in self.results.columns()}
        higher, lower = (
            join([short(titles.get(name, name)) for name in judged.claim[side]])
            for side in ("higher", "lower")
        )
        return higher, lower

    @cached_property
    def _overall(self) -> TaskVerdict | None:
        return judge_overall(self.results)

    def _mean(self, line: Line) -> Entry | None:
        """The overall score of a line of the main table."""
        estimate = line.column and self.results.overall(line.name)
        if not estimate:
            return None
        below = self._overall.not_above.get(line.name, ())
        return Entry(
            self._overall.task,
            estimate,
            leads=line.name in self._overall.settled,
            not_above=tuple(map(self.results.title, below)),
        )


def short(text: str) -> str:
    """Text of a run for a cell of a table: one line of at most 60 characters."""
    text = " ".join(printable(text[: 4 * _TITLE]).split())
    return text if len(text) <= _TITLE else text[: _TITLE - 1] + "…"


def signed(task: Task, value: float) -> str:
    """A difference in the task's unit, always with its sign; a dash for NaN."""
    text = number(task, value)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text


def gap(comparison: Comparison, scope: Scope, between: str) -> tuple[str, str]:
    """A difference and its interval for people: ``+3.1`` and ``+1.2 to +5.0``, or empty."""
    e = comparison.difference.estimate
    mean, low, high = (signed(scope.task, value) for value in (e.mean, e.low, e.high))
    return mean, "" if math.isnan(e.low) else f"{low}{between}{high}"


def _unit(task: Task) -> str:
    unit = f"{task['metric_title']}, %" if task["unit"] == "percent" else task["metric_title"]
    return unit if task["higher_is_better"] else f"{unit}, lower is better"
