"""`gvt align`: train the connectors of a suite and keep them in the cache; no tasks."""

from __future__ import annotations

import argparse

from gvt.cli import plan

SUMMARY = "train the connectors only, for later runs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `gvt run` but for those of the evaluation."""
    plan.add_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Align every column for every seed."""
    suite, recipes, options = plan.resolve(args)
    if args.dry_run:
        print(plan.describe(suite, recipes, args.sweep or ()))
        return
    from gvt.columns import align_columns

    align_columns(suite, recipes, options)
