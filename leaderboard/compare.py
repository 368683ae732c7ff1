"""Two columns side by side: scores, tests, what they allow to be said, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .cells import Cell
from .comparison import Comparison
from .overall import OVERALL, overall_tasks
from .results import Results
from .schema import Task
from .shares import Share, shares
from .tables import number
from .variance import Estimate


@dataclass(frozen=True)
class Compared:
    """Two columns on one scope; ``comparison`` is None where one of them has no score."""

    task: Task  # of OVERALL one made up for it
    a: Estimate | None
    b: Estimate | None
    comparison: Comparison | None
    pairs: int  # of tokenizers, for which p is corrected
    shares: tuple[Share, ...]  # the largest first
    words: str


def compare(results: Results, a: str, b: str, scopes: Sequence[str] = ()) -> list[Compared]:
    """Compare columns ``a`` and ``b`` on ``scopes``, by default on all: tasks, then overall."""
    return [_compared(results, a, b, scope) for scope in scopes or results.comparisons.scopes]


def to_dict(results: Results, a: str, b: str, found: Iterable[Compared]) -> dict[str, Any]:
    """The comparison as JSON values; what is not known is null. Percent scores are 0 to 1."""
    said = {
        name: {"column": column, "title": results.title(column)}
        for name, column in (("a", a), ("b", b))
    }
    return said | {"scopes": [_scope_dict(one) for one in found]}


def _scope_dict(one: Compared) -> dict[str, Any]:
    said: dict[str, Any] = {
        "scope": one.task["name"],
        "title": one.task["title"],
        "unit": one.task["unit"],
        "a": one.a and asdict(one.a),
        "b": one.b and asdict(one.b),
        "comparison": None,
        "words": one.words,
        "categories": [asdict(share) for share in one.shares],
    }
    if one.comparison is not None:
        c = one.comparison
        fields = ("test", "p", "adjusted", "wins", "ties", "losses", "detectable", "clear")
        said["comparison"] = {name: getattr(c, name) for name in fields}
        said["comparison"] |= {
            "difference": asdict(c.difference.estimate),
            "per_seed": list(c.difference.per_seed),
            "pairs": one.pairs,
        }
    return _known(said)


def _compared(results: Results, a: str, b: str, scope: str) -> Compared:
    comparison = results.comparisons.pair(a, b, scope)
    pairs = len(results.comparisons.of(scope))
    if scope == OVERALL:
        task = _overall_task(overall_tasks(results))
        estimates = [results.overall(name) for name in (a, b)]
        parts: tuple[Share, ...] = ()
    else:
        task = next(task for task in results.tasks if task["name"] == scope)
        cells = [results.cell(name, scope) for name in (a, b)]
        estimates = [cell.estimate if cell and cell.estimate.n else None for cell in cells]
        parts = _shares(cells) if comparison else ()
    words = _words(results, a, b, task, comparison, pairs)
    return Compared(task, *estimates, comparison, pairs, parts, words)


def _shares(cells: Sequence[Cell]) -> tuple[Share, ...]:
    """What makes up the difference, the largest part first; none of fewer than two categories."""
    if len(cells[0].samples.by_category) < 2:
        return ()
    return tuple(sorted(shares(*cells), key=lambda one: -abs(one.share)))


def _overall_task(tasks: list[Task]) -> Task:
    names = ", ".join(task["title"] for task in tasks)
    return Task(
        name=OVERALL,
        title="Overall",
        metric="mean",
        metric_title="mean",
        unit="percent",
        higher_is_better=True,
        version="",
        dataset_hash="",
        description=f"unweighted mean of {names}",
    )


def _words(
    results: Results, a: str, b: str, task: Task, comparison: Comparison | None, pairs: int
) -> str:
    if comparison is None:
        lacking = [name for name in (a, b) if not _scored(results, name, task["name"])]
        if not lacking:
            return "not compared; no sample was answered by both with a common seed."
        return f"no score for {' and '.join(results.title(name) for name in lacking)}."
    e, unit = comparison.difference.estimate, " points" if task["unit"] == "percent" else ""
    if math.isnan(comparison.p):
        return "not tested; all samples share one image."
    if comparison.clear:
        better = results.title(a if e.mean > 0 else b)
        e = e if e.mean > 0 else comparison.mirrored().difference.estimate
        return (
            f"{better} is better by {number(task, e.mean)}{unit} "
            f"({number(task, e.low)} to {number(task, e.high)})."
        )
    if comparison.p == 1 and e.mean == 0 and not comparison.wins + comparison.losses:
        return "the same score on every sample."
    text = "no difference shown"
    if comparison.p < 0.05 <= comparison.adjusted:
        text += f"; alone it would be, but not as one of {pairs} pairs"
    elif comparison.adjusted < 0.05:
        text += "; the seeds do not agree"
    least = comparison.detectable
    if math.isfinite(least):
        text += f". One of {number(task, least)}{unit} would be shown four times in five"
    return f"{text}."


def _scored(results: Results, column: str, scope: str) -> bool:
    return (
        results.overall(column) is not None
        if scope == OVERALL
        else (results.has_score(column, scope))
    )


def _known(value: Any) -> Any:
    """The same with null for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
