"""The parser of `gvt`, and the one place where errors become lines and exit codes."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Sequence

from gvt import __version__
from gvt.cli import (
    align,
    audit,
    cache,
    chat,
    compare,
    distill,
    doctor,
    explain,
    export,
    ls,
    pretrain,
    report,
    run,
    score,
    show,
)
from gvt.errors import UserError

_COMMANDS = (
    *(run, align, pretrain, distill, report, compare, explain, score, audit, export, chat),
    *(ls, show, cache, doctor),
)
_HINTS = {
    errno.ENOSPC: "What was computed so far is kept; free some space and repeat the command.",
    errno.EACCES: "Choose a place you can write to, with --output_path or $GVT_CACHE.",
    errno.EROFS: "Choose a place you can write to, with --output_path or $GVT_CACHE.",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 (doctor), 2 (user's error) or 130 (Ctrl-C)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(argv)
    args.argv = ["gvt", *argv]
    try:
        return args.command.run(args) or 0
    except BrokenPipeError:
        # `gvt ls … | head`: nothing is wrong. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _complain(args, "interrupted", "The same command goes on from here.")
        return 130
    except UserError as exc:
        _complain(args, exc.message, exc.hint)
    except OSError as exc:
        name = f": {exc.filename}" if exc.filename else ""
        _complain(args, f"{exc.strerror or exc}{name}", _HINTS.get(exc.errno))
    except ValueError as exc:
        if not _is_told(exc):
            raise
        _complain(args, str(exc), None)
    return 2


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; `args.command` is the module of the chosen command."""
    parser = argparse.ArgumentParser(
        prog="gvt",
        description="Compare visual tokenizers in front of one frozen language model.",
        epilog="Start with: gvt run --suite mini",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"gvt {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _COMMANDS:
        summary = module.SUMMARY
        sub = commands.add_parser(
            module.__name__.rpartition(".")[2],
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            allow_abbrev=False,
        )
        module.add_arguments(sub)
        sub.add_argument("--debug", action="store_true", help="show tracebacks of errors")
        sub.set_defaults(command=module)
    return parser


def _is_told(exc: ValueError) -> bool:
    """Whether the error says what its reader did wrong; any other ValueError is a bug of ours."""
    from leaderboard.schema import SchemaError
    from tokenizers_zoo.card import CardError

    return isinstance(exc, (CardError, SchemaError))


def _complain(args: argparse.Namespace, message: str, hint: str | None) -> None:
    if args.debug:
        traceback.print_exc()
    print(f"gvt: error: {message}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
