"""What speaks against trusting the numbers of a run, the most serious first, with what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .contamination import overlaps, unknowable
from .recipes import trainings
from .results import Results
from .schema import Task
from .text import join

_CUT_OFF, _NOT_UNDERSTOOD = 0.01, 0.05  # shares of a cell's answers
# How warnings begin about what merged runs do not share; ``joined`` writes them.
_MIXED = ("mixed: ", "alignment recipes differ")
_NAMED = 6  # names in one sentence; the rest is counted


@dataclass(frozen=True)
class Caveat:
    """One warning. ``level``: 2 numbers may be wrong, 1 not comparable, 0 good to know."""

    level: int
    kind: str  # what it is about, a word for scripts and tests
    text: str
    advice: str


def caveats(results: Results) -> list[Caveat]:
    """All that apply, the most serious first."""
    found = [caveat for check in _CHECKS for caveat in check(results)]
    return sorted(found, key=lambda caveat: -caveat.level)


def _unfinished(results: Results) -> Iterator[Caveat]:
    for source in results.sources:
        if source.run["finished"] is None:
            which = "This run" if len(results.sources) == 1 else f"The run {source.run['title']}"
            yield Caveat(
                2, "unfinished", f"{which} is not finished.", "Give the same command again."
            )


def _missing(results: Results) -> Iterator[Caveat]:
    for task in results.tasks:
        absent, short, seeds = [], [], []
        for column in results.columns("tokenizer", "control"):
            cell = results.cell(column["name"], task["name"])
            if cell is None:
                absent.append(column["title"])
                continue
            if missing := cell.counts()["missing"]:
                short.append(f"{column['title']} ({missing:,})")
            if len(cell.seeds) < len(results.run["seeds"]) and column["tokenizer"]:
                seeds.append(f"{column['title']} ({len(cell.seeds)})")
        again = "Give the run's command again: it computes what is missing."
        if absent:
            text = f"{task['title']}: no answers on file of {_names(absent)}."
            yield Caveat(2, "missing", text, again)
        if short:
            text = f"{task['title']}: samples without an answer: {_names(short)}."
            yield Caveat(2, "missing", text, again)
        if seeds:
            text = f"{task['title']}: fewer seeds than the {len(results.run['seeds'])} of the run: "
            yield Caveat(1, "seeds", f"{text}{_names(seeds)}.", again)


def _failed(results: Results) -> Iterator[Caveat]:
    for task in results.tasks:
        counts = _counted(results, task, "failed")
        if counts:
            text = f"{task['title']}: failed samples, which are in no score: {_names(counts)}."
            yield Caveat(2, "failed", text, "See the first failure under Counts, then run again.")


def _unlike_samples(results: Results) -> Iterator[Caveat]:
    for task in results.tasks:
        scored = {
            column["title"]: cell.estimate.n
            for column in results.columns("tokenizer", "control")
            if (cell := results.cell(column["name"], task["name"]))
        }
        if len(set(scored.values())) > 1:
            low, high = min(scored.values()), max(scored.values())
            text = f"{task['title']}: columns are scored on {low:,} to {high:,} samples."
            advice = "Trust the paired differences, which use the samples both have."
            yield Caveat(2, "samples", text, advice)


def _recorded(results: Results) -> Iterator[Caveat]:
    for text in results.run["warnings"]:
        if text.startswith(_MIXED):
            yield Caveat(2, "mixed", text, "Compare what is mixed within one run only.")
        else:
            yield Caveat(1, "recorded", text, "")


def _contaminated(results: Results) -> Iterator[Caveat]:
    groups: dict[tuple[str, str, str, str, str], list[str]] = {}
    for o in overlaps(results.run):
        groups.setdefault((o.task, o.stage, o.seen, o.asked, o.why), []).append(o.column)
    titles = {task["name"]: task["title"] for task in results.run["tasks"]}
    for (task, stage, seen, asked, why), columns in groups.items():
        who = _names([results.title(name) for name in columns])
        kind = "encoder of" if stage == "pre-training" else "connector of"
        text = f"{titles[task]} asks about images of {asked}; the {kind} {who} was trained on "
        advice = "Its score there may owe something to memory: compare on other images, too."
        yield Caveat(1, "contamination", f"{text}{seen}: {why}.", advice)
    crawled: dict[str, list[str]] = {}
    for column, seen in unknowable(results.run):
        crawled.setdefault(seen, []).append(results.title(column))
    if crawled:
        parts = [f"{_names(who)} ({seen.partition('/')[2]})" for seen, who in crawled.items()]
        text = f"Trained on images crawled from the web: {_names(parts)}."
        advice = "Whether the tasks' images were among them cannot be looked up."
        yield Caveat(0, "contamination", text, advice)


def _budgets(results: Results) -> Iterator[Caveat]:
    for key, what in (
        ("visual_tokens", "tokens enter the language model"),
        ("feature_tokens", "patch tokens leave the encoder"),
    ):
        groups: dict[int, list[str]] = {}
        for column in results.columns("tokenizer"):
            if column[key] is not None:
                groups.setdefault(column[key], []).append(column["title"])
        if len(groups) > 1:
            sizes = [f"{size:,} of {_names(who)}" for size, who in sorted(groups.items())]
            advice = "More tokens see more and cost more: read scores against cost."
            yield Caveat(1, "budget", f"Unequal budgets: {what}, {_names(sizes)}.", advice)


def _recipes(results: Results) -> Iterator[Caveat]:
    found = trainings(results)
    if len(found) > 1:
        told = [
            f"{_names(results.title(name) for name in one.columns)} by {one.name}{one.more}"
            for one in found
        ]
        advice = "Between them recipe and tokenizer are compared, not the tokenizer alone."
        yield Caveat(1, "recipe", f"Unequal training: {'; '.join(told)}.", advice)


def _one_seed(results: Results) -> Iterator[Caveat]:
    if len(results.run["seeds"]) == 1 and results.run["alignment"]:
        text = "One alignment seed: how far another seed moves a score is not known."
        yield Caveat(1, "one seed", text, "Run three seeds before you trust a close race.")


def _truncated(results: Results) -> Iterator[Caveat]:
    yield from _shares(
        results,
        "truncated",
        _CUT_OFF,
        "answers cut off at the token limit",
        "Raise max_gen_toks of the task if whole answers matter.",
    )


def _invalid(results: Results) -> Iterator[Caveat]:
    yield from _shares(
        results,
        "invalid",
        _NOT_UNDERSTOOD,
        "answers not understood, which score as they stand",
        "Read some of them among the samples: the score tells format as much as sight.",
    )


def _shares(results: Results, key: str, limit: float, what: str, advice: str) -> Iterator[Caveat]:
    for task in results.tasks:
        named = []
        for column in results.columns("tokenizer"):
            cell = results.cell(column["name"], task["name"])
            counts = cell.counts() if cell else {"answers": 0}
            if counts["answers"] and counts[key] > limit * counts["answers"]:
                named.append(f"{column['title']} ({counts[key] / counts['answers']:.0%})")
        if named:
            yield Caveat(1, key, f"{task['title']}: {what}: {_names(named)}.", advice)


def _counted(results: Results, task: Task, key: str) -> list[str]:
    found = []
    for column in results.columns():
        cell = results.cell(column["name"], task["name"])
        if cell and (count := cell.counts()[key]):
            found.append(f"{column['title']} ({count:,})")
    return found


def _names(names: Iterable[str]) -> str:
    names = list(names)
    if len(names) > _NAMED:
        names = [*names[: _NAMED - 1], f"{len(names) - _NAMED + 1} more"]
    return join(names)


_CHECKS = (
    _unfinished,
    _failed,
    _missing,
    _unlike_samples,
    _contaminated,
    _budgets,
    _recipes,
    _truncated,
    _invalid,
    _one_seed,
    _recorded,
)
