"""Every two columns against each other: who is shown to be ahead, by how much and where."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from ..comparison import Comparison
from ..overall import OVERALL
from ..schema import Task
from ..tables import signed, signed_interval
from .numbers import compact

if TYPE_CHECKING:
    from .render import Page

TITLE = "Pairs"

TESTS = {
    "mcnemar": "exact McNemar test",
    "t": "t test, clustered by image",
    "bootstrap": "bootstrap over images",
}


def context(page: Page) -> dict[str, Any] | None:
    """One matrix of tokenizers a scope, overall first; None where there is nothing to compare."""
    if len(page.columns) < 2 or not page.tasks:
        return None
    page.data["pairs"] = _document(page)
    scopes = [page.overall.task] if page.overall else []
    matrices = [_matrix(page, task) for task in [*scopes, *page.tasks]]
    return {"matrices": [matrix for matrix in matrices if matrix["rows"]]}


def _matrix(page: Page, task: Task) -> dict[str, Any]:
    """What every tokenizer (row) is against every other: value, word and whether it is shown."""
    comparisons, scope = page.results.comparisons, task["name"]
    known = {name for c in comparisons.of(scope) for name in (c.a, c.b)}
    columns = [c for c in page.results.columns("tokenizer") if c["name"] in known]
    rows = [
        (a, [_against(task, comparisons.pair(a["name"], b["name"], scope)) for b in columns])
        for a in columns
    ]
    return {"task": task, "columns": columns, "rows": rows}


def _against(task: Task, comparison: Comparison | None) -> dict[str, str] | None:
    if comparison is None or comparison.a == comparison.b:
        return None
    e = comparison.difference.estimate
    ahead = "ahead" if e.mean > 0 else "behind"
    return {
        "value": signed(task, e.mean),
        "interval": signed_interval(task, e),
        "word": ahead if comparison.clear else "not shown",
        "kind": ahead if comparison.clear else "level",
    }


def _document(page: Page) -> dict[str, Any]:
    """``pairs[scope]``: rows of a, b (places in ``columns``), then the fields of a comparison."""
    names = [column["name"] for column in page.columns]
    tests = list(TESTS)
    comparisons = page.results.comparisons
    return {
        "tests": list(TESTS.values()),
        "overall": OVERALL,
        "pairs": {
            scope: [
                [i, j, *_numbers(comparison), tests.index(comparison.test)]
                for (i, a), (j, b) in combinations(enumerate(names), 2)
                if (comparison := comparisons.pair(a, b, scope)) is not None
            ]
            for scope in comparisons.scopes
        },
    }


def _numbers(c: Comparison) -> list[float | int | None]:
    e = c.difference.estimate
    figures = [compact(x) for x in (e.mean, e.low, e.high, c.p, c.adjusted, c.detectable)]
    return [*figures, c.wins, c.ties, c.losses, int(c.clear)]
