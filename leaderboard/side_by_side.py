"""The comparison of two columns in the terminal, readable at 80 columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .compare import Compared
from .overall import OVERALL
from .results import Results
from .schema import Task
from .tables import margin, number, signed, signed_interval
from .text import EN_DASH, MINUS, printable
from .variance import Estimate

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_SHOWN = 5  # categories of a task
_TESTS = {"mcnemar": "McNemar", "t": "t", "bootstrap": "bootstrap"}


def print_comparison(
    results: Results, a: str, b: str, found: list[Compared], console: Console | None = None
) -> None:
    """Print scores, tests, words and categories; readable at 80 columns."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    for name, column in (("A", a), ("B", b)):
        title = results.title(column)
        own = "" if title == column else f"  ({column})"
        console.print(Text(printable(f"{name}  {title}{own}")), style="bold")
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


def _score_table(found: list[Compared]) -> Table:
    table = _table("", "A", "B", f"A {MINUS} B", "95 % interval")
    for one in found:
        cells = [_with_margin(one.task, estimate) for estimate in (one.a, one.b)]
        if one.comparison is None:
            cells += [EN_DASH, EN_DASH]
        else:
            e = one.comparison.difference.estimate
            cells += [signed(one.task, e.mean), signed_interval(one.task, e) or EN_DASH]
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
        apart = signed(one.task, share.difference.mean)
        adds = signed(one.task, share.share)
        interval = signed_interval(one.task, share.difference) or EN_DASH
        _add(table, share.category, [f"{share.difference.n:,}", *means, apart, interval, adds])
    rest = one.shares[_SHOWN:]
    if rest:
        n, adds = sum(share.difference.n for share in rest), sum(share.share for share in rest)
        name = f"{len(rest)} more" if len(rest) > 1 else rest[0].category
        _add(table, name, [f"{n:,}", *[""] * 4, signed(one.task, adds)])
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
    return f"{number(task, estimate.mean)}{margin(task, estimate)}"


def _unit(task: Task) -> str:
    unit = "%" if task["unit"] == "percent" else task["metric_title"]
    return unit if task["higher_is_better"] else f"{unit}, lower is better"


def _p(p: float) -> str:
    if math.isnan(p):
        return EN_DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"
