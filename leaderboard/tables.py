"""Rows and cells of the tables that the terminal and the HTML report both show."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .figures import figures
from .results import Results
from .schema import Column, Task
from .statistics import Constant, Estimate
from .text import EN_DASH, MINUS
from .verdict import TaskVerdict


@dataclass(frozen=True)
class Entry:
    """One number of a table; bounds are NaN where there is no interval."""

    task: Task
    estimate: Estimate
    leads: bool = False
    not_above: tuple[str, ...] = ()  # titles of controls it is not shown to beat
    note: str = ""

    @property
    def value(self) -> str:
        """The mean in the task's unit: percent with one decimal, or a score with two."""
        return number(self.task, self.estimate.mean)

    @property
    def margin(self) -> str:
        """The larger half of the interval, as ``±1.8``; empty without an interval."""
        return margin(self.task, self.estimate)

    @property
    def interval(self) -> str:
        """The interval, as ``69.5-73.1`` with an en dash; empty without one."""
        e = self.estimate
        if math.isnan(e.low):
            return ""
        low, high = number(self.task, e.low), number(self.task, e.high)
        return f"{low} to {high}" if e.low < 0 else f"{low}{EN_DASH}{high}"


@dataclass(frozen=True)
class Line:
    """One row of the main table. ``kind`` is reference, control, tokenizer or ceiling."""

    name: str
    title: str
    kind: str
    entries: tuple[Entry | None, ...]  # one a task; None is a missing cell
    column: Column | None = None  # None for rows that are computed from the gold answers
    description: str = ""


def number(task: Task, value: float) -> str:
    """A score in the task's unit with a real minus sign; a dash for NaN."""
    if math.isnan(value):
        return EN_DASH
    text = f"{100 * value:.1f}" if task["unit"] == "percent" else f"{value:.2f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def margin(task: Task, e: Estimate) -> str:
    """The larger half of an interval, as ``±1.8``; empty without an interval."""
    return "" if math.isnan(e.low) else f"±{number(task, e.margin)}"


def signed(task: Task, value: float) -> str:
    """A difference of scores: ``number`` with a plus where it is not negative and not zero."""
    text = number(task, value)
    if math.isnan(value) or text.startswith(MINUS) or not float(text):
        return text
    return f"+{text}"


def signed_interval(task: Task, e: Estimate, between: str = " to ") -> str:
    """The interval of a difference, as ``+1.2 to +5.0``; empty without one."""
    return "" if math.isnan(e.low) else f"{signed(task, e.low)}{between}{signed(task, e.high)}"


def probability(p: float) -> str:
    """A p-value for reading: ``p = 0.012``, ``p < 0.001``."""
    if math.isnan(p):
        return "not tested"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def main_lines(results: Results, verdicts: list[TaskVerdict]) -> list[Line]:
    """The rows of the main table, from the floor (chance) over the tokenizers to the ceiling."""
    lines = [
        Line(
            "chance",
            "Chance",
            "reference",
            tuple(_plain(task, results.floors.chance(task)) for task in results.tasks),
            description="a uniform guess over the answers each question allows",
        ),
        Line(
            "majority",
            "Majority answer",
            "reference",
            tuple(_constant(results, task) for task in results.tasks),
            description="the best constant answer, chosen with the gold answers in hand",
        ),
        Line(
            "majority_by_category",
            "Majority, by category",
            "reference",
            tuple(_by_category(results, task) for task in results.tasks),
            description="the best constant answer of each question category",
        ),
        Line(
            "image_free",
            "Best without image",
            "reference",
            tuple(_image_free(results, task) for task in results.tasks),
            description="what the questions alone predict, fitted on other images' answers: the "
            "best of several predictors, chosen on other images too (gvt audit)",
        ),
    ]
    lines = [line for line in lines if any(line.entries)]
    for column in results.columns("control") + results.columns("tokenizer", "ceiling"):
        entries = tuple(_cell_entry(results, column, verdict) for verdict in verdicts)
        lines.append(
            Line(
                column["name"],
                column["title"],
                column["kind"],
                entries,
                column,
                column["description"],
            )
        )
    order = {"reference": 0, "control": 1, "tokenizer": 2, "ceiling": 3}
    return sorted(lines, key=lambda line: order[line.kind])


def category_lines(results: Results, task: Task, category: str) -> tuple[Constant | None, list]:
    """The category's best constant answer, and one Entry (or None) a column in suite order."""
    entries: list[Entry | None] = []
    for column in display_order(results):
        cell = results.cell(column["name"], task["name"])
        estimate = cell.category_estimate(category) if cell else None
        entries.append(Entry(task, estimate) if estimate and estimate.n else None)
    return results.floors.majority(task, category), entries


def figure_table(results: Results, task: Task) -> dict[str, list]:
    """The figures beside a task's main score, for people.

    ``titles`` in the order to show and ``rows`` of (column, one Entry or None a title); both are
    empty where no column has such figures.
    """
    titles: dict[str, str] = {}
    found = {}
    for column in display_order(results):
        cell = results.cell(column["name"], task["name"])
        found[column["name"]] = own = figures(cell) if cell else {}
        titles |= {name: figure.title for name, figure in own.items()}
    rows = []
    for column in display_order(results) if titles else []:
        entries = []
        for name in titles:
            figure = found[column["name"]].get(name)
            # The figure's own unit decides how it is written, not that of the main score.
            entries.append(figure and Entry({**task, "unit": figure.unit}, figure.estimate))
        rows.append((column, entries))
    return {"titles": list(titles.values()), "rows": rows}


def display_order(results: Results) -> list[Column]:
    """Controls, tokenizers, ceiling: the order of every table."""
    return results.columns("control") + results.columns("tokenizer") + results.columns("ceiling")


def _cell_entry(results: Results, column: Column, verdict: TaskVerdict) -> Entry | None:
    cell = results.cell(column["name"], verdict.task["name"])
    if cell is None or not cell.estimate.n:
        return None
    controls = verdict.not_above.get(column["name"], ())
    short = cell.estimate.n < len(cell.samples)
    return Entry(
        verdict.task,
        cell.estimate,
        leads=column["name"] in verdict.settled,
        not_above=tuple(results.title(name) for name in controls),
        note=f"n = {cell.estimate.n} of {len(cell.samples)}" if short else "",
    )


def _plain(task: Task, mean: float) -> Entry | None:
    if math.isnan(mean):
        return None
    return Entry(task, Estimate(mean, math.nan, math.nan, 0, 0))


def _constant(results: Results, task: Task) -> Entry | None:
    constant, estimate = results.floors.majority(task), results.floors.majority_estimate(task)
    if constant is None or estimate is None:
        return None
    answer = constant.answer if len(constant.answer) <= 24 else constant.answer[:23] + "…"
    return Entry(task, estimate, note=f"“{answer}”")


def _by_category(results: Results, task: Task) -> Entry | None:
    estimate = results.floors.majority_by_category(task)
    return estimate and Entry(task, estimate)


def _image_free(results: Results, task: Task) -> Entry | None:
    cell = results.floors.image_free(task)
    if cell is None:
        return None
    # Several predictors, each with its share of the folds: the first was chosen most often.
    first, *others = task["image_free"]["predictor"].split(", ")
    note = f"mostly {first.rpartition(' ')[0]}" if others else first
    return Entry(task, cell.estimate, note=note)
