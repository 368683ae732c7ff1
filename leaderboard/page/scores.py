"""The main table: every column overall and on every task, between floor and ceiling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..overall import OVERALL
from ..results import Results
from ..schema import Task
from ..tables import Entry, Line
from ..text import EN_DASH
from ..variance import Estimate
from ..verdict import TaskVerdict
from .cost import costs
from .numbers import compact

if TYPE_CHECKING:
    from .render import Page

TITLE = "Scores"


@dataclass(frozen=True)
class Row:
    """A line of the table with what stands before and behind the tasks."""

    line: Line
    overall: Entry | None
    rank: str  # the rank's interval in words; empty without one
    cost: dict[str, Any] | None  # of columns only


def context(page: Page) -> dict[str, Any]:
    """The rows, and the overall scope as a task; what scripts need of every cell."""
    verdict = page.overall
    taken = {cost["column"]["name"]: cost for cost in costs(page.results)}
    ranks = page.results.ranks(OVERALL) if verdict else {}
    rows = []
    for line in page.lines:
        entry = _overall(page.results, line, verdict) if verdict else None
        place = ranks.get(line.name)
        rank = f"rank {_span(place.low, place.high)}" if place else ""
        rows.append(Row(line, entry, rank, taken.get(line.name)))
    page.data["scores"] = _document(page, verdict)
    return {"rows": rows, "overall": verdict and verdict.task}


def _overall(results: Results, line: Line, verdict: TaskVerdict) -> Entry | None:
    estimate = results.overall(line.name) if line.column else None
    if estimate is None:
        return None
    floors = verdict.not_above.get(line.name, ())
    return Entry(
        verdict.task,
        estimate,
        leads=line.name in verdict.settled,
        not_above=tuple(results.title(name) for name in floors),
    )


def _document(page: Page, overall: TaskVerdict | None) -> dict[str, Any]:
    """``cells[scope][column]``: mean, low, high, n, images, seeds, spread over seeds, failed."""
    scopes = [_scope(v.task, v) for v in page.verdicts]
    cells = {task["name"]: _cells(page, task["name"]) for task in page.tasks}
    if overall:
        scopes.append(_scope(overall.task, overall))
        estimates = {c["name"]: page.results.overall(c["name"]) for c in page.columns}
        cells[OVERALL] = {name: _numbers(e) for name, e in estimates.items() if e is not None}
    return {
        "columns": [{key: c[key] for key in ("name", "title", "kind")} for c in page.columns],
        "scopes": scopes,
        "cells": cells,
        "baseline": page.baseline,
    }


def _scope(task: Task, verdict: TaskVerdict) -> dict[str, Any]:
    return {
        "name": task["name"],
        "title": task["title"],
        "unit": task["unit"],
        "metric": task["metric_title"],
        "skill": "" if task["name"] == OVERALL else task.get("skill", ""),
        "higher": task["higher_is_better"],
        "best": verdict.best,
    }


def _cells(page: Page, task: str) -> dict[str, list]:
    found = {}
    for column in page.columns:
        cell = page.results.cell(column["name"], task)
        if cell is not None and cell.estimate.n:
            seeds = [len(cell.seeds), compact(cell.seed_spread), cell.counts()["failed"]]
            found[column["name"]] = _numbers(cell.estimate) + seeds
    return found


def _numbers(e: Estimate) -> list[float | int | None]:
    return [compact(e.mean), compact(e.low), compact(e.high), e.n, e.images]


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}{EN_DASH}{high}"
