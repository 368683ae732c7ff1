"""`gvt distill`: train a vision transformer to give the patch features of another tokenizer."""

from __future__ import annotations

import argparse
from pathlib import Path

from gvt.cli import arguments

SUMMARY = "make a tokenizer by feature distillation from another"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "--teacher", required=True, metavar="CARD", help="what `gvt run --tokenizers` takes"
    )
    parser.add_argument(
        "--student",
        default="random",
        metavar="CARD",
        help="weights to start from: a card or a folder, or `random` for the mini ViT (default)",
    )
    parser.add_argument("--student_config", metavar="CARD", help="architecture of a random student")
    parser.add_argument(
        "--mask_ratio",
        type=arguments.ratio,
        default=0.0,
        metavar="SHARE",
        help="share of patches hidden from the student and predicted (default: 0, all are seen)",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="a folder of pictures (default: the mini world)"
    )
    parser.add_argument(
        "--flip", action="store_true", help="mirror half of the images; implies --live"
    )
    parser.add_argument(
        "--live", action="store_true", help="run the teacher at every step, keep no features"
    )
    arguments.add_training(parser)
    arguments.add_include_path(parser)


def run(args: argparse.Namespace) -> None:
    """Train and say where the card is."""
    from gvt.pretrain.distill import distill
    from gvt.pretrain.plan import Plan
    from gvt.pretrain.student import student_card
    from gvt.resolve import resolve

    include_path = arguments.include_path(args)
    teacher = resolve(args.teacher, include_path)
    student = student_card(
        args.student,
        teacher,
        architecture=args.student_config,
        seed=args.seed,
        include_path=include_path,
    )
    plan = Plan(teacher, student, args.mask_ratio, args.images, args.flip, args.live)
    print(distill(plan, args.output, args.samples, **arguments.training(args)))
