"""The append-only journal of answers: what is in it is never computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

import jsonlines

JOURNAL_FILE = "journal.jsonl"


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
    """Answers of one run directory by key; a torn or foreign line is dropped and counted."""

    def __init__(self, run_dir: Path) -> None:
        self.path = Path(run_dir) / JOURNAL_FILE
        self.answers: dict[str, Answer] = {}
        self.broken = 0
        if self.path.exists():
            self._read()

    def _read(self) -> None:
        data = self.path.read_bytes()
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
        if data and not data.endswith(b"\n"):
            # A crash tore the last line: close it, so that the next answer starts its own.
            with self.path.open("ab") as file:
                file.write(b"\n")

    def append(self, rows: Iterable[Answer]) -> None:
        """Add answers and flush them to the file."""
        rows = list(rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with jsonlines.open(self.path, mode="a", flush=True) as writer:
            writer.write_all(rows)
        self.answers.update((row["key"], row) for row in rows)


def _is_answer(row: dict[str, Any]) -> bool:
    return isinstance(row.get("answer"), str) or isinstance(row.get("logprob"), float)
