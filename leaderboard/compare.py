"""Two columns side by side in the terminal or as JSON: scores, tests, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .comparison import Comparison, paired_scores
from .overall import OVERALL, overall_tasks
from .results import Results
from .schema import Task
from .tables import number
from .text import EN_DASH, MINUS, printable
from .variance import Estimate, Mean, SeedEffect, influence, pooled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SHOWN = 5  # categories of a task
_TESTS = {"mcnemar": "McNemar", "t": "t", "bootstrap": "bootstrap"}


@dataclass(frozen=True)
class Share:
    """What one category adds to the difference of a task; the shares of all add up to it."""

    category: str
    a: float
    b: float
    difference: Estimate
    share: float
    n: int


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


def shares(results: Results, a: str, b: str, task: Task) -> tuple[Share, ...]:
    """How the categories of a task make up the difference a - b, the largest part first."""
    left, right = results.cell(a, task["name"]), results.cell(b, task["name"])
    if left is None or right is None or len(left.samples.by_category) < 2:
        return ()
    apart, samples = paired_scores(left, right), left.samples
    total, found = int((~np.isnan(apart)).any(axis=0).sum()), []
    for category, places in samples.by_category.items():
        moved = influence(apart[:, places], samples.clusters[places]).summed
        if moved.n:
            effect = pooled([peer.category_mean(category) for peer in left.peers])
            means = (cell.category_mean(category).mean for cell in (left, right))
            share = moved.mean * moved.n / total
            found.append(Share(category, *means, _interval(moved, effect), share, moved.n))
    return tuple(sorted(found, key=lambda one: -abs(one.share)))


def _interval(moved: Mean, effect: SeedEffect | None) -> Estimate:
    """The difference on one category; where all samples say the same, nothing tells how sure."""
    estimate = moved.estimate(effect)
    if estimate.low == estimate.high:
        return replace(estimate, low=math.nan, high=math.nan)
    return estimate


def to_dict(results: Results, a: str, b: str, found: Iterable[Compared]) -> dict[str, Any]:
    """The comparison as JSON values; what is not known is null. Percent scores are 0 to 1."""
    said = {name: {"column": column, "title": results.title(column)} for name, column in _two(a, b)}
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


def print_comparison(
    results: Results, a: str, b: str, found: list[Compared], console: Console | None = None
) -> None:
    """Print scores, tests, words and categories; readable at 80 columns."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    for name, column in _two(a, b):
        title = results.title(column)
        own = "" if title == column else f"  ({column})"
        console.print(Text(printable(f"{name.upper()}  {title}{own}")), style="bold")
    console.print(_score_table(found))
    console.print(_test_table(found))
    for one in found:
        console.print(Text(printable(f"{one.task['title']}: {one.words}")))
    for one in found:
        if one.shares:
            console.print()
            console.print(Text(printable(f"{one.task['title']}: where the difference comes from")))
            console.print(_share_table(one))
    console.print(Text(printable(_legend(found))), style="dim")


def _legend(found: list[Compared]) -> str:
    text = (
        "Intervals are 95 %, by image, each for itself. Wins, ties and losses are A's, by sample. "
        "Holm: p corrected for all pairs of tokenizers (with a control it is p). Shows from: the "
        "true difference that is shown four times in five."
    )
    if not all(one.task["higher_is_better"] for one in found):
        text += f" Where lower is better, A {MINUS} B is turned round: above 0, A is better."
    overall = [one.task["description"] for one in found if one.task["name"] == OVERALL]
    return f"{text} Overall: {overall[0]}." if overall else text


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
        parts = shares(results, a, b, task) if comparison else ()
    words = _words(results, a, b, task, comparison, pairs)
    return Compared(task, *estimates, comparison, pairs, parts, words)


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
        return f"no score for {' and '.join(results.title(name) for name in lacking or (a, b))}."
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


def _score_table(found: list[Compared]) -> Table:
    table = _table("", "A", "B", f"A {MINUS} B", "95 % interval")
    for one in found:
        cells = [_with_margin(one.task, estimate) for estimate in (one.a, one.b)]
        if one.comparison is None:
            cells += [EN_DASH, EN_DASH]
        else:
            e = one.comparison.difference.estimate
            cells += [_signed(one.task, e.mean), _between(one.task, e)]
        _add(table, f"{one.task['title']}, {_unit(one.task)}", cells)
    return table


def _test_table(found: list[Compared]) -> Table:
    table = _table("", "test", "p", "Holm", "wins/ties/losses", "shows from")
    for one in found:
        c = one.comparison
        if c is None:
            _add(table, one.task["title"], [EN_DASH] * 5)
            continue
        tally, least = f"{c.wins}/{c.ties}/{c.losses}", number(one.task, c.detectable)
        _add(table, one.task["title"], [_TESTS[c.test], _p(c.p), _p(c.adjusted), tally, least])
    return table


def _share_table(one: Compared) -> Table:
    table = _table("", "n", "A", "B", f"A {MINUS} B", "95 % interval", "adds")
    for share in one.shares[:_SHOWN]:
        means = (number(one.task, mean) for mean in (share.a, share.b))
        apart = _signed(one.task, share.difference.mean)
        adds = _signed(one.task, share.share)
        interval = _between(one.task, share.difference)
        _add(table, share.category, [f"{share.n:,}", *means, apart, interval, adds])
    rest = one.shares[_SHOWN:]
    if rest:
        n, adds = sum(share.n for share in rest), sum(share.share for share in rest)
        name = f"{len(rest)} more" if len(rest) > 1 else rest[0].category
        _add(table, name, [f"{n:,}", *[""] * 4, _signed(one.task, adds)])
    return table


def _table(first: str, *headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column(first, overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _add(table: Table, title: str, cells: list[str]) -> None:
    from rich.text import Text

    table.add_row(Text(printable(title)), *map(Text, cells))


def _with_margin(task: Task, estimate: Estimate | None) -> str:
    if estimate is None:
        return EN_DASH
    value = number(task, estimate.mean)
    return value if math.isnan(estimate.low) else f"{value}±{number(task, estimate.margin)}"


def _between(task: Task, e: Estimate) -> str:
    if math.isnan(e.low):
        return EN_DASH
    return f"{_signed(task, e.low)} to {_signed(task, e.high)}"


def _signed(task: Task, value: float) -> str:
    text = number(task, value)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def _unit(task: Task) -> str:
    unit = "%" if task["unit"] == "percent" else task["metric_title"]
    return unit if task["higher_is_better"] else f"{unit}, lower is better"


def _p(p: float) -> str:
    if math.isnan(p):
        return EN_DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _two(a: str, b: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("a", a), ("b", b)


def _known(value: Any) -> Any:
    """The same with null for every number that JSON has no word for."""
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
