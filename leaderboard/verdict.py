"""Who leads on each task and overall, and who is not shown to beat the controls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from .comparison import Comparison
from .overall import OVERALL, overall_tasks
from .results import Results
from .schema import Task
from .statistics import Difference


@dataclass(frozen=True)
class TaskVerdict:
    """What the comparisons of one task allow to be said; names are column names."""

    task: Task
    best: str | None  # highest mean
    leaders: tuple[str, ...]  # best first; no difference from the best is shown
    runner_up: tuple[str, Difference] | None  # closest tokenizer behind the leaders
    not_above: dict[str, tuple[str, ...]]  # tokenizer -> floors it is not shown to beat
    missing: tuple[str, ...]  # tokenizers without a score here
    scored: int  # tokenizers with one
    level: bool = False  # the leaders score the same
    even: bool = True  # no difference is shown between any two leaders
    detectable: float = math.nan  # median over the pairs of tokenizers

    @property
    def settled(self) -> tuple[str, ...]:
        """Leaders that also beat every control and all that needs no model: they lead by sight."""
        return tuple(name for name in self.leaders if name not in self.not_above)

    @property
    def open(self) -> bool:
        """Whether nobody is shown to be behind: all tokenizers lead, and there are several."""
        return self.scored > 1 and len(self.leaders) == self.scored


def judge(results: Results, task: Task) -> TaskVerdict:
    """Compare all tokenizers with the best one and with each control on one task or overall.

    Differences between tokenizers are corrected for how many pairs there are (Holm). Those from
    controls are not: each asks by itself whether a tokenizer's score means anything.
    """
    scope = task["name"]
    means = {c["name"]: _mean(results, c["name"], task) for c in results.columns("tokenizer")}
    missing = tuple(name for name, mean in means.items() if mean is None)
    scored = [name for name, mean in means.items() if mean is not None]
    scored.sort(key=lambda name: -means[name])
    if not scored:
        return TaskVerdict(task, None, (), None, {}, missing, 0)
    best, behind = scored[0], {}
    for name in scored[1:]:
        comparison = results.comparisons.pair(best, name, scope)
        if comparison is not None and comparison.clear:
            behind[name] = comparison
    leaders = tuple(name for name in scored if name not in behind)
    not_above = {name: floors for name in scored if (floors := _not_beaten(results, name, task))}
    pairs = results.comparisons.of(scope)
    inside = [c for c in pairs if {c.a, c.b} <= set(leaders)]
    return TaskVerdict(
        task,
        best,
        leaders,
        next(((name, comparison.difference) for name, comparison in behind.items()), None),
        not_above,
        missing,
        len(scored),
        level=len({means[name] for name in leaders}) == 1,
        even=not any(c.clear for c in inside),
        detectable=_median([c.detectable for c in pairs]),
    )


def judge_all(results: Results) -> list[TaskVerdict]:
    """One verdict a task, in suite order."""
    return [judge(results, task) for task in results.tasks]


def judge_overall(results: Results) -> TaskVerdict | None:
    """The verdict on the mean over the tasks scored in percent; None below two of them."""
    tasks = overall_tasks(results)
    if not tasks:
        return None
    task = tasks[0] | {
        "name": OVERALL,
        "title": "Overall",
        "metric_title": "mean over tasks",
        "description": f"the unweighted mean over {len(tasks)} tasks scored in percent",
    }
    return judge(results, task)


def _mean(results: Results, name: str, task: Task) -> float | None:
    """Higher is better; None without a score."""
    if task["name"] == OVERALL:
        estimate = results.overall(name)
    else:
        scored = results.has_score(name, task["name"])
        estimate = results.cell(name, task["name"]).estimate if scored else None
    if estimate is None:
        return None
    return estimate.mean if task["higher_is_better"] else -estimate.mean


def _not_beaten(results: Results, name: str, task: Task) -> tuple[str, ...]:
    """The floors of a task, then its controls, that a tokenizer is not shown to beat."""
    floors = [] if task["name"] == OVERALL else results.floors.not_beaten(name, task)
    for control in results.columns("control"):
        if _mean(results, control["name"], task) is not None:
            comparison = results.comparisons.pair(name, control["name"], task["name"])
            if not _beats(comparison):
                floors.append(control["name"])
    return tuple(floors)


def _beats(comparison: Comparison | None) -> bool:
    return comparison is not None and comparison.clear and comparison.difference.estimate.mean > 0


def _median(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return median(known) if known else math.nan
