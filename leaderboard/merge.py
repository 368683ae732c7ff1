"""Several runs as one: which columns and tasks are the same, and what must not be mixed."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import schema
from .joined import by_value, join
from .schema import Column, Run, SchemaError, Task
from .source import Source

_FACTS = {
    "version": "version",
    "dataset_hash": "data",
    "prompt_hash": "prompt or scoring",
    "metric": "metric",
    "unit": "unit",
    "higher_is_better": "higher is better",
    "samples": "samples",
}
"""What must be the same of a task to be compared, and how it is called."""


@dataclass
class TaskGroup:
    """The same task in some of the runs."""

    task: Task
    facts: dict[str, Any]  # None where no run tells
    sources: list[Source]


@dataclass
class ColumnGroup:
    """The same column in some of the runs, with each run's own record of it."""

    column: Column
    members: list[tuple[Source, Column]]
    reason: str = ""  # why it is not another column of the same name


def merge(folders: list[Path], allow_mixed: bool = False) -> tuple[Run, list[Source]]:
    """Read the runs and put them together; the sources come in the order given.

    A column that is the same in two runs is one, with the tasks and seeds of both; another of the
    same name goes by ``column@run``. Raises SchemaError with a line for everything that makes
    numbers incomparable (version, data, prompt, metric or number of samples of a task, language
    model). With ``allow_mixed`` such a task becomes ``task@run``, and the warnings say all that is
    mixed.
    """
    _refuse_twice(folders)
    names = _short_names(folders)
    runs = [schema.read_run(folder) for folder in folders]
    sources = [Source(*one) for one in zip(folders, runs, names, strict=True)]
    tasks, clashes = _group_tasks(sources)
    columns = _group_columns(sources)
    if len(sources) == 1:
        return runs[0], sources
    if len({source.llm.get("hash") for source in sources} - {None}) > 1:
        models = ((source.name, source.llm_shown) for source in sources)
        clashes.append(f"language model: {by_value(models)}")
    if clashes and not allow_mixed:
        lines = "".join(f"  {line}\n" for line in clashes)
        raise SchemaError(
            f"these runs cannot stand in one table:\n{lines}"
            "  Run anew what differs, or give --allow_mixed, which marks it instead."
        )
    return join(sources, tasks, columns, clashes, allow_mixed), sources


def _group_tasks(sources: list[Source]) -> tuple[list[TaskGroup], list[str]]:
    """The tasks of all runs under names of their own, and a line for each that clashes."""
    found: dict[str, list[TaskGroup]] = {}
    told: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for source in sources:
        for task in source.run["tasks"]:
            name = task["name"]
            facts = _facts(source, task, alone=len(sources) == 1)
            told.setdefault(name, []).append((source.name, facts))
            groups = found.setdefault(name, [])
            group = next((g for g in groups if not _differing([g.facts, facts])), None)
            if group is None:
                groups.append(TaskGroup(task, facts, [source]))
            else:
                group.facts |= {k: v for k, v in facts.items() if v is not None}
                group.task = {**task, **group.task}  # an older run may lack a field
                group.sources.append(source)
    clashes = []
    for name, groups in found.items():
        if len(groups) > 1:
            facts = told[name]
            parts = [
                f"{_FACTS[key]} {by_value((run, _shown(key, own[key])) for run, own in facts)}"
                for key in _differing([own for _, own in facts])
            ]
            clashes.append(f"task {name}: {'; '.join(parts)}")
        for group in groups[1:]:
            new = _free(f"{name}@{group.sources[0].name}", found)
            title = f"{group.task['title']} ({group.sources[0].name})"
            group.task = {**group.task, "name": new, "title": title}
        for group in groups:
            for source in group.sources:
                source.tasks[group.task["name"]] = name
    return [group for groups in found.values() for group in groups], clashes


def _facts(source: Source, task: Task, alone: bool) -> dict[str, Any]:
    count = None if alone else source.sample_count(task["name"])
    return {key: task.get(key) for key in _FACTS} | {"samples": count}


def _differing(facts: list[dict[str, Any]]) -> list[str]:
    """What is known of more than one and not the same."""
    return [key for key in _FACTS if len({own[key] for own in facts} - {None}) > 1]


def _shown(key: str, value: Any) -> Any:
    return value[:12] if value and key.endswith("_hash") else value


def _group_columns(sources: list[Source]) -> list[ColumnGroup]:
    """The columns of all runs, each once, under names of their own."""
    groups: list[ColumnGroup] = []
    for source in sources:
        for own in source.run["columns"]:
            namesakes = [g for g in groups if g.members[0][1]["name"] == own["name"]]
            reasons = [_reason(group, source, own) for group in namesakes]
            if "" in reasons:
                group = namesakes[reasons.index("")]
            else:
                group = ColumnGroup(own, [])
                if namesakes:
                    name = _free(f"{own['name']}@{source.name}", [g.column["name"] for g in groups])
                    title = f"{own['title']} ({source.name})"
                    group = ColumnGroup({**own, "name": name, "title": title}, [], reasons[0])
                groups.append(group)
            group.members.append((source, own))
            source.columns[group.column["name"]] = own["name"]
    return groups


def _reason(group: ColumnGroup, source: Source, column: Column) -> str:
    """Why a run's column is not that of a group; empty where it is the same."""
    return next((r for m in group.members if (r := _difference(*m, source, column))), "")


def _difference(a: Source, x: Column, b: Source, y: Column) -> str:
    """Card, language model and connectors decide; of other seeds the recipe does."""
    if a.llm.get("hash") != b.llm.get("hash"):
        return "another language model"
    if any(x[key] != y[key] for key in ("kind", "tokenizer", "card_hash")):
        return "another card"
    left, right = a.connectors(x), b.connectors(y)
    if not left and not right:
        if x["kind"] == "ceiling":  # the language model alone
            return ""
        left, right = a.stamps(x), b.stamps(y)
        same = all(left[cell] == right[cell] for cell in left.keys() & right.keys())
        return "" if same else "another model, task or scoring"
    common = left.keys() & right.keys()
    if common and all(left[seed] == right[seed] for seed in common):
        return ""
    if a.recipe_of(x["name"]) != b.recipe_of(y["name"]):
        return "another recipe"
    return "" if left and right and not common else "another connector"


def _refuse_twice(folders: list[Path]) -> None:
    for i, folder in enumerate(folders):
        if folder.resolve() in [earlier.resolve() for earlier in folders[:i]]:
            raise SchemaError(f"{folder}: the same run is given twice")


def _short_names(folders: list[Path]) -> list[str]:
    """The folders' names as parts of a column's name, each once."""
    names: list[str] = []
    for folder in folders:
        name = re.sub(r"[^A-Za-z0-9_.+=~-]", "_", folder.resolve().name) or "run"
        names.append(_free(name, names))
    return names


def _free(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
