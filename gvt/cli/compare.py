"""`gvt compare`: is one column better than another, and where?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from gvt import catalog
from gvt.cli import arguments
from gvt.errors import UserError, unknown_name
from gvt.paths import runs_dir

if TYPE_CHECKING:
    from leaderboard.results import Results

SUMMARY = "compare two tokenizers, with tests"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    for name in "AB":
        parser.add_argument(
            name.lower(),
            metavar=name,
            help="a column of the run; or RUN:COLUMN; or a run directory with one tokenizer",
        )
    parser.add_argument(
        "--run",
        nargs="+",
        action=arguments.Names,
        default=[],
        dest="runs",
        metavar="RUN",
        help="run directories (default: the newest of `gvt ls runs`)",
    )
    parser.add_argument(
        "--task",
        nargs="+",
        action=arguments.Names,
        default=[],
        dest="tasks",
        metavar="NAME",
        help="tasks, or overall (default: all)",
    )
    parser.add_argument(
        "--allow_mixed",
        action="store_true",
        help="compare runs that differ in language model, data or prompts all the same",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> None:
    """Print scores, tests, and what they allow to be said."""
    results, a, b = _two(args)
    from leaderboard.compare import compare, to_dict
    from leaderboard.side_by_side import print_comparison

    for name in args.tasks:
        if name not in results.comparisons.scopes:
            raise unknown_name("task", name, results.comparisons.scopes, "gvt show RUN")
    found = compare(results, a, b, args.tasks)
    if args.format == "json":
        print(json.dumps(to_dict(results, a, b, found), ensure_ascii=False, indent=1))
    else:
        print_comparison(results, a, b, found)


def _two(args: argparse.Namespace) -> tuple[Results, str, str]:
    """The results that both columns are in, and the names of the two there."""
    asked = [_place(text) for text in (args.a, args.b)]
    folders = [arguments.run_dir(name) for name in args.runs]
    if not folders and not all(folder for folder, _ in asked):
        folders = [_newest()]
    folders += [folder for folder, _ in asked if folder]
    chosen = [(folder, _own_column(folder, name) if folder else name) for folder, name in asked]
    from leaderboard.results import load_results

    runs = {folder.resolve(): folder for folder in folders}.values()
    results = load_results(*runs, allow_mixed=args.allow_mixed)
    a, b = (_column(results, folder, name) for folder, name in chosen)
    if a == b:
        same = "" if len(results.sources) == 1 else ": it is the same in both runs"
        raise UserError(f"'{a}' is compared with itself{same}")
    return results, a, b


def _place(text: str) -> tuple[Path | None, str | None]:
    """Run directory and column that a name means; None where it does not say."""
    if _is_run(text):
        return Path(text), None
    run, colon, column = text.rpartition(":")
    if not colon:
        return None, text
    return arguments.run_dir(run), column


def _is_run(text: str) -> bool:
    return (Path(text) / "run.json").is_file()


def _newest() -> Path:
    found = catalog.runs(runs_dir())
    if not found:
        raise UserError(f"no run in {runs_dir()}", "Name one with --run, or say RUN:COLUMN.")
    return list(found.values())[-1]


def _own_column(folder: Path, name: str | None) -> str:
    """The column that a run calls so, or its only tokenizer."""
    from leaderboard.schema import read_run

    columns = read_run(folder)["columns"]
    if name is not None:
        known = [column["name"] for column in columns]
        if name not in known:
            raise unknown_name("column", name, known, f"gvt show {folder}")
        return name
    tokenizers = [column["name"] for column in columns if column["kind"] == "tokenizer"]
    if len(tokenizers) == 1:
        return tokenizers[0]
    told = ", ".join(f"{folder}:{column}" for column in tokenizers) or "none"
    raise UserError(f"{folder} has {len(tokenizers)} tokenizers", f"Say which: {told}.")


def _column(results: Results, folder: Path | None, name: str) -> str:
    """The name in the results of what one run, or the results themselves, call so."""
    if folder is not None and len(results.sources) > 1:
        # Of columns that go by one name and differ, all but the first are called otherwise there.
        (source,) = (one for one in results.sources if one.path.resolve() == folder.resolve())
        return next(merged for merged, own in source.columns.items() if own == name)
    known = [column["name"] for column in results.columns()]
    if name not in known:
        raise unknown_name("column", name, known, f"gvt show {results.run_dir}")
    return name
