"""`gvt report`: write the report of runs again, from their files alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from gvt.errors import UserError

SUMMARY = "write the report of a run, or of several as one comparison, and print its table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "run_dirs", nargs="+", type=Path, metavar="RUN", help="a run directory (`gvt ls runs`)"
    )
    parser.add_argument(
        "--output_path",
        type=Path,
        metavar="DIR",
        help="where the report goes (default: into the run; needed with several)",
    )
    parser.add_argument(
        "--allow_mixed",
        action="store_true",
        help="mark runs of other task versions, prompts, data or language models, not refuse them",
    )


def run(args: argparse.Namespace) -> None:
    """Write and show the report.

    Raises:
        UserError: several runs and no place for their report.
    """
    if len(args.run_dirs) > 1 and args.output_path is None:
        raise UserError(
            "several runs, but no place for their report",
            "Give a folder with --output_path.",
        )
    show(*args.run_dirs, output=args.output_path, allow_mixed=args.allow_mixed)


def show(*run_dirs: Path, output: Path | None = None, allow_mixed: bool = False) -> None:
    """Write the report of runs, print the table, and on the last line the report's path."""
    import leaderboard

    page = leaderboard.write_report(*run_dirs, output=output, allow_mixed=allow_mixed)
    leaderboard.print_table(*run_dirs, allow_mixed=allow_mixed)
    print(f"\nReport: {page}")
