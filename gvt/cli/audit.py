"""`gvt audit`: how far one gets on a task without the image, and what gives answers away."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gvt import catalog
from gvt.cli import arguments, plan
from gvt.errors import UserError, unknown_name

if TYPE_CHECKING:
    from gvt.audit import Audit, Figure, Questions
    from leaderboard.results import Results

SUMMARY = "ask how far one gets on a task without the image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument(
        "tasks",
        nargs="*",
        action=arguments.Names,
        default=[],
        metavar="TASK",
        help="tasks (`gvt ls tasks`), comma or space separated; * stands for anything",
    )
    parser.add_argument(
        "--file",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="files in GVTBench's format (JSON) or in that of our tasks (JSON Lines)",
    )
    parser.add_argument(
        "--run",
        type=Path,
        dest="run_dir",
        metavar="RUN",
        help="a run directory: its blind language model is set beside the predictors",
    )
    parser.add_argument(
        "--limit",
        "-L",
        type=arguments.limit,
        metavar="N",
        help="samples a task, or a fraction below 1",
    )
    parser.add_argument(
        "--folds", type=folds, default=5, metavar="N", help="folds of images (default: 5)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the folds (default: 0)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments.add_data_root(parser)
    arguments.add_include_path(parser)


def run(args: argparse.Namespace) -> None:
    """Print the audit of every task and file; what cannot be audited is said."""
    from rich.console import Console

    from gvt.audit import NotAuditableError, audit
    from gvt.audit.report import LEGEND, print_audit, to_dict

    found, failed, console = [], [], Console()
    arguments.use_data_root(args)
    results = _results(args)
    for name, load, dataset_hash in _sources(args, results):
        try:
            one = audit(load(), args.folds, args.seed)
        except NotAuditableError as error:
            failed.append(error)
            found.append({"task": name, "not_audited": error.message})
            continue
        blind = _blind(results, one, dataset_hash)
        found.append(to_dict(one, blind))
        if not args.json:
            print_audit(one, blind, console)
    if len(failed) == len(found):
        raise failed[0]
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        console.print(LEGEND, style="dim", highlight=False)
        for error in failed:
            console.print(error.message, markup=False, highlight=False)


def _results(args: argparse.Namespace) -> Results | None:
    if args.run_dir is None:
        return None
    if args.file:
        raise UserError("--run goes with tasks: a run knows no rows of a --file")
    from gvt.audit.blind import read_run

    return read_run(args.run_dir)


def _sources(
    args: argparse.Namespace, results: Results | None
) -> Iterator[tuple[str, Callable[[], Questions], str]]:
    """What is to be audited: name, loader, and the hash of a task's rows; a file has none."""
    from gvt.audit import from_file, from_task

    folders = arguments.include_path(args)
    known = catalog.tasks(folders)
    names = plan.matching(args.tasks, known, catalog.groups(folders))
    if not names and results:
        names = tuple(task["name"] for task in results.tasks)
    if not names and not args.file:
        raise UserError(
            "nothing to audit: neither a task nor --file given",
            "'gvt ls tasks' lists the tasks; 'gvt audit mini_vqa' audits one.",
        )
    for name in names:
        if name not in known:  # a run's own, from another --include_path
            raise unknown_name("task", name, known, "gvt ls tasks")
    if names:
        from gvt.engine.evaluate import load_tasks

        # A run knows its rows by their images too; the questions alone need none.
        images = results is not None
        tasks = load_tasks({name: known[name] for name in names}, args.limit, images)
        hashes = {info["name"]: info["dataset_hash"] for info in tasks.info}
        for name in names:
            yield name, partial(from_task, tasks, name), hashes[name]
    for path in args.file:
        yield path.stem, partial(from_file, path, args.limit), ""


def _blind(results: Results | None, audit: Audit, dataset_hash: str) -> Figure | None:
    if results is None:
        return None
    from gvt.audit.blind import blind_figure

    return blind_figure(results, audit, dataset_hash)


def folds(text: str) -> int:
    """Return a number of folds: three or more, as choosing the best takes folds of its own."""
    number = int(text)
    if number < 3:
        raise ValueError
    return number
