"""Who leads on each task and overall, and who is not shown to beat the controls."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from . import recipes
from .comparison import Comparison
from .overall import OVERALL, overall_tasks
from .results import Results
from .schema import Column, Task
from .statistics import Difference
from .text import join


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


@dataclass(frozen=True)
class Wording:
    """The report's headline: one answer, one reason, then what holds on which tasks."""

    answer: str
    reason: str
    headline: tuple[str, ...]  # one sentence for all tasks that share a verdict
    tasks: tuple[tuple[str, str], ...]  # (task title, sentence with the figures)
    notes: tuple[str, ...]  # what the differences speak of


def put_in_words(results: Results, verdicts: list[TaskVerdict]) -> Wording:
    """Say which tokenizer to use and why, no more firmly than the comparisons allow."""
    tokenizers = results.columns("tokenizer")
    if not verdicts:
        answer, reason = "Nothing was scored.", "The answers are written, to be submitted."
        return Wording(answer, reason, (), (), ())
    sentences = tuple((v.task["title"], _sentence(v, results)) for v in verdicts)
    if not tokenizers:
        return Wording("No tokenizer was run.", "Only controls have scores.", (), sentences, ())
    answer, reason, top = _answer(results, verdicts)
    reason += recipes.note(top, results)
    reason += _cost_note([c for c in tokenizers if c["name"] in top], tokenizers)
    return Wording(answer, reason, _headline(results, verdicts), sentences, _notes(results))


def _answer(results: Results, verdicts: list[TaskVerdict]) -> tuple[str, str, tuple[str, ...]]:
    """Answer, reason, and the columns it names: by the overall mean, else by tasks led."""
    titles, overall = _titles(results), judge_overall(results)
    if not any(v.scored for v in verdicts):
        return "No tokenizer has a score.", "This run does not say which one to use.", ()
    if len(titles) == 1:
        beaten = sum(bool(v.settled) for v in verdicts)
        only = f"It beats every control on {_of(beaten, len(verdicts))}."
        return f"Only {next(iter(titles.values()))} was run.", only, ()
    leads = [v for v in verdicts if v.settled and not v.open and v.scored > 1]
    if overall is not None and overall.settled and overall.scored > 1:
        reason = _overall_reason(overall, results)
        if overall.open and leads:
            return "It depends on the task.", reason, ()
        if overall.open:
            return "No difference between the tokenizers is shown.", reason, ()
        use = join([titles[name] for name in overall.settled], "or")
        return f"Use {use}.", reason, overall.settled
    wins = {name: sum(name in v.settled for v in leads) for name in titles}
    most = max(wins.values())
    top = tuple(name for name in titles if wins[name] == most)
    if not any(v.settled for v in verdicts):
        beats_none = "No tokenizer leads a task and beats the controls there."
        return beats_none, "This run does not say which one to use.", ()
    if not most or len(top) == len(titles):
        return (
            "No difference between the tokenizers is shown.",
            "They lead together or in turn.",
            (),
        )
    alone = all(v.leaders == top for v in leads if top[0] in v.leaders)
    how = "leads" if len(top) == 1 else "leads or shares the lead"
    reason = f"{'It' if len(top) == 1 else 'Each'} {how} on {_of(most, len(verdicts))}."
    if len(top) == 1 and not alone:
        reason = f"It leads or shares the lead on {_of(most, len(verdicts))}."
    return f"Use {join([titles[name] for name in top], 'or')}.", reason, top


def _headline(results: Results, verdicts: list[TaskVerdict]) -> tuple[str, ...]:
    """One sentence for every set of leaders among the same tokenizers, with its tasks."""
    groups: dict[tuple | None, list[TaskVerdict]] = {}
    for v in verdicts:
        key = (frozenset(v.leaders), frozenset(v.missing), v.even)
        if v.scored > 1 and not v.settled:
            key = None  # whoever leads there does not lead by sight
        groups.setdefault(key, []).append(v)
    return tuple(_shared(group, results) for group in groups.values())


def _shared(group: list[TaskVerdict], results: Results) -> str:
    titles, v = _titles(results), group[0]
    where = join([own.task["title"] for own in group])
    names = [titles[name] for name in titles if name in v.leaders]
    if v.best is None:
        return f"No tokenizer has a score on {where}."
    if v.scored == 1:
        return f"Only {names[0]} has a score on {where}."
    if not v.settled:
        return f"On {where} no leader is shown to beat the controls and what needs no image."
    if v.open:
        what = _few(names) if v.missing else f"the {_words(v.scored)}"
        return f"No difference between {what} is shown on {where}{_would_show(group)}."
    if len(names) == 1:
        return f"{names[0]} leads on {where}."
    best = titles[v.best]
    shown = f"no difference shown {'between' if len(names) == 2 else 'among'} them"
    if not v.even:
        shown = f"no difference from {best} is shown" if len(group) == 1 else "not all are level"
    return f"{_few(names)} lead on {where}; {shown}."


def _overall_reason(verdict: TaskVerdict, results: Results) -> str:
    tasks = overall_tasks(results)
    left_out = [task["title"] for task in results.tasks if task not in tasks]
    besides = f" (without {join(left_out)})" if left_out else ""
    where = f"Over the {_words(len(tasks))} tasks scored in percent{besides}"
    behind, absent = _ahead(verdict, results), ""
    if verdict.missing:
        names = [results.title(name) for name in verdict.missing]
        verb = "is" if len(names) == 1 else "are"
        absent = f" {_few(names)} {verb} not compared there: not all scores are on file."
    if verdict.open:
        who = _few([results.title(name) for name in verdict.leaders]) if absent else "them"
        return f"{where} no difference between {who} is shown{_would_show([verdict])}.{absent}"
    if len(verdict.leaders) == 1:
        return f"{where} it is {behind}.{absent}"
    names = [results.title(name) for name in verdict.leaders]
    lead = f"{_few(names)} lead, no difference shown between them"
    if not verdict.even:
        lead = f"{names[0]} scores best, no difference from {_few(names[1:], 'or')} is shown"
    return f"{where} {lead}{_would_show([verdict])}; {names[0]} is {behind}.{absent}"


