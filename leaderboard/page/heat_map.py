"""Every task by category: scores, and how far each column is from a baseline there."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import combinations
from typing import TYPE_CHECKING, Any

from ..schema import Task
from ..shares import Share, shares
from ..tables import Entry, category_lines, margin, number, signed
from ..text import EN_DASH
from ..variance import Estimate
from ..verdict import TaskVerdict
from .names import short_category
from .numbers import compact

if TYPE_CHECKING:
    from .render import Page

TITLE = "Categories"

Pairs = dict[tuple[str, str], dict[str, Share]]  # of two columns the shares by category

_MOST = 40  # rows of a table; the rest is in scores.json
_STEPS = 4  # strengths of colour on either side


def context(page: Page) -> dict[str, Any]:
    """One table a task; for the scripts the difference of every two columns by category."""
    tables = [_table(page, verdict) for verdict in page.verdicts]
    page.data["categories"] = {
        table["task"]["name"]: table["document"] for table in tables if table["rows"]
    }
    return {"maps": tables}


def _table(page: Page, verdict: TaskVerdict) -> dict[str, Any]:
    task, results = verdict.task, page.results
    names = [column["name"] for column in page.columns]
    groups = results.samples[task["name"]].by_category
    sizes = {category: len(groups[category]) for category in list(groups)[:_MOST]}
    shown = {category: category_lines(results, task, category) for category in sizes}
    has_baseline = page.baseline and results.has_score(page.baseline, task["name"])
    baseline = page.baseline if has_baseline else verdict.best
    pairs = _pairs(page, task, sizes)
    apart = {name: _against(pairs, name, baseline) for name in names}
    # The colours are for tokenizers: blind and ceiling are far off and would leave them pale.
    compared = [column["name"] for column in page.columns if column["kind"] == "tokenizer"]
    most = max((abs(e.mean) for name in compared for e in apart[name].values()), default=0.0)
    return {
        "task": task,
        "baseline": baseline and results.title(baseline),
        "rows": [
            {
                "category": category,
                "n": sizes[category],
                "majority": number(task, constant.mean) if constant else "",
                "answer": constant.answer if constant else "",
                "cells": [
                    _cell(task, name, baseline, entry, apart[name].get(category), most)
                    for name, entry in zip(names, entries, strict=True)
                ],
            }
            for category, (constant, entries) in shown.items()
        ],
        "left_out": max(0, len(groups) - _MOST),
        "document": {
            "baseline": baseline,
            "categories": [[short_category(name), size] for name, size in sizes.items()],
            "pairs": [
                [names.index(a), names.index(b), *_numbers(found, sizes)]
                for (a, b), found in pairs.items()
            ],
        },
    }


def _pairs(page: Page, task: Task, shown: Collection[str]) -> Pairs:
    """Every two columns that have the task: what each category that is shown adds."""
    cells = {
        column["name"]: cell
        for column in page.columns
        if (cell := page.results.cell(column["name"], task["name"])) and cell.mean.n
    }
    return {
        (a, b): {own.category: own for own in shares(cells[a], cells[b]) if own.category in shown}
        for a, b in combinations(cells, 2)
    }


def _against(pairs: Pairs, name: str, baseline: str | None) -> dict[str, Estimate]:
    """A column's distance from the baseline by category, positive where it is better."""
    if (name, baseline) in pairs:
        return {key: share.difference for key, share in pairs[name, baseline].items()}
    turned = pairs.get((baseline, name), {})
    return {key: share.difference.mirrored() for key, share in turned.items()}


def _cell(
    task: Task,
    name: str,
    baseline: str | None,
    entry: Entry | None,
    e: Estimate | None,
    most: float,
) -> dict[str, Any]:
    """A column's score on one category, and ``e``, how far it is from the baseline there."""
    return {
        "name": name,
        "entry": entry,
        "base": name == baseline,
        "apart": f"{signed(task, e.mean)}{margin(task, e)}" if e else EN_DASH,
        "sure": e is not None and (e.low > 0 or e.high < 0),
        "shade": _shade(e.mean, most) if e else 0,
    }


def _numbers(found: dict[str, Share], sizes: dict[str, int]) -> list[list[float | int | None]]:
    """By category the difference and the ends of its interval; counts where not all answered."""
    known = [found.get(category) for category in sizes]
    numbers: list[list[float | int | None]] = [
        [share and compact(getattr(share.difference, end)) for share in known]
        for end in ("mean", "low", "high")
    ]
    counts = [share.difference.n if share else 0 for share in known]
    return numbers if counts == list(sizes.values()) else [*numbers, counts]


def _shade(value: float, most: float) -> int:
    """Strength of the colour, -4 to 4, as a share of the largest distance of a tokenizer."""
    if not most:
        return 0
    steps = min(_STEPS, math.ceil(_STEPS * abs(value) / most - 1e-9))
    return round(math.copysign(steps, value))
