"""How columns answer, beside whether they are right: counts, readiness to say yes, length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells import Cell
from ..schema import Column, Task
from ..tables import number
from ..text import EN_DASH
from ..variance import Estimate, influence
from . import counting
from .dots import Dot, dot_chart

if TYPE_CHECKING:
    from .render import Page

TITLE = "Behaviour"

_FEW = 12  # of more panels fewer squares show their figure, so that the page stays light

Found = tuple[Column, Cell]


def context(page: Page) -> dict[str, Any] | None:
    """Tasks by the kind of answer; None without any such task."""
    kinds: dict[str, list[dict[str, Any]]] = {"counting": [], "yes_no": [], "captions": []}
    for task in page.tasks:
        for kind, keys, make in _KINDS:
            found = [
                (column, cell)
                for column in page.columns
                if (cell := page.results.cell(column["name"], task["name"]))
                and cell.estimate.n
                and all(key in cell.others for key in keys)
            ]
            if found:
                kinds[kind].append({"task": task} | make(task, found))
                break
    return kinds if any(kinds.values()) else None


def _counts(task: Task, found: list[Found]) -> dict[str, Any]:
    confusions = [(column, counting.confusion(cell)) for column, cell in found]
    known = [(column, table) for column, table in confusions if table]
    written = 0.1 if len(known) <= _FEW else 0.2
    panels = counting.confusion_charts(
        task["name"], [(c["name"], c["title"], table) for c, table in known], written
    )
    errors = [(column, counting.errors_by_count(cell)) for column, cell in found]
    counts = sorted({count for _, own in errors for count in own})
    seeing = [
        (column["title"], column["kind"], own)
        for column, own in errors
        if column["kind"] != "ceiling" and own
    ]
    return {
        "panels": list(zip((column for column, _ in known), panels, strict=True)),
        "written": f"{100 * written:.0f}",
        "unknown": [column["title"] for column, table in confusions if not table],
        "errors": counting.error_chart(f"errors-{task['name']}", task["title"], seeing)
        if seeing
        else None,
        "counts": [counting.count_name(count) for count in counts],
        "rows": [(column, [own.get(count) for count in counts]) for column, own in errors],
    }


def _yes_rates(task: Task, found: list[Found]) -> dict[str, Any]:
    shown = [
        (column, _rate(cell, "said_yes"), _rate(cell, "is_yes").mean) for column, cell in found
    ]
    true = max((rate for *_, rate in shown), key=[rate for *_, rate in shown].count)
    percent = {**task, "unit": "percent"}
    chart = dot_chart(
        f"yes-{task['name']}",
        f"{task['title']}: how often the answer is yes",
        [_dot(column, rate, lambda v: number(percent, v)) for column, rate, _ in shown],
        f"answers that say yes, %; dashed: yes is right ({number(percent, true)})",
        lambda tick: f"{100 * tick:g}",
        bar=true,
    )
    return {"chart": chart, "sentence": _leaning(shown)}


def _leaning(shown: list[tuple[Column, Estimate, float]]) -> str:
    """Which tokenizers say yes more or less often than is true, beyond their intervals."""
    words = []
    for name, beyond in (
        ("more often", lambda rate, true: rate.low > true),
        ("less often", lambda rate, true: rate.high < true),
    ):
        who = [
            f"{column['title']} ({100 * rate.mean:.1f} %)"
            for column, rate, true in shown
            if column["kind"] == "tokenizer" and beyond(rate, true)
        ]
        if who:
            words.append(f"{name} than is right: {', '.join(who)}")
    if not words:
        return "No tokenizer is shown to say yes more or less often than is right."
    return f"Yes is said {'; '.join(words)}."


def _lengths(task: Task, found: list[Found]) -> dict[str, Any]:
    dots = []
    for column, cell in found:
        words = cell.others["words"]
        known = words[~np.isnan(words)]
        tenth, ninetieth = (float(q) for q in np.quantile(known, (0.1, 0.9)))
        mean = _rate(cell, "words", None)
        said = f"{mean.mean:.1f} on average, eight in ten between {tenth:g} and {ninetieth:g}"
        shown = f"{mean.mean:.1f}"
        dots.append(Dot(column["title"], column["kind"], mean.mean, shown, said, tenth, ninetieth))
    lengths = [len(text.split()) for text in _references(found[0][1])]
    closest = [
        _rate(cell, "ref_words", None).mean for _, cell in found if "ref_words" in cell.others
    ]
    if lengths:
        low, high = (float(q) for q in np.quantile(lengths, (0.1, 0.9)))
        mean = float(np.mean(lengths))
        said = f"{mean:.1f} on average, eight in ten between {low:g} and {high:g}"
        dots.insert(0, Dot("References", "reference", mean, f"{mean:.1f}", said, low, high))
    chart = dot_chart(
        f"words-{task['name']}",
        f"{task['title']}: words a caption",
        dots,
        "words a caption; dot: mean, line: eight in ten captions",
        lambda tick: f"{tick:g}",
        bar=float(np.mean(lengths)) if lengths else None,
    )
    return {"chart": chart, "closest": float(np.mean(closest)) if closest else None}


def _references(cell: Cell) -> Iterator[str]:
    for texts in cell.samples.gold:
        yield from texts


def _rate(cell: Cell, key: str, bounds: tuple[float, float] | None = (0.0, 1.0)) -> Estimate:
    return influence(cell.others[key], cell.samples.clusters).summed.within(bounds)


def _dot(column: Column, e: Estimate, write: Callable[[float], str]) -> Dot:
    said = write(e.mean)
    if not math.isnan(e.low):
        said += f" ({write(e.low)}{EN_DASH}{write(e.high)})"
    return Dot(column["title"], column["kind"], e.mean, write(e.mean), said, e.low, e.high)


_KINDS: tuple[tuple[str, tuple[str, ...], Callable[[Task, list[Found]], dict[str, Any]]], ...] = (
    ("counting", ("true_count", "mae"), _counts),
    ("yes_no", ("said_yes", "is_yes"), _yes_rates),
    ("captions", ("words",), _lengths),
)
