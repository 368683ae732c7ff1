"""`gvt run`: align every column, let it answer every task, and write one report."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from gvt.cli import arguments, plan, report
from gvt.errors import UserError

SUMMARY = "align, evaluate and compare visual tokenizers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags; names and short forms are lm_eval's where it has them."""
    plan.add_arguments(parser)
    group = parser.add_argument_group("evaluation")
    group.add_argument(
        "--tasks",
        "-t",
        nargs="+",
        action=arguments.Names,
        metavar="NAME",
        help="tasks (`gvt ls tasks`), comma or space separated; * stands for anything",
    )
    group.add_argument(
        "--limit",
        "-L",
        type=arguments.limit,
        metavar="N",
        help="samples a task, or a fraction below 1",
    )
    group.add_argument(
        "--batch_size",
        "-b",
        type=arguments.batch_size,
        metavar="N",
        help="images a batch, or auto (default)",
    )
    group.add_argument(
        "--output_path", "-o", metavar="DIR", help="run directory (default: runs/SUITE)"
    )
    group.add_argument(
        "--log_samples",
        "-s",
        action="store_true",
        help="accepted for lm_eval's habit: every sample is always logged",
    )


def run(args: argparse.Namespace) -> None:
    """Run what the flags say; the main process ends with the table and the report."""
    suite, recipes, options = plan.resolve(args)
    if not suite.tasks:
        raise UserError("no tasks to run", "Choose some with --tasks; 'gvt ls tasks' lists them.")
    if args.dry_run:
        from gvt.forecast import forecast

        print(plan.describe(suite, recipes, args.sweep or ()))
        print(plan.outlook(forecast(suite, recipes, options)))
        print(f"output     {options.output_path}")
        return
    _need_writable(options.output_path)
    from gvt.run import execute

    run_dir = execute(suite, recipes, options)
    if run_dir is not None:
        report.show(run_dir)


def _need_writable(folder: Path) -> None:
    """Find out now, not after an hour of alignment."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        raise UserError(
            f"cannot write to {folder} ({exc.strerror})", "Choose another with --output_path."
        ) from exc
