"""Who leads on each task, who is not shown to beat the controls, and the words that say so."""

from __future__ import annotations

from dataclasses import dataclass

from .results import Results
from .schema import Column, Task
from .statistics import Difference


@dataclass(frozen=True)
class TaskVerdict:
    """What the paired differences of one task allow to be said; names are column names."""

    task: Task
    best: str | None  # highest mean
    leaders: tuple[str, ...]  # best first; no difference from the best is shown
    runner_up: tuple[str, Difference] | None  # closest tokenizer behind the leaders
    not_above: dict[str, tuple[str, ...]]  # tokenizer -> floors it is not shown to beat
    missing: tuple[str, ...]  # tokenizers without a score here
    scored: int  # tokenizers with one

    @property
    def settled(self) -> tuple[str, ...]:
        """Leaders that also beat every control and all that needs no model: they lead by sight."""
        return tuple(name for name in self.leaders if name not in self.not_above)


def judge(results: Results, task: Task) -> TaskVerdict:
    """Compare all tokenizers with the best one and with each control on one task."""
    sign = 1 if task["higher_is_better"] else -1
    scored, missing = [], []
    for column in results.columns("tokenizer"):
        cell = results.cell(column["name"], task["name"])
        if cell is None or not cell.estimate.n:
            missing.append(column["name"])
        else:
            scored.append((column["name"], sign * cell.estimate.mean))
    scored.sort(key=lambda item: -item[1])
    if not scored:
        return TaskVerdict(task, None, (), None, {}, tuple(missing), 0)
    best = scored[0][0]
    leaders, runner_up = [best], None
    for name, _ in scored[1:]:
        difference = results.difference(best, name, task)
        if difference is None or not difference.clear:
            leaders.append(name)
        elif runner_up is None:
            runner_up = (name, difference)
    not_above = {}
    for name, _ in scored:
        failed = tuple(
            control["name"]
            for control in results.columns("control")
            if results.cell(control["name"], task["name"]) is not None
            and not _beats(results.difference(name, control["name"], task))
        )
        if not results.beats_image_free(name, task):
            failed = ("image_free", *failed)
        if not results.beats_majority(name, task):
            failed = ("majority", *failed)
        if failed:
            not_above[name] = failed
    return TaskVerdict(
        task, best, tuple(leaders), runner_up, not_above, tuple(missing), len(scored)
    )


def judge_all(results: Results) -> list[TaskVerdict]:
    """One verdict a task, in suite order."""
    return [judge(results, task) for task in results.tasks]


@dataclass(frozen=True)
class Wording:
    """The report's headline: one answer, one reason, and one sentence a task."""

    answer: str
    reason: str
    tasks: tuple[tuple[str, str], ...]  # (task title, sentence)


def put_in_words(results: Results, verdicts: list[TaskVerdict]) -> Wording:
    """Say which tokenizer to use and why, no more firmly than the differences allow."""
    tokenizers = results.columns("tokenizer")
    if not verdicts:
        return Wording("Nothing was scored.", "The answers are written, to be submitted.", ())
    sentences = tuple((v.task["title"], _sentence(v, results)) for v in verdicts)
    if not tokenizers:
        return Wording("No tokenizer was run.", "Only controls have scores.", sentences)
    wins = {c["name"]: sum(c["name"] in v.settled for v in verdicts) for c in tokenizers}
    most = max(wins.values())
    if not most:
        beats_none = "No tokenizer leads a task and beats the controls there."
        return Wording(beats_none, "This run does not say which one to use.", sentences)
    top = [c for c in tokenizers if wins[c["name"]] == most]
    names = _join([c["title"] for c in top])
    count, total = _words(most), _words(len(verdicts))
    tasks = "the only task" if len(verdicts) == 1 else f"{count} of {total} tasks"
    if len(verdicts) > 1 and most == len(verdicts):
        tasks = f"all {total} tasks"
    if len(top) == 1:
        answer = f"Use {names}."
        alone = all(v.settled == (top[0]["name"],) for v in verdicts if top[0]["name"] in v.settled)
        reason = f"It {'leads' if alone else 'leads or shares the lead'} on {tasks}."
    elif len(top) == len(tokenizers):
        answer = "The tokenizers come out even."
        reason = f"{names} each lead or share the lead on {tasks}."
    else:
        answer = f"Use {_join([c['title'] for c in top], 'or')}."
        reason = f"Each leads or shares the lead on {tasks}, more than any other."
    return Wording(answer, reason + _cost_note(top, tokenizers), sentences)


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


def _beats(difference: Difference | None) -> bool:
    return difference is not None and difference.clear and difference.estimate.mean > 0


def _sentence(verdict: TaskVerdict, results: Results) -> str:
    if verdict.best is None:
        return "No tokenizer has a score."
    scale, unit = (100, " points") if verdict.task["unit"] == "percent" else (1, "")
    digits = 1 if scale == 100 else 2
    names = [results.title(name) for name in verdict.leaders]
    if len(names) > 1:
        means = [results.cell(name, verdict.task["name"]).estimate.mean for name in verdict.leaders]
        level = [name for name, mean in zip(names, means, strict=True) if mean == means[0]]
        if level == names:
            text = f"{_join(names)} score the same."
        else:
            others = [name for name in names if name not in level]
            text = f"{_join(level)} score{'s' if len(level) == 1 else ''} highest; "
            text += f"no difference shown from {_join(others, 'or')}."
    elif verdict.scored > 1:
        text = f"{names[0]} leads"
    else:
        text = f"Only {names[0]} has a score."
    if verdict.runner_up is not None:
        name, difference = verdict.runner_up
        e = difference.estimate
        gap = f"{scale * e.mean:.{digits}f}{unit}"
        low, high = f"{scale * e.low:.{digits}f}", f"{scale * e.high:.{digits}f}"
        if len(names) == 1:
            text += f", {gap} ahead of {results.title(name)} (95\u00a0% interval {low} to {high})."
        else:
            text += f" {names[0]} is {gap} ahead of {results.title(name)} ({low} to {high})."
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, controls in verdict.not_above.items():
        groups.setdefault(controls, []).append(results.title(name))
    for controls, losers in groups.items():
        against = _join([results.title(c) for c in controls], "or")
        everyone = 1 < len(losers) == verdict.scored
        who = "None" if everyone else _join(losers)
        verb = "is" if len(losers) == 1 or everyone else "are"
        text += f" {who} {verb}{'' if everyone else ' not'} shown to beat {against}."
    if verdict.missing:
        text += f" No score for {_join([results.title(name) for name in verdict.missing])}."
    return text


def _join(names: list[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _words(number: int) -> str:
    small = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return small[number] if number < len(small) else str(number)
