"""The result table in the terminal, readable at 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .claims import MARKS, in_words
from .results import Results
from .tables import Entry, Line, main_lines, signed, signed_interval
from .text import EN_DASH, printable
from .verdict import judge_all
from .wording import put_in_words

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2  # between columns
_STYLES = {"reference": "dim", "control": "dim", "tokenizer": "", "ceiling": "dim"}


def print_results(results: Results, console: Console | None = None) -> None:
    """Print the headline and the main table; tasks go on further tables where 80 is too narrow."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    verdicts = judge_all(results)
    lines = main_lines(results, verdicts)
    first = max(len(printable(line.title)) for line in lines)
    for tasks in _groups(results, lines, console.width - first - _GAP):
        console.print(_table(results, lines, tasks))
    entries = [entry for line in lines for entry in line.entries if entry]
    if any(entry.leads for entry in entries):
        console.print(
            Text("* leads, or no difference from the leader is shown (paired, by image)"),
            style="dim",
        )
    if any(entry.not_above for entry in entries):
        console.print(
            Text("† not shown to beat every control, the majority and the best without image"),
            style="dim",
        )
    wording = put_in_words(results, verdicts)
    console.print(Text(printable(f"{wording.answer} {wording.reason}")), style="bold")
    if results.claims:
        console.print(Text(in_words(results.claims), style="bold"))
        console.print(_claims(results))
    for task, files in results.submissions:
        title, where = printable(task["title"]), ", ".join(files) or "nothing yet"
        console.print(Text(f"{title}: no score, submission written: {where}"))
    failed = sum(cell.counts()["failed"] for cell in results.cells.values())
    if failed:
        console.print(Text(f"{failed} answers failed and are in no score; see the report."))


def _groups(results: Results, lines: list[Line], room: int) -> list[list[int]]:
    """Tasks that fit side by side into so many characters; one that does not stands alone."""
    groups: list[list[int]] = []
    left = 0
    for t in range(len(results.tasks)):
        needs = _GAP + _width(results, lines, t)
        if not groups or needs > left:
            groups.append([])
            left = room
        groups[-1].append(t)
        left -= needs
    return groups


def _width(results: Results, lines: list[Line], t: int) -> int:
    """Characters of the longest number of a task or of the longest word above them."""
    texts = [_show(line.entries[t]) for line in lines] + _heading(results, t).split()
    return max(map(len, texts))


def _heading(results: Results, t: int) -> str:
    task = results.tasks[t]
    unit = "%" if task["unit"] == "percent" else task["metric_title"]
    return printable(f"{task['title']}\n{unit}")


def _table(results: Results, lines: list[Line], tasks: list[int]):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("", no_wrap=True)
    for t in tasks:
        least = _width(results, lines, t)
        table.add_column(Text(_heading(results, t)), justify="right", min_width=least)
    kind = lines[0].kind
    for line in lines:
        if line.kind != kind and "tokenizer" in (line.kind, kind):
            table.add_section()
        kind = line.kind
        texts = [Text(_show(line.entries[t])) for t in tasks]
        table.add_row(Text(printable(line.title)), *texts, style=_STYLES[line.kind])
    return table


def _claims(results: Results):
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for fixed in (True, True, False):
        table.add_column(no_wrap=fixed)
    for judged in results.claims:
        gap, said = "", judged.claim["statement"]
        if judged.difference:
            e = judged.difference.estimate
            gap = f"{signed(judged.task, e.mean)} ({signed_interval(judged.task, e)})"
        if judged.notes:
            said += f" ({'; '.join(judged.notes)})"
        verdict = f"{MARKS[judged.verdict]} {judged.verdict}"
        table.add_row(*(Text(printable(text)) for text in (verdict, gap, said)))
    return table


def _show(entry: Entry | None) -> str:
    if entry is None:
        return f"{EN_DASH}      "
    mark = "*" if entry.leads else "†" if entry.not_above else " "
    return f"{entry.value}{entry.margin or '     '}{mark}"
