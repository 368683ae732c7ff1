"""An explained sample on the terminal; columns that answered alike stand together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Any

from gvt.explain.sample import Answer, Explained
from leaderboard.text import printable

if TYPE_CHECKING:
    from rich.console import Console


def show(found: Explained, console: Console | None = None) -> None:
    """Print the sample, then each different answer with those who gave it, and its scoring."""
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    task, row = found.task, found.row
    title = f"{task['title']}  {task['name']}:{row['doc_id']}"
    console.print(Text(printable(title)), style="bold")
    console.print(_pairs(_facts(found)))
    for answers in _alike(found.answers):
        console.print()
        console.print(
            Text(printable(f"{_quoted(answers[0].row)}  {_marks(answers[0].row)}")), style="bold"
        )
        console.print(Text(printable("  " + ", ".join(_names(answers, found.answers)))))
        for rule, steps in groupby(answers[0].steps, key=lambda step: step.rule):
            console.print(Text(printable(f"  {rule}")), style="italic")
            console.print(_pairs(((step.what, _said(step.value)) for step in steps), indent=4))
        scores = answers[0].row["scores"]
        if scores:
            main = task["metric"]
            named = sorted(scores, key=lambda name: name != main)
            told = ", ".join(f"{name} {scores[name]:.4g}" for name in named)
            console.print(_pairs([("scores", told)], indent=2))
    console.print()
    for note in found.notes:
        console.print(Text(printable(note)))
    if task["unit"] != "none":
        console.print(Text(printable(f"The tables show {task['metric']}.")), style="dim")


def _facts(found: Explained) -> Iterable[tuple[str, str]]:
    row = found.row
    if row["image"]:
        size = "{} × {} pixels".format(*found.image_size) if found.image_size else "no image there"
        yield "image", f"{row['image']} ({size})"
    yield "question", row["question"] or "–"
    yield "right", "; ".join(_counted(row["gold"])) or "not public"
    if row["category"] is not None:
        yield "category", row["category"]
    if row["chance"] is not None:
        yield "chance", f"{100 * row['chance']:.1f} %"


def _counted(gold: list[str]) -> list[str]:
    return [
        text if gold.count(text) == 1 else f"{text} (×{gold.count(text)})"
        for text in dict.fromkeys(gold)
    ]


def _alike(answers: Iterable[Answer]) -> list[list[Answer]]:
    """Answers that are the same in text, scores and fate, in the order of their first."""
    groups: dict[str, list[Answer]] = {}
    for answer in answers:
        row = answer.row
        same = [row[name] for name in ("answer", "scores", "valid", "truncated", "error")]
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(answer)
    return list(groups.values())


def _names(answers: list[Answer], among: Iterable[Answer]) -> list[str]:
    """Titles of columns, with their seeds where these did not all answer alike."""
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.column["name"], []).append(answer)
    names = []
    for column, own in found.items():
        seeds = [answer.seed for answer in among if answer.column["name"] == column]
        title = own[0].column["title"]
        if len(own) < len(seeds):
            title += f" (seed {', '.join(str(answer.seed) for answer in own)})"
        elif len(seeds) > 1:
            title += f" (all {len(seeds)} seeds)"
        names.append(title)
    return names


def _quoted(row: dict[str, Any]) -> str:
    if row["answer"] is None:
        return "no answer"
    return json.dumps(row["answer"], ensure_ascii=False)


def _marks(row: dict[str, Any]) -> str:
    """What went wrong with an answer, in words."""
    if row["error"]:
        return f"failed: {row['error']}"
    marks = []
    if row["truncated"]:
        marks.append("cut off by the token limit")
    if not row["valid"]:
        marks.append("invalid: the rule finds no answer in it")
    return "; ".join(marks)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_counted([str(item) for item in value])) or "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value) or "nothing"


def _pairs(pairs: Iterable[tuple[str, str]], indent: int = 2) -> Any:
    """Names and values side by side."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(max_width=34)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(printable(name), style="dim"), Text(printable(value)))
    return Padding(table, (0, 0, 0, indent))
