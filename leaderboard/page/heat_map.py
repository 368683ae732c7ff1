"""Every task by category: scores, and how far each column is from a baseline there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..schema import Task
from ..tables import Entry, category_lines, number, signed
from ..verdict import TaskVerdict
from .names import short_category
from .numbers import compact

if TYPE_CHECKING:
    from .render import Page

TITLE = "Categories"

_MOST = 40  # rows of a table; the rest is in scores.json
_STEPS = 4  # strengths of colour on either side


def context(page: Page) -> dict[str, Any]:
    """One table a task; the means by category for the scripts."""
    tables = [_table(page, verdict) for verdict in page.verdicts]
    page.data["categories"] = {
        table["task"]["name"]: table["document"] for table in tables if table["rows"]
    }
    return {"maps": tables}


def _table(page: Page, verdict: TaskVerdict) -> dict[str, Any]:
    task, results = verdict.task, page.results
    names = [column["name"] for column in page.columns]
    groups = results.samples[task["name"]].by_category
    largest = list(groups)[:_MOST]
    shown = {category: category_lines(results, task, category) for category in largest}
    has_baseline = page.baseline and results.has_score(page.baseline, task["name"])
    baseline = page.baseline if has_baseline else verdict.best
    place = names.index(baseline) if baseline else None
    apart = {
        category: [_apart(task, e, entries, place) for e in entries]
        for category, (_, entries) in shown.items()
    }
    # The colours are for tokenizers: blind and ceiling are far off and would leave them pale.
    compared = [i for i, column in enumerate(page.columns) if column["kind"] == "tokenizer"]
    known = [abs(row[i]) for row in apart.values() for i in compared if not math.isnan(row[i])]
    most = max(known, default=0.0)
    return {
        "task": task,
        "baseline": baseline and results.title(baseline),
        "rows": [
            {
                "category": category,
                "n": len(groups[category]),
                "majority": number(task, constant.mean) if constant else "",
                "answer": constant.answer if constant else "",
                "cells": [
                    (
                        name,
                        entry,
                        "baseline" if name == baseline else signed(task, d),
                        _shade(d, most),
                    )
                    for name, entry, d in zip(names, entries, apart[category], strict=True)
                ],
            }
            for category, (constant, entries) in shown.items()
        ],
        "left_out": max(0, len(groups) - _MOST),
        "document": {
            "n": len(results.samples[task["name"]]),
            "higher": task["higher_is_better"],
            "baseline": baseline,
            "categories": [[short_category(name), len(groups[name])] for name in shown],
            "means": {
                name: [
                    compact(entries[i].estimate.mean) if entries[i] else None
                    for _, entries in shown.values()
                ]
                for i, name in enumerate(names)
            },
        },
    }


def _apart(task: Task, entry: Entry | None, entries: list, place: int | None) -> float:
    """Distance from the baseline's mean, positive where better; NaN where one is missing."""
    if entry is None or place is None or entries[place] is None:
        return math.nan
    gap = entry.estimate.mean - entries[place].estimate.mean
    return gap if task["higher_is_better"] else -gap


def _shade(value: float, most: float) -> int:
    """Strength of the colour, -4 to 4, as a share of the largest distance of a tokenizer."""
    if math.isnan(value) or not most:
        return 0
    steps = min(_STEPS, math.ceil(_STEPS * abs(value) / most - 1e-9))
    return round(math.copysign(steps, value))
