"""The headline in words: which tokenizer to use and why, no more firmly than comparisons allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from . import recipes
from .overall import overall_tasks
from .results import Results
from .schema import Column, Task
from .text import join
from .verdict import TaskVerdict, judge_all, judge_overall


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
    apart = results.by_language_model
    if len(apart) > 1:
        return _each_model(apart)
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


def _each_model(apart: dict[str, Results]) -> Wording:
    """An answer for each language model: scores behind two tell of these as much as of sight."""
    told = {name: put_in_words(results, judge_all(results)) for name, results in apart.items()}

    def of_each(part: str) -> list[tuple[str, Any]]:
        return [(name, text) for name, said in told.items() for text in getattr(said, part)]

    notes = tuple(dict.fromkeys(text for _, text in of_each("notes")))
    if len(notes) > 1:
        notes = tuple(f"Behind {name}: {text}" for name, text in of_each("notes"))
    return Wording(
        "There is one answer for each language model.",
        " ".join(f"Behind {name}: {said.answer} {said.reason}" for name, said in told.items()),
        tuple(f"Behind {name}: {text}" for name, text in of_each("headline")),
        tuple((f"{task}, {name}", text) for name, (task, text) in of_each("tasks")),
        notes,
    )


def _answer(results: Results, verdicts: list[TaskVerdict]) -> tuple[str, str, tuple[str, ...]]:
    """Answer, reason, and the columns it names: by the overall mean, else by tasks led."""
    titles, overall = _titles(results), judge_overall(results)
    if not any(v.scored for v in verdicts):
        return "No tokenizer has a score.", "This run does not say which one to use.", ()
    if len(titles) == 1:
        beaten = sum(bool(v.settled) for v in verdicts)
        only = f"It beats every control on {_of(beaten, len(verdicts))}."
        if not results.columns("control"):
            only = "No control was run to hold it against."
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
        beats_none = f"No tokenizer leads a task and beats {_floors(results)} there."
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
    if len(verdicts) == 1 and (ahead := _ahead(verdicts[0], results)):
        who = "" if len(top) == 1 else f" {titles[verdicts[0].best]} is"
        reason = f"{reason[:-1]}{',' if len(top) == 1 else ';'}{who} {ahead}."
    return f"Use {join([titles[name] for name in top], 'or')}.", reason, top


def _floors(results: Results) -> str:
    """What a tokenizer has to beat to lead by sight."""
    what = "what needs no image"
    return f"the controls and {what}" if results.columns("control") else what


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
        return f"On {where} no leader is shown to beat {_floors(results)}."
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
    if size <= 1.1 * smallest:
        return " Its encoder is about as small as the smallest compared."
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
