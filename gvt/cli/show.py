"""`gvt show`: everything one card, task, suite, recipe or run says."""

from __future__ import annotations

import argparse
import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gvt import catalog
from gvt.cli import arguments
from gvt.config import load_recipe, load_suite
from gvt.errors import unknown_name
from gvt.paths import runs_dir
from gvt.resolve import resolve
from gvt.yaml_files import compose, plain

if TYPE_CHECKING:
    from tokenizers_zoo import Card, TokenizerCard

SUMMARY = "show a tokenizer card, task, suite, recipe or run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "name", metavar="NAME", help="a name that `gvt ls` lists, what --tokenizers takes, or a run"
    )
    arguments.add_include_path(parser)


def run(args: argparse.Namespace) -> None:
    """Print all things of that name; a suite and its recipe may share one."""
    found = _find(args.name, arguments.include_path(args))
    for index, (kind, path, content) in enumerate(found):
        print(f"{chr(10) if index else ''}# {kind} {args.name}: {path}")
        # YAML writes control characters as escapes, so a stranger's file cannot move the cursor.
        print(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True), end="")


def _find(name: str, include_path: tuple[Path, ...]) -> list[tuple[str, Path | str, Any]]:
    cards, tasks = catalog.tokenizers(include_path), catalog.tasks(include_path)
    suites, recipes = catalog.suites(include_path), catalog.recipes(include_path)
    runs, groups = catalog.runs(runs_dir()), catalog.group_files(include_path)
    found = []
    if name in cards:
        found.append(("tokenizer", cards[name], _card(resolve(name, include_path))))
    if name in tasks:
        found.append(("task", tasks[name], plain(compose(tasks[name]))))
    if name in groups:
        found.append(("group", groups[name], plain(compose(groups[name]))))
    if name in suites:
        found.append(("suite", suites[name], load_suite(suites[name], suites).to_dict()))
    if name in recipes:
        found.append(("recipe", recipes[name], load_recipe(recipes[name], recipes).to_dict()))
    folder = runs.get(name) or Path(name)
    if (folder / "run.json").is_file():
        found.append(("run", folder, _run(folder)))
    if not found and re.search(r"[][+/:]|\.ya?ml$", name):
        found += _derived(resolve(name, include_path))
    if not found:
        names = [*cards, *tasks, *groups, *suites, *recipes, *runs]
        raise unknown_name("name", name, names, "gvt ls tokenizers|tasks|suites|recipes|runs")
    return found


def _derived(card: TokenizerCard) -> list[tuple[str, Path | str, Any]]:
    """What an expression, path or hub id means, and the cards of its encoders."""
    encoders = [("tokenizer", encoder.path, _card(encoder)) for encoder in card.encoders]
    if card.encoders[0].name == card.name:
        return encoders
    whole = {
        "name": card.name,
        "description": card.description,
        "parameters": card.parameters,
        "licence": card.licence,
        "encoders": [encoder.name for encoder in card.encoders],
    }
    return [("tokenizer", "made of", whole), *encoders]


def _card(card: Card) -> dict[str, Any]:
    fields = dataclasses.asdict(card)
    del fields["path"]
    return _said(fields)


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """What is not left open, at any depth."""
    said = {key: _said(v) if isinstance(v, dict) else v for key, v in fields.items()}
    return {key: value for key, value in said.items() if value not in (None, {}, "")}


def _run(folder: Path) -> dict[str, Any]:
    from leaderboard.schema import read_run

    run = read_run(folder)
    return {
        "suite": run["suite"],
        "title": run["title"],
        "command": " ".join(run["command"]),
        "created": run["created"],
        "finished": run["finished"],
        "columns": {column["name"]: column["title"] for column in run["columns"]},
        "tasks": {task["name"]: task["title"] for task in run["tasks"]},
        "seeds": run["seeds"],
        **_recipes(run["config"]),
        "minutes": round(sum(stage["seconds"] for stage in run["stages"]) / 60, 1),
        "warnings": run["warnings"],
        "versions": run["versions"],
    }


def _recipes(config: dict[str, Any]) -> dict[str, Any]:
    """The name of the recipe, and of those that columns have of their own."""
    own = {column: recipe["name"] for column, recipe in config.get("recipes", {}).items()}
    said = {"recipe": config.get("recipe", {}).get("name"), "recipes": own}
    return {key: value for key, value in said.items() if value}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text.strip() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
