"""What the study claims, each claim with its verdict, its difference and what was compared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..claims import MARKS, Judged, in_words
from ..tables import number, probability, signed, signed_interval
from ..text import join
from . import svg
from .pairs import TESTS

if TYPE_CHECKING:
    from .render import Page

TITLE = "Claims"

_WIDTH, _HEIGHT = 220, 22


def context(page: Page) -> dict[str, Any] | None:
    """One entry a claim; None where the suite claims nothing."""
    claims = page.results.claims
    if not claims:
        return None
    return {
        "sentence": in_words(claims),
        "entries": [_entry(page, judged, _reach(claims, judged)) for judged in claims],
        "several": sum(judged.difference is not None for judged in claims) > 1,
        "turned": any(one.task and not one.task["higher_is_better"] for one in claims),
    }


def _entry(page: Page, judged: Judged, reach: float) -> dict[str, Any]:
    return {
        "claim": judged.claim,
        "verdict": judged.verdict,
        "mark": MARKS[judged.verdict],
        "notes": judged.notes,
        "scope": judged.scope_title,
        "higher": _titles(page, judged.claim["higher"]),
        "lower": _titles(page, judged.claim["lower"]),
        "numbers": _numbers(judged, reach) if judged.difference else None,
    }


def _titles(page: Page, names: list[str]) -> str:
    titles = {column["name"]: column["title"] for column in page.columns}
    return join([titles.get(name, name) for name in names])


def _numbers(judged: Judged, reach: float) -> dict[str, Any]:
    e, task = judged.difference.estimate, judged.task
    return {
        "value": signed(task, e.mean),
        "unit": "points" if task["unit"] == "percent" else task["metric_title"],
        "interval": signed_interval(task, e),
        "plot": _plot(judged, reach),
        "p": probability(judged.adjusted),
        "alone": probability(judged.p),
        "test": TESTS[judged.test],
        "detectable": "" if math.isnan(judged.detectable) else number(task, judged.detectable),
    }


def _reach(claims: list[Judged], judged: Judged) -> float:
    """Half the plot's width: percent scopes share one scale, a score of another has its own."""
    if judged.task is None:
        return math.nan
    alike = [
        other.difference.estimate
        for other in claims
        if other.difference is not None
        and other.task["unit"] == judged.task["unit"]
        and (judged.task["unit"] == "percent" or other.task["name"] == judged.task["name"])
    ]
    return max([1e-9, *(abs(v) for e in alike for v in (e.mean, e.low, e.high))])


def _plot(judged: Judged, reach: float) -> Markup:
    """The interval with zero in the middle; the text beside it says the same."""
    e = judged.difference.estimate
    middle, y = _WIDTH / 2, _HEIGHT / 2
    mean, low, high = (middle + (middle - 10) * v / reach for v in (e.mean, e.low, e.high))
    kind = "level" if judged.verdict == "not shown" else "shown"
    parts = (
        svg.vertical("zero", middle, 0, _HEIGHT),
        f'<line class="interval {kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>',
        f'<circle class="mark {kind}" cx="{mean:.1f}" cy="{y}" r="4.2"/>',
    )
    return Markup(
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>'
    )
