"""`gvt ls`: what there is to choose from, one line each."""

from __future__ import annotations

import argparse
from pathlib import Path

from gvt import catalog
from gvt.cli import arguments
from gvt.config import load_recipe, load_suite
from gvt.paths import runs_dir
from gvt.yaml_files import compose, plain

SUMMARY = "list tokenizers, tasks, suites, recipes or runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("what", choices=tuple(_ROWS))
    parser.add_argument(
        "--runs_path", type=Path, metavar="DIR", help="where runs lie (default: runs)"
    )
    arguments.add_include_path(parser)


def run(args: argparse.Namespace) -> None:
    """Print the list, or where nothing was found."""
    rows = _ROWS[args.what](args)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    if not rows:
        print(f"no {args.what} found")


def _tokenizers(args: argparse.Namespace) -> list[tuple[str, ...]]:
    from tokenizers_zoo import Card
    from tokenizers_zoo.fit import shape

    rows = []
    for path in catalog.tokenizers(arguments.include_path(args)).values():
        card = Card.load(path)
        tokens_width = shape(card)
        rows.append(
            (
                card.name,
                card.title,
                card.family,
                _millions(card.parameters),
                "{} × {}".format(*tokens_width) if tokens_width else "–",
                f"{card.image.size} px" if card.image else "–",
                card.licence.split(" (")[0],
            )
        )
    return rows


def _tasks(args: argparse.Namespace) -> list[tuple[str, ...]]:
    rows = []
    for name, path in catalog.tasks(arguments.include_path(args)).items():
        metadata = plain(compose(path)).get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        metric = metadata.get("metric_title") or metadata.get("metric") or ""
        rows.append((name, str(metadata.get("title", "")), str(metric)))
    return rows


def _suites(args: argparse.Namespace) -> list[tuple[str, ...]]:
    files = catalog.suites(arguments.include_path(args))
    suites = [load_suite(path, files) for path in files.values()]
    return [
        (suite.name, suite.title, f"{', '.join(suite.tokenizers)} on {', '.join(suite.tasks)}")
        for suite in suites
    ]


def _recipes(args: argparse.Namespace) -> list[tuple[str, ...]]:
    files = catalog.recipes(arguments.include_path(args))
    recipes = [load_recipe(path, files) for path in files.values()]
    return [
        (recipe.name, recipe.title, f"{recipe.connector.type}; {_stages(recipe.stages)}")
        for recipe in recipes
    ]


def _runs(args: argparse.Namespace) -> list[tuple[str, ...]]:
    from leaderboard.schema import read_run

    folder = args.runs_path or runs_dir()
    rows = []
    for name, path in catalog.runs(folder).items():
        run = read_run(path)
        columns = ", ".join(column["name"] for column in run["columns"])
        rows.append((name, run["suite"], run["finished"] or "unfinished", columns))
    return rows


def _stages(stages) -> str:
    return ", ".join(f"{stage.name} {stage.steps} steps" for stage in stages)


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M"


_ROWS = {
    "tokenizers": _tokenizers,
    "tasks": _tasks,
    "suites": _suites,
    "recipes": _recipes,
    "runs": _runs,
}
