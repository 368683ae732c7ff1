"""Answers as a file for those who alone know the right ones: an evaluation server."""

from __future__ import annotations

import json
from pathlib import Path

from leaderboard import schema


def write(rows: Path, target: Path, anew: bool) -> int:
    """Write the answers in ``rows`` to ``target`` as VQA's servers take them; how many are empty.

    What is there already is only written again where ``anew`` says so.

    Format: visualqa.org, a list of ``{"question_id": …, "answer": …}``. A question that got no
    answer is there all the same, with an empty one: the server wants every question.
    """
    answers = []
    for _, row in schema.read_rows(rows):
        said = (row["answer"] or "").strip().split("\n")[0].strip()
        answers.append({"question_id": row["question_id"], "answer": said})
    if anew or not target.exists():
        schema.write_text(target, json.dumps(answers, ensure_ascii=False))
    return sum(not one["answer"] for one in answers)
