"""Score against cost: which tokenizers no other beats at the same price."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..overall import OVERALL
from ..schema import Task
from ..tables import number
from ..text import EN_DASH, join
from ..variance import Estimate
from . import svg
from .cost import costs
from .names import cut
from .numbers import three_digits
from .scatter import (
    LETTERS,
    NEAR,
    PLACES,
    Axis,
    Point,
    across,
    axis_title,
    lay_out,
    scatter,
    upward,
)

if TYPE_CHECKING:
    from .render import Page

TITLE = "Score against cost"

_PERCENT = {"unit": "percent"}
_ALIKE = 1.05  # costs within this factor make no chart


@dataclass(frozen=True)
class Measure:
    """A cost: the key of ``costs``, its title, how a value is written, whether less is better."""

    key: str
    title: str
    write: Callable[[float], str]
    less: bool = True


@dataclass(frozen=True)
class Scope:
    """A task or the mean over tasks: estimates by column, how a value is written."""

    name: str
    title: str
    estimates: dict[str, Estimate]
    write: Callable[[float], str]
    unit: str
    factor: int  # from estimates to what the axis says
    more: bool = True


def _size(value: float) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return three_digits(value)


MEASURES = (
    Measure("parameters", "encoder parameters", _size),
    Measure("gflops", "encoder GFLOPs an image", three_digits),
    Measure("visual_tokens", "visual tokens an image", lambda value: f"{value:,.0f}"),
    Measure("images_per_second", "images a second", three_digits, less=False),
)


def context(page: Page) -> dict[str, Any] | None:
    """The first chart, drawn; all others as numbers for the script."""
    tokenizers = page.results.columns("tokenizer")
    rows = {row["column"]["name"]: row for row in costs(page.results)}
    paid = {
        measure: {c["name"]: rows[c["name"]][measure.key] or None for c in tokenizers}
        for measure in MEASURES
    }
    charted = [measure for measure, values in paid.items() if not _why_not(values)]
    scopes = [scope for scope in _scopes(page) if len(scope.estimates) > 1]
    if len(tokenizers) < 2 or not scopes:
        return None
    names = [c["name"] for c in tokenizers]
    titles = {c["name"]: c["title"] for c in tokenizers}
    charts = {
        (scope.name, measure.key): _Chart(scope, measure, names, titles, paid[measure])
        for scope in scopes
        for measure in charted
    }
    if charts:
        page.data["pareto"] = {
            "titles": [titles[name] for name in names],
            "labels": [cut(titles[name], LETTERS) for name in names],
            "places": PLACES,
            "near": NEAR,
            "charts": {
                f"{scope} {cost}": chart.numbers() for (scope, cost), chart in charts.items()
            },
        }
    first = [charts[scopes[0].name, measure.key] for measure in charted]
    return {
        "scopes": scopes,
        "measures": charted,
        "chart": first[0].drawn() if first else None,
        "sentences": [(chart.measure.title, chart.sentence()) for chart in first],
        "uncharted": [(m.title, why) for m, values in paid.items() if (why := _why_not(values))],
        "table": [
            (column, [_written(m, paid[m][column["name"]]) for m in MEASURES])
            for column in tokenizers
        ],
        "values": [_scores(scopes[0], name).partition(" ") for name in names],
    }


def frontier(
    points: Mapping[str, tuple[float, float]], less: bool = True, more: bool = True
) -> list[str]:
    """Names of (cost, score) that no other dominates, from the best score down.

    One dominates another if it is at least as good in both and better in one. ``less``: a lower
    cost is better; ``more``: a higher score is.
    """
    cheap, good = 1 if less else -1, 1 if more else -1
    ranked = sorted(points, key=lambda name: (-good * points[name][1], cheap * points[name][0]))
    kept: list[str] = []
    least = math.inf
    for name in ranked:
        cost = cheap * points[name][0]
        if cost < least or points[name] == points[kept[-1]]:
            kept.append(name)
            least = cost
    return kept


class _Chart:
    """One scope against one cost."""

    def __init__(
        self,
        scope: Scope,
        measure: Measure,
        names: Sequence[str],
        titles: Mapping[str, str],
        paid: Mapping[str, float | None],
    ) -> None:
        self.scope, self.measure, self.names, self.titles = scope, measure, names, titles
        self.values = {
            name: (paid[name], scope.estimates[name].mean)
            for name in names
            if paid[name] is not None and name in scope.estimates
        }
        self.best = frontier(self.values, measure.less, scope.more)
        self.x = _cost_axis(measure, [cost for cost, _ in self.values.values()])
        self.y = _score_axis(scope, [scope.estimates[name] for name in self.values])

    @property
    def points(self) -> list[Point]:
        """In the order of the names, without those that lack the score or the cost."""
        found = []
        for name, (cost, score) in self.values.items():
            e = self.scope.estimates[name]
            up = None if math.isnan(e.low) else (e.low, e.high)
            faint = name not in self.best
            found.append(Point(self.titles[name], "tokenizer", cost, score, None, up, faint))
        return found

    def drawn(self) -> Any:
        return scatter(
            "pareto-chart", self.head, self.spoken, self.points, self.x, self.y, self.line
        )

    @property
    def head(self) -> str:
        return f"{self.scope.title} against {self.measure.title}"

    @property
    def spoken(self) -> str:
        said = []
        for name, (cost, _) in self.values.items():
            front = "on the frontier" if name in self.best else "dominated"
            score = _scores(self.scope, name)
            said.append(f"{self.titles[name]}: {self.measure.write(cost)}, {score}, {front}")
        return "; ".join(said)

    @property
    def line(self) -> list[tuple[float, float]]:
        """The frontier as steps, in units of the drawing, from its dearest point to its cheapest.

        What can be had at a cost is the best score at that cost or a lower one, so the line goes
        on at the best score to the dear end of the axis.
        """
        if not self.best:
            return []
        corners = [self.at(self.x.ticks[-1 if self.measure.less else 0], self.best_score)]
        for name in self.best:
            x, y = self.at(*self.values[name])
            corners += [(corners[-1][0], y), (x, y)]
        return list(dict.fromkeys(corners))

    @property
    def best_score(self) -> float:
        return self.values[self.best[0]][1]

    def at(self, cost: float, score: float) -> tuple[float, float]:
        """A place in the drawing."""
        return across(self.x, cost), upward(self.y, score)

    def sentence(self) -> str:
        """Who is on the frontier, in words."""
        titles = [self.titles[name] for name in self.best]
        if not titles:
            return "no tokenizer has both the score and the cost."
        if len(titles) == 1:
            return f"{titles[0]} scores best and no other costs less."
        return f"{join(titles)} are on the frontier."

    def numbers(self) -> dict[str, Any]:
        """What the script draws: places in units of the drawing, None for who is missing."""
        layout = lay_out(self.points, self.x, self.y, self.line)
        place = {name: i for i, name in enumerate(self.values)}
        return {
            "head": self.head,
            "axes": axis_title(self.x, self.y),
            "x": [[across(self.x, tick), self.x.label(tick)] for tick in self.x.ticks],
            "y": [[upward(self.y, tick), self.y.label(tick)] for tick in self.y.ticks],
            "line": self.line,
            "points": [
                None
                if name not in place
                else [
                    *layout.places[place[name]],
                    *(layout.up[place[name]] or (None, None)),
                    layout.labels[place[name]],
                    int(name in self.best),
                    f"{self.measure.write(self.values[name][0])}, {_scores(self.scope, name)}",
                ]
                for name in self.names
            ],
        }


def _scopes(page: Page) -> Iterable[Scope]:
    names = [column["name"] for column in page.results.columns("tokenizer")]
    overall = {name: e for name in names if (e := page.results.overall(name))}
    if overall:
        yield Scope(
            OVERALL, "Overall", overall, lambda v: number(_PERCENT, v), "mean score, %", 100
        )
    for task in page.tasks:
        found = {
            name: cell.estimate
            for name in names
            if (cell := page.results.cell(name, task["name"])) and cell.estimate.n
        }
        yield Scope(
            task["name"],
            task["title"],
            found,
            partial(number, task),
            _unit(task),
            100 if task["unit"] == "percent" else 1,
            task["higher_is_better"],
        )


def _unit(task: Task) -> str:
    percent = ", %" if task["unit"] == "percent" else ""
    lower = "" if task["higher_is_better"] else ", lower is better"
    return f"{cut(task['metric_title'], LETTERS)}{percent}{lower}"


def _why_not(values: Mapping[str, float | None]) -> str:
    """Why a cost is in no chart; empty if it is."""
    known = [value for value in values.values() if value is not None]
    if len(known) < 2:
        return "not known of two tokenizers"
    return "about the same for all" if max(known) <= _ALIKE * min(known) else ""


def _cost_axis(measure: Measure, values: list[float]) -> Axis:
    low, high = min(values, default=1.0), max(values, default=1.0)
    if high < 3 * low:
        ticks = svg.ticks(low, high)
        return Axis(ticks, measure.write, measure.title)
    return Axis(svg.log_ticks(low, high), measure.write, f"{measure.title}, log scale", log=True)


def _score_axis(scope: Scope, estimates: list[Estimate]) -> Axis:
    values = [v for e in estimates for v in (e.mean, e.low, e.high) if not math.isnan(v)]
    return Axis(
        svg.ticks(min(values, default=0.0), max(values, default=1.0)),
        lambda tick: f"{scope.factor * tick:g}",
        scope.unit,
    )


def _scores(scope: Scope, name: str) -> str:
    e = scope.estimates.get(name)
    if e is None:
        return EN_DASH
    between = "" if math.isnan(e.low) else f" ({scope.write(e.low)}{EN_DASH}{scope.write(e.high)})"
    return scope.write(e.mean) + between


def _written(measure: Measure, value: float | None) -> str:
    return EN_DASH if value is None else measure.write(value)
