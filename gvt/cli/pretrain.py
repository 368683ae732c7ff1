"""`gvt pretrain`: make one of the shipped mini encoders, or the mini language model, anew."""

from __future__ import annotations

import argparse
from pathlib import Path

from gvt.cli import arguments
from gvt.pretrain import OBJECTIVES

SUMMARY = "pre-train a mini encoder or the mini language model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("--objective", choices=OBJECTIVES, required=True)
    arguments.add_training(parser)
    parser.add_argument(
        "--compile", action="store_true", help="compile the models: a minute later, then faster"
    )
    parser.add_argument(
        "--init", type=Path, metavar="DIR", help="train the lm of an earlier --output further"
    )
    arguments.add_log_with(parser)


def run(args: argparse.Namespace) -> None:
    """Train and say where the folder is."""
    log_with = arguments.log_with(args)
    from gvt.pretrain import pretrain

    folder = pretrain(
        args.objective,
        args.output,
        args.samples,
        compiled=args.compile,
        init=args.init,
        log_with=log_with,
        **arguments.training(args),
    )
    print(folder)
