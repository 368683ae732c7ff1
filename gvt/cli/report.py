"""`gvt report`: write a run's report again, from its files alone."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "write the report of a run and print its table"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("run_dir", type=Path, metavar="RUN", help="a run directory (`gvt ls runs`)")


def run(args: argparse.Namespace) -> None:
    """Write and show the report."""
    show(args.run_dir)


def show(run_dir: Path) -> None:
    """Write the report of a run, print the table, and on the last line the report's path."""
    import leaderboard

    page = leaderboard.write_report(run_dir)
    leaderboard.print_table(run_dir)
    print(f"\nReport: {page}")