def _ahead(verdict: TaskVerdict, results: Results) -> str:
    """How far the best is ahead of the first that is shown to be behind; empty without one."""
    if verdict.runner_up is None:
        return ""
    name, difference = verdict.runner_up
    e = difference.estimate
    low, high = (_amount(verdict.task, end).partition(" ")[0] for end in (e.low, e.high))
    gap = f"{_amount(verdict.task, e.mean)} ahead of {results.title(name)}"
    return f"{gap} (95\u00a0% interval {low} to {high})"


def _sentence(verdict: TaskVerdict, results: Results) -> str:
    """The verdict of one task with its figures."""
    if verdict.best is None:
        return "No tokenizer has a score."
    names = [results.title(name) for name in verdict.leaders]
    if len(names) == 1:
        text = f"{names[0]} leads" if verdict.scored > 1 else f"Only {names[0]} has a score."
    elif verdict.level:
        text = f"{_few(names)} score the same."
    elif verdict.open:
        text = f"no difference between {_few(names)} is shown{_would_show([verdict])}."
    elif verdict.even:
        between = "between" if len(names) == 2 else "among"
        text = f"{_few(names)} lead; no difference shown {between} them{_would_show([verdict])}."
    else:
        text = f"{names[0]} scores best; no difference shown from {_few(names[1:], 'or')}."
    ahead = _ahead(verdict, results)
    if ahead:
        text += f", {ahead}." if len(names) == 1 else f" {names[0]} is {ahead}."
    text = text[0].upper() + text[1:] + _below(verdict, results)
    if verdict.missing:
        text += f" No score for {join([results.title(name) for name in verdict.missing])}."
    return text


def _below(verdict: TaskVerdict, results: Results) -> str:
    """Who is not shown to beat which floors."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, floors in verdict.not_above.items():
        groups.setdefault(floors, []).append(results.title(name))
    text = ""
    for floors, losers in groups.items():
        against = join([results.title(c) for c in floors], "or")
        everyone = 1 < len(losers) == verdict.scored
        who = "None" if everyone else _few(losers)
        verb = "is" if len(losers) == 1 or everyone else "are"
        text += f" {who} {verb}{'' if everyone else ' not'} shown to beat {against}."
    return text


def _would_show(group: list[TaskVerdict]) -> str:
    """What difference these tasks show with 80 % power: the median over pairs, least to most."""
    if any(math.isnan(v.detectable) for v in group) or len({_scale(v.task) for v in group}) > 1:
        return ""
    least, most = (pick(v.detectable for v in group) for pick in (min, max))
    if group[0].task["unit"] == "percent" and most > 1:
        return " (too few images or seeds to tell any difference with 80\u00a0% power)"
    first, last = _amount(group[0].task, least), _amount(group[0].task, most)
    span = first if first == last else f"{first.partition(' ')[0]} to {last}"
    return f" (80\u00a0% power for differences of {span})"


def _notes(results: Results) -> tuple[str, ...]:
    names = _titles(results)
    seeds = [len(cell.seeds) for (column, _), cell in results.cells.items() if column in names]
    if not seeds:
        return ()
    if min(seeds) == 1 < max(seeds):
        return (
            "Not all scores have several alignment seeds: differences of those with one are those "
            "of that connector, and another seed may turn small ones.",
        )
    if min(seeds) == 1:
        return (
            "One alignment seed was run: differences are those of these connectors, and another "
            "seed may turn small ones.",
        )
    return (f"Intervals speak of new images and of new alignment seeds ({min(seeds)} were run).",)


def _cost_note(top: list[Column], tokenizers: list[Column]) -> str:
    sizes = [c["encoder_parameters"] for c in tokenizers]
    if len(top) != 1 or None in sizes or len(sizes) < 2:
        return ""
    size, smallest = top[0]["encoder_parameters"], min(s for s in sizes if s is not None)
    if size is None or max(s for s in sizes if s is not None) <= 1.1 * smallest:
        return " All encoders compared are about the same size."
    if size <= smallest:
        return " It is also the smallest encoder compared."
    return f" Its encoder has {size / smallest:.1f} times the parameters of the smallest compared."


def _titles(results: Results) -> dict[str, str]:
    return {column["name"]: column["title"] for column in results.columns("tokenizer")}


def _scale(task: Task) -> tuple[int, int, str]:
    """What to multiply by, decimals, and the word behind."""
    return (100, 1, " points") if task["unit"] == "percent" else (1, 2, "")


def _amount(task: Task, value: float) -> str:
    scale, digits, word = _scale(task)
    return f"{scale * value:.{digits}f}{word}"


def _of(count: int, total: int) -> str:
    if total == 1:
        return "the only task" if count else "no task"
    if not count:
        return f"none of {_words(total)} tasks"
    if count == total:
        return "both tasks" if total == 2 else f"all {_words(total)} tasks"
    return f"{_words(count)} of {_words(total)} tasks"


def _few(names: list[str], word: str = "and") -> str:
    """Up to five names; of more, four and how many others."""
    if len(names) <= 5:
        return join(names, word)
    return f"{', '.join(names[:4])} {word} {_words(len(names) - 4)} others"


def _words(number: int) -> str:
    small = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return small[number] if number < len(small) else str(number)
