"""`gvt chat`: questions about an image, answered in the terminal."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator

from gvt.cli import arguments
from gvt.errors import UserError
from leaderboard.text import printable

SUMMARY = "ask a saved model about an image"
_PROMPT = "> "
_IMAGE = "/image"
_RAW = "{question}"
_QUESTION = "Question: {question} Answer:"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("image", metavar="IMAGE", help="an image file")
    parser.add_argument(
        "--model", "-M", required=True, metavar="DIR", help="folder (`gvt export`) or hub id"
    )
    parser.add_argument(
        "--prompt",
        default=_QUESTION,
        metavar="TEXT",
        help=f"how a question is put, '{_RAW}' for as it is (default: '{_QUESTION}')",
    )
    parser.add_argument(
        "--history",
        type=arguments.count,
        default=0,
        metavar="N",
        help="let it read the last N questions and answers too (default: each stands alone, as in "
        "training)",
    )
    parser.add_argument(
        "--max_new_tokens", type=arguments.count, default=64, metavar="N", help="default: 64"
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, … (default: a GPU if there)")


def run(args: argparse.Namespace) -> None:
    """Answer every line of the input, one line each; `/image FILE` changes the image."""
    if _RAW not in args.prompt:
        raise UserError(f"--prompt '{args.prompt}' lacks {_RAW}")
    from gvt.model.hf.chat import Chat

    chat = Chat(args.model, args.device, args.prompt, args.history, args.max_new_tokens)
    chat.look(args.image)
    for line in _lines():
        command, _, rest = line.partition(" ")
        answer = ""  # to a question that fails: who pipes counts lines
        try:
            if command == _IMAGE:
                chat.look(rest.strip())
                continue
            answer = " ".join(printable(chat.ask(line)).split())
        except UserError as error:
            print(error, file=sys.stderr)
            if command == _IMAGE:
                continue
        print(answer, flush=True)


def _lines() -> Iterator[str]:
    """Lines that say something, asked for where somebody sits at a terminal, until their end."""
    if sys.stdin.isatty():
        print("Ask about the image; /image FILE takes another one, Ctrl-D ends.", file=sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # bytes that are no text are a question like any
    while True:
        try:
            line = input(_PROMPT) if sys.stdin.isatty() else next(sys.stdin)
        except (EOFError, StopIteration):
            return
        if line.strip():
            yield line.strip()
