"""Names of tokenizers, tasks, suites, recipes and runs, found by looking into folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from gvt import yaml_files
from gvt.config import Recipe, Suite, find_include, load_recipe, load_suite
from gvt.errors import UserError, unknown_name
from gvt.paths import data_dir

Kind = Literal["task", "group", "suite", "recipe"]
T = TypeVar("T")

# A file is what its keys say, wherever it lies. Cards are found by tokenizers_zoo.
_KEY = {"group": "group", "task": "task", "tokenizers": "suite", "stages": "recipe"}


def tokenizers(include_path: Iterable[Path] = ()) -> dict[str, Path]:
    """Return all tokenizer cards, name → file; a user's card replaces a shipped one of its name."""
    from tokenizers_zoo import BUILTIN_CARDS, find_cards

    return find_cards([BUILTIN_CARDS, *_existing(include_path)])


def tasks(include_path: Iterable[Path] = ()) -> dict[str, Path]:
    """Return all tasks, name (the file's ``task:``) → file.

    This and its siblings below raise UserError, with file and line, for any broken YAML file.
    """
    return _scan("task", include_path)


def groups(include_path: Iterable[Path] = ()) -> dict[str, tuple[str, ...]]:
    """Return all groups of tasks, name (the file's ``group:``) → tasks in their order."""
    files = _scan("group", include_path)
    known = tasks(include_path)
    return {name: tuple(_members(name, files, known, ())) for name in files}


def group_files(include_path: Iterable[Path] = ()) -> dict[str, Path]:
    """Return all groups of tasks, name → file."""
    return _scan("group", include_path)


def suites(include_path: Iterable[Path] = ()) -> dict[str, Path]:
    """Return all suites, name (the file's stem) → file."""
    return _scan("suite", include_path)


def recipes(include_path: Iterable[Path] = ()) -> dict[str, Path]:
    """Return all alignment recipes, name (the file's stem) → file."""
    return _scan("recipe", include_path)


def runs(folder: Path) -> dict[str, Path]:
    """Return the run directories below ``folder``, path relative to it → path; oldest first."""
    found = sorted(folder.rglob("run.json"), key=lambda file: file.stat().st_mtime)
    return {str(file.parent.relative_to(folder)): file.parent for file in found}


def get_suite(name: str, include_path: Iterable[Path] = ()) -> Suite:
    """Load a suite by name or by the path of its file, its groups as tasks. Raises UserError."""
    suite = _get(name, "suite", suites(include_path), load_suite)
    known = groups(include_path)
    if not known.keys() & set(suite.tasks):
        return suite
    members = [member for name in suite.tasks for member in known.get(name, (name,))]
    return replace(suite, tasks=tuple(dict.fromkeys(members)))


def get_recipe(name: str, include_path: Iterable[Path] = ()) -> Recipe:
    """Load a recipe by name or by the path of its file. Raises UserError."""
    return _get(name, "recipe", recipes(include_path), load_recipe)


def _get(name: str, kind: str, named: dict[str, Path], load: Callable[..., T]) -> T:
    if name in named:
        return load(named[name], named)
    if name.endswith(".yaml") and Path(name).is_file():
        return load(Path(name), named)
    raise unknown_name(kind, name, named, f"gvt ls {kind}s")


def _existing(include_path: Iterable[Path]) -> list[Path]:
    folders = list(include_path)
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--include_path {folder}: no such folder")
    return folders


def _scan(kind: Kind, include_path: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in (data_dir("tasks"), data_dir("benchmarks"), *_existing(include_path)):
        tree: dict[str, Path] = {}
        for file in _yaml_files(folder):
            node = yaml_files.compose(file)
            if _kind(node, file, found | tree) != kind:
                continue
            name = _name(node, kind) if kind in ("task", "group") else file.stem
            if name in tree:
                raise UserError(f"{file}: a second {kind} '{name}', beside {tree[name]}")
            tree[name] = file
        found |= tree
    return dict(sorted(found.items()))


def _yaml_files(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.yaml"))
    return [file for file in files if not any(p[0] == "." for p in file.relative_to(folder).parts)]


def _kind(
    node: yaml_files.yaml.MappingNode, file: Path, named: dict[str, Path], depth: int = 8
) -> Kind | None:
    keys = {key.value: value for key, value in node.value}
    for key, kind in _KEY.items():
        if key in keys:
            return kind
    # A child that changes only seeds, say, is what its parent is.
    include = keys.get("include")
    if include is None or not isinstance(include.value, str) or not depth:
        return None
    parent = find_include(include.value, file, named)
    return parent and _kind(yaml_files.compose(parent), parent, named, depth - 1)


def _name(node: yaml_files.yaml.MappingNode, kind: Kind) -> str:
    value = next(value for key, value in node.value if key.value == kind)
    if not isinstance(value.value, str) or not re.fullmatch(r"[\w.+-]+", value.value):
        raise UserError(f"{yaml_files.place(value)}: {kind}: must be one name")
    return value.value


def _members(
    name: str, files: dict[str, Path], known: dict[str, Path], trail: tuple[str, ...]
) -> Iterable[str]:
    """Tasks of a group, those of groups in it among them."""
    file = files[name]
    names = yaml_files.plain(yaml_files.compose(file)).get("task")
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise UserError(f"{file}: group '{name}': task: must be a list of names")
    for item in names:
        if item in files and item not in (*trail, name):
            yield from _members(item, files, known, (*trail, name))
        elif item in known:
            yield item
        else:
            error = unknown_name("task", item, known, "gvt ls tasks")
            raise UserError(f"{file}: group '{name}': {error.message}", error.hint)
