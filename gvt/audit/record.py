"""The audit of a run's tasks: rows for the report, kept in the cache for the next run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gvt.audit.audit import AUDIT_VERSION, FOLDS, SEED, audit
from gvt.audit.questions import NotAuditableError, Questions, from_task
from gvt.audit.report import best_title
from gvt.paths import cache_dir
from leaderboard import schema
from leaderboard.schema import ImageFree, Row, Task

if TYPE_CHECKING:
    from gvt.engine.evaluate import TaskSet

_NAMED = 20  # suspects that a report names
_GIVES_AWAY = 0.95  # share of rows with a wording that have one answer


@dataclass(frozen=True)
class Recorded:
    """Summary, the best predictor's rows, and a warning if the wording prints answers."""

    summary: ImageFree
    rows: list[Row]
    warning: str | None


def write_audits(folder: Path, tasks: TaskSet, infos: list[Task]) -> list[str]:
    """Audit the tasks of a run, write the rows to its ``folder``, and return warnings.

    What the questions alone predict is noted in ``infos``: every score is shown beside it.
    """
    warnings = []
    for info in infos:
        found = recorded(tasks, info["name"])
        if found is not None:
            schema.write_rows(schema.audit_path(folder, info["name"]), found.rows)
            info["image_free"] = found.summary
            if found.warning:
                warnings.append(found.warning)
    return warnings


def recorded(tasks: TaskSet, name: str) -> Recorded | None:
    """The audit of one task as a run keeps it; None for a task that cannot be audited.

    The cache's key is the hash of rows, settings and scoring, and the version of the audit.
    """
    try:
        questions = from_task(tasks, name)
        found = _found(tasks, questions)
    except NotAuditableError:
        return None
    docs = tasks.docs(name)
    rows = [_row(questions, docs[i], i, answer) for i, answer in enumerate(found["answers"])]
    return Recorded(found["summary"], rows, found["warning"])


def _found(tasks: TaskSet, questions: Questions) -> dict:
    """The audit from the cache, or made now and kept there."""
    key = tasks.stamp(questions.name, f"audit {AUDIT_VERSION}, {FOLDS} folds, seed {SEED}")
    path = cache_dir() / "audit" / f"{key[:32]}.json"
    found = _read(path, len(questions))
    if found is None:
        found = _audit(questions)
        schema.write_json(path, found)
    return found


def _audit(questions: Questions) -> dict:
    done = audit(questions)
    summary = ImageFree(
        predictor=best_title(done.chosen),
        predictors={name: figure.estimate.mean for name, figure in done.figures.items()},
        suspects=[suspect.text for suspect in done.suspects[:_NAMED]],
    )
    printed = [suspect for suspect in done.suspects if suspect.share >= _GIVES_AWAY]
    warning = None
    if printed:
        first = printed[0]
        warning = (
            f"{questions.name}: the wording gives answers away: {first.kind} “{first.text}” has "
            f"{first.answer!r} in {100 * first.share:.0f} % of {first.rows:,} rows; "
            f"gvt audit {questions.name} shows all"
        )
    return {"summary": summary, "answers": done.answers, "warning": warning}


def _read(path: Path, rows: int) -> dict | None:
    """What the cache holds; a torn or foreign file counts as nothing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        whole = len(found["answers"]) == rows and {"summary", "warning"} <= found.keys()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if whole else None


def _row(questions: Questions, doc: dict, number: int, answer: str | None) -> Row:
    """A guess has no answer; it earns its chance."""
    if answer is None:
        scores = {questions.metric: float(doc["chance"])}
    else:
        scores = questions.scores(number, answer)
    valid = bool(scores.pop("valid", 1.0))
    return Row(
        doc_id=number,
        image_id=questions.images[number],
        image=doc["image"],
        image_sha256=doc["image_sha256"],
        category=doc.get("category"),
        question=questions.texts[number],
        gold=questions.golds[number],
        answer=answer,
        scores=scores,
        valid=valid,
        truncated=False,
        chance=questions.chance[number],
        error=None,
    )
