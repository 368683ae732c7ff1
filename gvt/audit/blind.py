"""The blind column of a run as one more predictor without the image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gvt.audit.audit import CONSTANT, Audit, Figure
from gvt.errors import UserError
from leaderboard.results import Results, load_results
from leaderboard.statistics import clustered_mean

COLUMN = "blind"


def read_run(folder: Path) -> Results:
    """The results of a run that has a blind column.

    Raises:
        SchemaError: the folder is no run, or a file in it is broken.
        UserError: the run has no blind column.
    """
    results = load_results(folder)
    names = [column["name"] for column in results.columns()]
    if COLUMN not in names:
        raise UserError(f"{folder}: no column '{COLUMN}' (has: {', '.join(names)})")
    return results


def blind_figure(results: Results, audit: Audit, dataset_hash: str) -> Figure:
    """The blind model's score on the rows of ``audit``, mean over seeds.

    Raises:
        UserError: the run did not answer the task, or it answered other rows.
    """
    name = audit.questions.name
    task = next((task for task in results.tasks if task["name"] == name), None)
    cell = results.cell(COLUMN, name)
    if task is None or cell is None:
        tasks = ", ".join(task["name"] for task in results.tasks)
        raise UserError(f"{results.run_dir}: no blind answers to '{name}' (its tasks: {tasks})")
    if task["dataset_hash"] != dataset_hash:
        raise UserError(
            f"{results.run_dir}: the run answered other rows of '{name}' than are audited",
            "Give --limit as the run had it, or run the task again.",
        )
    rows = np.array(cell.samples.doc_ids)
    gain = clustered_mean(cell.average - audit.scores[CONSTANT][rows], cell.samples.clusters)
    return Figure(COLUMN, cell.estimate, gain, None)
