"""scores.json: every number of the report, for programs."""

from __future__ import annotations

import math
from typing import Any

from .figures import figures
from .results import Cell, Results
from .schema import FORMAT_VERSION
from .statistics import CONFIDENCE, Difference, Estimate
from .verdict import TaskVerdict


def scores_document(results: Results, verdicts: list[TaskVerdict]) -> dict[str, Any]:
    """The content of ``scores.json``; scores are fractions, unknown numbers are null.

    ``columns[column][task]`` is null for a missing cell. ``differences`` holds the paired
    difference of every two columns, positive where the first is better.
    """
    names = [column["name"] for column in results.run["columns"]]
    return {
        "format_version": FORMAT_VERSION,
        "confidence": CONFIDENCE,
        "columns": {
            name: {task["name"]: _cell(results.cell(name, task["name"])) for task in results.tasks}
            for name in names
        },
        "frames": {task["name"]: _frames(results, task) for task in results.tasks},
        "verdicts": {
            v.task["name"]: {
                "best": v.best,
                "leaders": list(v.leaders),
                "not_above": {name: list(controls) for name, controls in v.not_above.items()},
            }
            for v in verdicts
        },
        "differences": {
            task["name"]: [
                {"a": a, "b": b} | _difference(difference)
                for i, a in enumerate(names)
                for b in names[i + 1 :]
                if (difference := results.difference(a, b, task)) is not None
            ]
            for task in results.tasks
        },
    }


def _cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    counts = cell.counts()
    return _estimate(cell.estimate) | {
        "n_failed": counts["failed"],
        "n_invalid": counts["invalid"],
        "n_truncated": counts["truncated"],
        "n_missing": counts["missing"],
        "seeds": {str(seed): _known(mean) for seed, mean in cell.seed_means.items()},
        "seed_sd": _known(cell.seed_spread),
        "figures": {name: _estimate(figure.estimate) for name, figure in figures(cell).items()},
        "categories": {
            category: _estimate(cell.category_estimate(category))
            for category in cell.samples.by_category
        },
    }


def _frames(results: Results, task) -> dict[str, Any]:
    majority = results.majority(task)
    return {
        "n": len(results.samples[task["name"]]),
        "chance": _known(results.chance(task["name"])),
        "majority": {"answer": majority.answer, "mean": majority.mean} if majority else None,
        "majority_by_category": _known(results.majority_by_category(task)),
        "image_free": _image_free(results, task),
    }


def _image_free(results: Results, task) -> dict[str, Any] | None:
    cell = results.image_free.get(task["name"])
    return cell and _estimate(cell.estimate) | task["image_free"]


def _estimate(e: Estimate) -> dict[str, Any]:
    return {
        "mean": _known(e.mean),
        "low": _known(e.low),
        "high": _known(e.high),
        "n": e.n,
        "images": e.images,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return _estimate(difference.estimate) | {
        "per_seed": list(difference.per_seed),
        "clear": difference.clear,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
