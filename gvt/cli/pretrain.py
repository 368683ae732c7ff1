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
    parser.add_argument(
        "--output", "-o", type=Path, required=True, metavar="DIR", help="a Hugging Face folder"
    )
    parser.add_argument(
        "--samples", type=arguments.count, required=True, metavar="N", help="samples to see"
    )
    parser.add_argument("--batch_size", "-b", type=arguments.count, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--lr", type=float, metavar="RATE", help="learning rate at its highest")
    parser.add_argument("--threads", type=arguments.count, metavar="N", help="CPU threads")
    parser.add_argument(
        "--compile", action="store_true", help="compile the models: a minute later, then faster"
    )
    parser.add_argument(
        "--init", type=Path, metavar="DIR", help="train the lm of an earlier --output further"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in the folder"
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
        batch_size=args.batch_size,
        seed=args.seed,
        lr=args.lr,
        threads=args.threads,
        compiled=args.compile,
        init=args.init,
        resume=args.resume,
        log_with=log_with,
    )
    print(folder)
