"""`gvt score`: score the answers of a run again, without a model."""

from __future__ import annotations

import argparse

from gvt.cli import arguments, report

SUMMARY = "score a run's answers again, from its journal alone"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("run_dir", metavar="RUN", help="a run directory (`gvt ls runs`)")
    parser.add_argument(
        "--allow_missing",
        action="store_true",
        help="answers that the journal lacks become failed rows (default: nothing is changed)",
    )
    arguments.add_include_path(parser)
    arguments.add_data_root(parser)


def run(args: argparse.Namespace) -> None:
    """Score again, say what changed, and write and show the report."""
    arguments.use_data_root(args)
    run_dir = arguments.run_dir(args.run_dir)
    from gvt.rescore import rescore

    for one in rescore(run_dir, arguments.include_path(args), args.allow_missing):
        line = f"{one.task}: {one.rows:,} rows, {one.changed:,} changed"
        print(f"{line}, {one.unanswered:,} without an answer" if one.unanswered else line)
    report.show(run_dir)
