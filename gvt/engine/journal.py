"""The append-only journal of answers: what is in it is never computed again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

import jsonlines

JOURNAL_FILE = "journal.jsonl"
ANSWERS_VERSION = 1
"""Counts up whenever the same question would get another answer."""


class Answer(TypedDict, total=False):
    """One answer under the key of everything that determines it.

    A text has ``answer`` and ``truncated``, a scored continuation ``logprob`` and ``greedy``.
    """

    key: str
    column: str
    seed: int
    task: str
    doc_id: int
    answer: str
    truncated: bool
    logprob: float
    greedy: bool


def answer_key(**parts: Any) -> str:
    """Hash of everything that determines an answer: model, task, prompt, image, decoding."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Journal:
    """Answers of one run directory by key; a torn or foreign line is dropped and counted.

    Every process writes a file of its own and reads those of all.
    """

    def __init__(self, run_dir: Path, rank: int = 0) -> None:
        folder = Path(run_dir)
        self.path = folder / (JOURNAL_FILE if rank == 0 else f"journal.rank{rank}.jsonl")
        self.answers: dict[str, Answer] = {}
        self.broken = 0
        self._open_ended = False
        for path in [folder / JOURNAL_FILE, *sorted(folder.glob("journal.rank*.jsonl"))]:
            if path.exists():
                self._read(path)

    def _read(self, path: Path) -> None:
        data = path.read_bytes()
        self._open_ended |= not data.endswith(b"\n")
        # Lines of bytes: one that is no UTF-8 must not take the others with it.
        reader = jsonlines.Reader(data.splitlines())
        while True:
            try:
                row = reader.read(type=dict)
            except EOFError:
                break
            except jsonlines.InvalidLineError:
                self.broken += 1
                continue
            if isinstance(row.get("key"), str) and _is_answer(row):
                self.answers[row["key"]] = row
            else:
                self.broken += 1

    def repair(self) -> None:
        """Write the whole lines of all files to the one of rank 0, where any is torn or foreign.

        Only the holder of the run's lock may call it, before any process appends.
        """
        parts = sorted(self.path.parent.glob("journal.rank*.jsonl"))
        if self.broken or self._open_ended or parts:
            part = self.path.with_suffix(".part")
            with jsonlines.open(part, mode="w") as writer:
                writer.write_all(self.answers.values())
            os.replace(part, self.path)
            for path in parts:
                path.unlink()

    def append(self, rows: Iterable[Answer]) -> None:
        """Add answers and flush them to this process's file."""
        rows = list(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with jsonlines.open(self.path, mode="a", flush=True) as writer:
            writer.write_all(rows)
        self.know(rows)

    def know(self, rows: Iterable[Answer]) -> None:
        """Take over answers that another process has written."""
        self.answers.update((row["key"], row) for row in rows)


def _is_answer(row: dict[str, Any]) -> bool:
    return isinstance(row.get("answer"), str) or isinstance(row.get("logprob"), float)
