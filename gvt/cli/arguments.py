"""Arguments that several commands share, and lists as lm_eval takes them: commas or spaces."""

from __future__ import annotations

import argparse
import math
import os
from pathlib import Path

from gvt.errors import UserError, unknown_name
from gvt.paths import expanded


class Names(argparse.Action):
    """Collects `a,b c` and repeated flags as one list; commas in brackets do not separate."""

    def __call__(self, parser, namespace, values, option_string=None):
        names = [name for value in values for name in split_names(value)]
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), *names])


def split_names(text: str) -> list[str]:
    """Return the parts of `text` between commas that stand outside of brackets."""
    parts, depth = [""], 0
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts if part.strip()]


def seeds(text: str) -> list[int]:
    """Return `0,1,2` as numbers."""
    return [int(part) for part in text.split(",")]


def limit(text: str) -> int | float:
    """Return a number of samples, or a fraction below 1, as lm_eval's --limit takes it."""
    number = float(text)
    if not number > 0 or (number > 1 and not number.is_integer()):
        raise ValueError
    return number if number < 1 else int(number)


def batch_size(text: str) -> int | None:
    """Return a number above 0; `auto` is None."""
    return None if text == "auto" else count(text)


def count(text: str) -> int:
    """Return a whole number above 0."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def seed(text: str) -> int:
    """Return a whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


def rate(text: str) -> float:
    """Return a finite number above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError
    return number


def ratio(text: str) -> float:
    """Return a share of at least 0 and below 1."""
    number = float(text)
    if not 0 <= number < 1:
        raise ValueError
    return number


def add_training(parser: argparse.ArgumentParser) -> None:
    """Add the flags of commands that train a network and write it to a folder."""
    parser.add_argument(
        "--output", "-o", type=Path, required=True, metavar="DIR", help="a Hugging Face folder"
    )
    parser.add_argument("--samples", type=count, required=True, metavar="N", help="samples to see")
    parser.add_argument("--batch_size", "-b", type=count, metavar="N")
    parser.add_argument("--seed", type=seed, default=0, metavar="N")
    parser.add_argument("--lr", type=rate, metavar="RATE", help="learning rate at its highest")
    parser.add_argument("--threads", type=count, metavar="N", help="CPU threads")
    parser.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in the folder"
    )


def training(args: argparse.Namespace) -> dict[str, object]:
    """Return what those flags say, but for the folder and the samples."""
    return {key: getattr(args, key) for key in ("batch_size", "seed", "lr", "threads", "resume")}


def add_include_path(parser: argparse.ArgumentParser) -> None:
    """Add --include_path, a list of folders."""
    parser.add_argument(
        "--include_path",
        nargs="+",
        action=Names,
        default=[],
        metavar="DIR",
        help="folders with cards, tasks, suites and recipes of your own",
    )


def include_path(args: argparse.Namespace) -> tuple[Path, ...]:
    """Return --include_path as folders."""
    return tuple(expanded(folder) for folder in args.include_path)


def run_dir(name: str) -> Path:
    """Return the run directory of a name that `gvt ls runs` lists, or of a path.

    Raises:
        UserError: there is no such run.
    """
    from gvt import catalog
    from gvt.paths import runs_dir

    path = expanded(name)
    if (path / "run.json").is_file():
        return path
    known = catalog.runs(runs_dir())
    if name not in known:
        raise unknown_name("run", name, known, "gvt ls runs")
    return known[name]


def add_log_with(parser: argparse.ArgumentParser) -> None:
    """Add --log_with, a list of trackers."""
    parser.add_argument(
        "--log_with",
        nargs="+",
        action=Names,
        default=[],
        metavar="TRACKER",
        help="log losses and scores to tensorboard, wandb, … or all installed ones: offline, in "
        "the run directory (docs/commands.md)",
    )


def log_with(args: argparse.Namespace) -> tuple[str, ...]:
    """Return --log_with as trackers that are installed. Raises UserError."""
    from gvt.tracking import need

    return need(args.log_with)


def add_data_root(parser: argparse.ArgumentParser) -> None:
    """Add --data_root, a folder."""
    parser.add_argument(
        "--data_root",
        metavar="DIR",
        help="official files of published benchmarks (default: $GVT_DATA, else hub data sets)",
    )


def use_data_root(args: argparse.Namespace) -> None:
    """Make --data_root known to all that reads data in this process and those it starts.

    Raises:
        UserError: there is no such folder.
    """
    if args.data_root:
        from gvt.data.official.sources import ROOT_VARIABLE

        root = expanded(args.data_root).absolute()
        if not root.is_dir():
            raise UserError(f"--data_root {args.data_root}: no such folder")
        os.environ[ROOT_VARIABLE] = str(root)
