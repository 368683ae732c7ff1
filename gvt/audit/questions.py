"""What an audit reads of a task: questions, gold answers, images, and the task's own scoring."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvt.data.reach import limited
from gvt.errors import UserError
from gvt.scoring import counting, process, yesno

if TYPE_CHECKING:
    from gvt.engine.evaluate import TaskSet

_TEXT_FIELDS = ("question", "text_in")
_GOLD_FIELDS = ("answers", "text_out")


class NotAuditableError(UserError):
    """The task cannot be audited; the message says why."""


@dataclass(frozen=True)
class Questions:
    """The rows of one task; every list has one entry a row.

    scores: (row, answer) → what the task's own scoring gives, by metric; numbers only.
    chance: probability that a uniform guess is right, None where it is not known.
    """

    name: str
    title: str
    metric: str
    metric_title: str
    unit: str  # percent or score, as in leaderboard.schema.Task
    higher_is_better: bool
    texts: list[str]
    golds: list[list[str]]
    images: list[str]
    chance: list[float | None]
    scores: Callable[[int, str], dict[str, float]]

    def __len__(self) -> int:
        return len(self.texts)

    def score(self, row: int, answer: str) -> float | None:
        """The task's metric; None where it is no number of one row (CIDEr-D weighs a corpus)."""
        return self.scores(row, answer).get(self.metric)


def text_of(doc: dict[str, Any]) -> str:
    """The question of a row; nothing for a caption."""
    return next((doc[field] for field in _TEXT_FIELDS if doc.get(field)), "")


def from_task(tasks: TaskSet, name: str) -> Questions:
    """The rows of a loaded task, under the limit it was loaded with.

    Raises:
        NotAuditableError: its rows hold no answers.
    """
    task, docs = tasks.tasks[name], tasks.docs(name)
    info = next(info for info in tasks.info if info["name"] == name)
    try:
        golds = [process.golds(doc) for doc in docs]
    except ValueError as error:
        raise NotAuditableError(f"{name}: not audited: {error}") from error

    def scores(row: int, answer: str) -> dict[str, float]:
        return _numbers(task.process_results(docs[row], _results(task, docs[row], answer)))

    if not any(golds):
        raise NotAuditableError(f"{name}: not audited: its right answers are not public")
    return Questions(
        name=name,
        title=info["title"],
        metric=info["metric"],
        metric_title=info["metric_title"],
        unit=info["unit"],
        higher_is_better=info["higher_is_better"],
        texts=[text_of(doc) for doc in docs],
        golds=golds,
        images=[str(doc["image_id"]) for doc in docs],
        chance=[doc.get("chance") for doc in docs],
        scores=scores,
    )


def from_file(path: Path, limit: int | float | None = None) -> Questions:
    """The first rows of a JSON or JSON Lines file in GVTBench's format or that of our own tasks.

    A row has ``image_id``, ``text_in`` or ``question``, and ``text_out`` or ``answers``. The
    scoring follows from the answers: yes or no, counts, else VQA. Chance is ``chance`` where a row
    has it, else uniform over the answers that the file gives, if they are counts or yes and no.

    Raises:
        UserError: the file is not there, is no such file, or a row lacks a field; names the row.
    """
    docs = _read(path)
    docs = docs[: limited(limit, len(docs))]
    for number, doc in enumerate(docs):
        _check(doc, f"{path}: row {number}")
    golds = [process.golds(doc) for doc in docs]
    closed = {answers[0] for answers in golds if len(answers) == 1}
    single = all(len(answers) == 1 for answers in golds)
    if single and all(map(yesno.parse, closed)):
        rule, guess = process.yes_no, 1 / 2
    elif single and all(counting.parse(answer) is not None for answer in closed):
        rule, guess = process.counting, 1 / len(set(map(counting.parse, closed)))
    else:
        rule, guess = process.vqa, None
    return Questions(
        name=path.stem,
        title=path.stem,
        metric="acc",
        metric_title="accuracy",
        unit="percent",
        higher_is_better=True,
        texts=[text_of(doc) for doc in docs],
        golds=golds,
        images=[str(doc["image_id"]) for doc in docs],
        chance=[doc.get("chance", guess) for doc in docs],
        scores=lambda row, answer: rule(docs[row], [answer]),
    )


def _results(task: Any, doc: dict[str, Any], answer: str) -> list:
    """An answer as lm-eval hands it to the scoring; of choices the likeliest is the answer."""
    if task.OUTPUT_TYPE != "multiple_choice":
        return [answer]
    return [(float(choice == answer), False) for choice in task.doc_to_choice(doc)]


def _numbers(scores: dict[str, Any]) -> dict[str, float]:
    return {
        metric: float(value) for metric, value in scores.items() if isinstance(value, (int, float))
    }


def _read(path: Path) -> list[Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".jsonl":
            rows = [json.loads(line) for line in text.splitlines()]
        else:
            rows = json.loads(text)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error.reason})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{path}: expected a list of rows, one object a question")
    return rows


def _check(doc: Any, where: str) -> None:
    if not isinstance(doc, dict):
        raise UserError(f"{where}: expected an object, got {type(doc).__name__}")
    if not isinstance(doc.get("image_id"), (str, int)):
        raise UserError(f"{where}: no image_id")
    if not isinstance(text_of(doc) or None, str):
        raise UserError(f"{where}: no question, neither {' nor '.join(_TEXT_FIELDS)}")
    answers, out = doc.get("answers"), doc.get("text_out")
    listed = isinstance(answers, list) and answers and all(isinstance(a, str) for a in answers)
    if not listed and not (isinstance(out, str) and out):
        raise UserError(f"{where}: no answer as text, neither {' nor '.join(_GOLD_FIELDS)}")
    chance = doc.get("chance")
    if chance is not None and not (isinstance(chance, (int, float)) and 0 <= chance <= 1):
        raise UserError(f"{where}: chance is {chance!r}, expected 0 to 1")
