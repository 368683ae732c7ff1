"""`gvt report`: write the report, tables and figures of runs again, from their files alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gvt.cli.arguments import Names
from gvt.errors import UserError, unknown_name
from leaderboard.export import FORMATS
from leaderboard.schema import read_run

if TYPE_CHECKING:
    from leaderboard.results import Results

SUMMARY = "write the report of a run, or of several as one comparison, and print its table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "run_dirs", nargs="+", type=Path, metavar="RUN", help="a run directory (`gvt ls runs`)"
    )
    parser.add_argument(
        "--format",
        nargs="+",
        action=Names,
        metavar="FORMAT",
        help=f"files to write: {', '.join(FORMATS)} (default: html)",
    )
    parser.add_argument("--baseline", metavar="COLUMN", help="show all differences to this column")
    parser.add_argument(
        "--output_path",
        type=Path,
        metavar="DIR",
        help="where the files go (default: into the run; needed with several)",
    )
    parser.add_argument(
        "--allow_mixed",
        action="store_true",
        help="mark runs of other task versions, prompts, data or language models, not refuse them",
    )
    parser.add_argument(
        "--model_index",
        metavar="COLUMN",
        help="with --format model-index: this column alone (default: every tokenizer)",
    )
    parser.add_argument(
        "--source_url",
        metavar="URL",
        help="with --format model-index: where the report is published",
    )


def run(args: argparse.Namespace) -> None:
    """Write the files and print the table.

    Raises:
        UserError: there is no such format or column; several runs and no place for their files.
    """
    formats = args.format or ["html"]
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS, "gvt report --help")
    if len(args.run_dirs) > 1 and args.output_path is None:
        raise UserError(
            "several runs, but no place for their report",
            "Give a folder with --output_path.",
        )
    for folder in args.run_dirs:
        read_run(folder)  # what is no run is told before numpy is loaded
    from leaderboard.results import load_results

    results = load_results(*args.run_dirs, allow_mixed=args.allow_mixed)
    _check_column(results, args.baseline)
    _check_column(results, args.model_index)
    folder = args.output_path or args.run_dirs[0]
    _write(results, folder, formats, args.baseline, args.model_index, args.source_url)


def show(run_dir: Path) -> None:
    """Write the report of a run, print the table, and on the last line the report's path."""
    from leaderboard.results import load_results

    _write(load_results(run_dir), run_dir, ["html"])


def _write(results: Results, folder: Path, formats: Iterable[str], *options: str | None) -> None:
    from leaderboard.export import export
    from leaderboard.export.material import Material
    from leaderboard.terminal import print_results
    from leaderboard.verdict import judge_all

    # The report last, as its path is what one looks for.
    formats = sorted(formats, key=lambda name: name == "html")
    paths = export(Material(results, judge_all(results), *options), folder, formats)
    print_results(results)
    print()
    for path in paths:
        print(f"{'Report' if path.suffix == '.html' else 'Written'}: {path}")


def _check_column(results: Results, name: str | None) -> None:
    names = [column["name"] for column in results.run["columns"]]
    if name is not None and name not in names:
        raise unknown_name("column", name, names, f"gvt show {results.run_dir}")
