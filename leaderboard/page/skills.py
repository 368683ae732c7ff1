"""Semantics against fine-grained perception: who is good at which."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ..skills import Profile, Skills, in_words
from ..text import MINUS
from ..variance import Estimate
from . import svg
from .scatter import Axis, Point, scatter

if TYPE_CHECKING:
    from .render import Page

TITLE = "Skills"


def context(page: Page) -> dict[str, Any] | None:
    """A chart, a table and sentences; None where the tasks of one skill are missing."""
    skills = Skills(page.results)
    if not skills.profiles:
        return None
    shown = [
        (column, skills.profiles[column["name"]])
        for column in page.columns
        if column["name"] in skills.profiles
    ]
    rows = [
        {
            "column": column,
            "entries": [_entry(e) for e in (profile.semantics, profile.fine_grained)],
            "difference": _entry(profile.difference, signed=True),
        }
        for column, profile in shown
    ]
    return {
        "skills": skills,
        "sentences": in_words(skills, page.results.title),
        "chart": _chart([(c["title"], c["kind"], profile) for c, profile in shown]),
        "rows": rows,
        "absent": [
            column["title"]
            for column in page.results.columns("tokenizer")
            if column["name"] not in skills.profiles
        ],
    }


def _chart(shown: list[tuple[str, str, Profile]]) -> Markup:
    points = [
        Point(
            title,
            kind,
            profile.semantics.mean,
            profile.fine_grained.mean,
            _bounds(profile.semantics),
            _bounds(profile.fine_grained),
        )
        for title, kind, profile in shown
    ]
    spoken = "; ".join(
        f"{title}: semantics {_said(profile.semantics)}, fine-grained {_said(profile.fine_grained)}"
        for title, _, profile in shown
    )
    return scatter(
        "skills-chart",
        "Mean over semantic tasks against mean over fine-grained tasks, in percent",
        spoken,
        points,
        _axis([profile.semantics for *_, profile in shown], "semantics, %"),
        _axis([profile.fine_grained for *_, profile in shown], "fine-grained, %"),
    )


def _axis(estimates: list[Estimate], title: str) -> Axis:
    values = [v for e in estimates for v in (e.mean, e.low, e.high) if not math.isnan(v)]
    ticks = svg.ticks(min(values), max(values))
    return Axis(ticks, lambda tick: f"{100 * tick:g}", title)


def _bounds(e: Estimate) -> tuple[float, float] | None:
    return None if math.isnan(e.low) else (e.low, e.high)


def _said(e: Estimate) -> str:
    value, interval = _entry(e)
    return f"{value} ({interval})" if interval else value


def _entry(e: Estimate, signed: bool = False) -> tuple[str, str]:
    """The mean and its interval in percent."""

    def write(value: float) -> str:
        shown = round(100 * value, 1) + 0.0  # no minus zero
        return f"{shown:{'+' if signed else ''}.1f}".replace("-", MINUS)

    between = " to " if signed else "\u2013"
    return write(e.mean), "" if math.isnan(e.low) else f"{write(e.low)}{between}{write(e.high)}"
