"""`gvt export`: a run's column as a model folder of transformers."""

from __future__ import annotations

import argparse
from pathlib import Path

from gvt.cli import arguments
from gvt.errors import UserError

SUMMARY = "keep the model behind a column: tokenizer, connector and language model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("run_dir", metavar="RUN", help="a run directory (`gvt ls runs`)")
    parser.add_argument("--column", metavar="NAME", help="needed where a run has several")
    parser.add_argument("--seed", type=int, metavar="N", help="default: the run's first")
    parser.add_argument(
        "--output", "-o", type=Path, required=True, metavar="DIR", help="a new or empty folder"
    )
    parser.add_argument(
        "--everything",
        action="store_true",
        help="copy frozen parts as well (default: what was trained, and references to the rest)",
    )
    arguments.add_include_path(parser)


def run(args: argparse.Namespace) -> None:
    """Write the folder and say where it is."""
    run_dir = arguments.run_dir(args.run_dir)
    folder = args.output.expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--output {folder}: is there already", "Give a new or empty folder.")
    from gvt.saved import model_of

    model = model_of(run_dir, args.column, args.seed, arguments.include_path(args))
    model.save_pretrained(folder, everything=args.everything)
    print(folder)
