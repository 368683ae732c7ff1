"""`gvt explain`: one sample, every column's answer, and how each was scored."""

from __future__ import annotations

import argparse

from gvt.cli import arguments

SUMMARY = "show one sample with every answer and how it was scored"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("run_dir", metavar="RUN", help="a run directory (`gvt ls runs`)")
    parser.add_argument(
        "--sample",
        required=True,
        metavar="TASK:ID",
        help="task and doc_id; the doc_id alone if only one task has it",
    )
    parser.add_argument("--task", metavar="NAME", help="task of a --sample that names none")
    arguments.add_include_path(parser)
    arguments.add_data_root(parser)


def run(args: argparse.Namespace) -> None:
    """Print the sample."""
    arguments.use_data_root(args)
    run_dir = arguments.run_dir(args.run_dir)
    from gvt.explain import explain
    from gvt.explain.show import show

    show(explain(run_dir, args.sample, args.task, arguments.include_path(args)))
