"""The one run that several make together, with warnings of all that differs between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .schema import FORMAT_VERSION, Alignment, Run, Stage
from .source import Source
from .text import printable

if TYPE_CHECKING:
    from .merge import ColumnGroup, TaskGroup

_LONGEST = 120  # characters of a value in a message
_PACKAGES = ("gvt", "torch", "transformers")


def join(
    sources: list[Source],
    tasks: list[TaskGroup],
    columns: list[ColumnGroup],
    clashes: list[str],
    allow_mixed: bool,
) -> Run:
    """The runs as one. What each has alone (command, hardware, …) stays in the sources.

    ``config`` and ``hardware`` hold what all runs agree on as it is, else by run.
    """
    runs = [source.run for source in sources]
    finished = [run["finished"] for run in runs]
    flags = ["--allow_mixed"] if allow_mixed else []
    stages, alignment = _training(columns)
    return Run(
        format_version=FORMAT_VERSION,
        suite=_listed((run["suite"] for run in runs), " + "),
        title=_listed((run["title"] for run in runs), " + "),
        command=["gvt", "report", *(str(source.path) for source in sources), *flags],
        created=min(run["created"] for run in runs),
        finished=None if None in finished else max(finished),
        seeds=sorted({seed for run in runs for seed in run["seeds"]}),
        versions={
            key: value if isinstance(value, str) else by_value(value.items())
            for key, value in _agreed(sources, "versions").items()
        },
        hardware=_agreed(sources, "hardware"),
        config=_agreed(sources, "config"),
        columns=[group.column for group in columns],
        tasks=[group.task for group in tasks],
        stages=stages,
        alignment=alignment,
        warnings=_warnings(sources, tasks, columns, clashes),
    )


def by_value(told: Iterable[tuple[str, Any]]) -> str:
    """What runs say, each answer once: ``1.0 (a, b), 2.0 (c)``; None is left out."""
    names: dict[str, list[str]] = {}
    for name, value in told:
        if value is not None:
            names.setdefault(_on_one_line(str(value)), []).append(name)
    return ", ".join(f"{value} ({', '.join(those)})" for value, those in names.items())


def _on_one_line(text: str) -> str:
    """A text of a run as a part of a message."""
    line = " ".join(printable(text).split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _agreed(sources: list[Source], field: str) -> dict[str, Any]:
    """A field's entries: the value of all runs, or what each says, by its name."""
    found = {}
    for key in dict.fromkeys(key for source in sources for key in source.run[field]):
        told = {source.name: source.run[field].get(key) for source in sources}
        values = list(told.values())
        found[key] = values[0] if all(value == values[0] for value in values) else told
    return found


def _training(columns: list[ColumnGroup]) -> tuple[list[Stage], list[Alignment]]:
    """What the columns took, of every run that adds a seed or task, and each connector once."""
    stages: list[Stage] = []
    alignment: dict[tuple[str, int], Alignment] = {}
    for group in columns:
        name, covered = group.column["name"], set()
        for source, own in group.members:
            cells = {(seed, task) for seed in source.run["seeds"] for task in source.tasks}
            if cells <= covered:
                continue
            covered |= cells
            for stage in source.run["stages"]:
                if stage["column"] == own["name"]:
                    stages.append({**stage, "column": name})
            for entry in source.run["alignment"]:
                if entry["column"] == own["name"]:
                    alignment.setdefault((name, entry["seed"]), {**entry, "column": name})
    return stages, list(alignment.values())


def _warnings(
    sources: list[Source], tasks: list[TaskGroup], columns: list[ColumnGroup], clashes: list[str]
) -> list[str]:
    """What is mixed, then what differs, then each run's own warnings, each once."""
    found = [f"mixed: {line}" for line in clashes]
    for reason in dict.fromkeys(group.reason for group in columns if group.reason):
        names = _listed(group.column["name"] for group in columns if group.reason == reason)
        found.append(f"{names}: not the column of that name in an earlier run, but {reason}")
    found += _recipes(sources)
    for package in _PACKAGES:
        versions = [source.run["versions"].get(package) for source in sources]
        found += _differ(sources, f"versions of {package}", versions)
    found += _differ(sources, "precisions", [s.run["hardware"].get("dtype") for s in sources])
    found += _differ(sources, "seeds", [_listed(s.run["seeds"], " ") for s in sources])
    silent = [source.name for source in sources if "hash" not in source.llm]
    if silent:
        found.append(f"language models not compared: not told by {_listed(silent)}")
    silent = [g.task["name"] for g in tasks if len(g.sources) > 1 and not _prompts_known(g)]
    if silent:
        found.append(
            f"prompts not compared on {_listed(silent)}: an earlier version kept no hash of them"
        )
    own: dict[str, list[str]] = {}
    for source in sources:
        for warning in dict.fromkeys(source.run["warnings"]):
            own.setdefault(warning, []).append(source.name)
    everyone = len(sources)
    return found + [
        text if len(names) == everyone else f"{_listed(names)}: {text}"
        for text, names in own.items()
    ]


def _recipes(sources: list[Source]) -> list[str]:
    told = [source.recipe_of() for source in sources]
    keys = dict.fromkeys(key for recipe in told for key in recipe)
    differing = [key for key in keys if any(recipe.get(key) != told[0].get(key) for recipe in told)]
    if not differing:
        return []
    names = by_value((source.name, source.recipe_name_of()) for source in sources)
    return [
        f"alignment recipes differ in {_on_one_line(_listed(differing))}: {names}; "
        "what is compared is not the tokenizer alone"
    ]


def _differ(sources: list[Source], what: str, values: list[Any]) -> list[str]:
    names = [source.name for source in sources]
    told = [str(value) for value in values if value is not None]
    same = len(set(told)) < 2
    return [] if same else [f"{what} differ: {by_value(zip(names, values, strict=True))}"]


def _prompts_known(group: TaskGroup) -> bool:
    """Whether every run of a group has the hash of the task's prompt."""
    return all(
        "prompt_hash" in task
        for source in group.sources
        for task in source.run["tasks"]
        if task["name"] == source.tasks[group.task["name"]]
    )


def _listed(values: Iterable[Any], between: str = ", ") -> str:
    return between.join(dict.fromkeys(map(str, values)))
