"""scores.json: every number of the report, for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from itertools import combinations
from typing import Any

from .cells import Cell
from .claims import Judged
from .comparison import Comparison
from .figures import figures
from .overall import OVERALL, overall_tasks
from .results import Results
from .schema import FORMAT_VERSION
from .variance import CONFIDENCE, Estimate
from .verdict import TaskVerdict, judge_overall


def scores_document(results: Results, verdicts: list[TaskVerdict]) -> dict[str, Any]:
    """The content of ``scores.json``; scores are fractions, unknown numbers are null.

    ``columns[column][task]`` is null for a missing cell. ``differences[scope]`` holds every two
    columns that have the scope (a task, or "overall" where two tasks are scored in percent),
    positive where ``a`` is better. The fields are explained in docs/statistics.md.
    """
    names = [column["name"] for column in results.run["columns"]]
    comparisons, overall = results.comparisons, judge_overall(results)
    return {
        "format_version": FORMAT_VERSION,
        "confidence": CONFIDENCE,
        "columns": {
            name: {task["name"]: _cell(results.cell(name, task["name"])) for task in results.tasks}
            for name in names
        },
        OVERALL: {
            "tasks": [task["name"] for task in overall_tasks(results)],
            "columns": {
                name: _estimate(estimate)
                for name in names
                if (estimate := results.overall(name)) is not None
            },
        },
        "frames": {task["name"]: _frames(results, task) for task in results.tasks},
        "verdicts": {
            v.task["name"]: {
                "best": v.best,
                "leaders": list(v.leaders),
                "not_above": {name: list(controls) for name, controls in v.not_above.items()},
                "detectable": _known(v.detectable),
            }
            for v in [*verdicts, *([overall] if overall else [])]
        },
        "ranks": {
            scope: {name: asdict(rank) for name, rank in results.ranks(scope).items()}
            for scope in comparisons.scopes
        },
        "differences": {
            scope: [
                _comparison(comparison)
                for a, b in combinations(names, 2)
                if (comparison := comparisons.pair(a, b, scope)) is not None
            ]
            for scope in comparisons.scopes
        },
        "claims": [_claim(judged) for judged in results.claims],
    }


def _cell(cell: Cell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    counts = cell.counts()
    return _estimate(cell.estimate) | {
        "interval": "t" if cell.bounds is None else "score",
        "speaks_of": _speaks_of(len(cell.seeds)),
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
    floors = results.floors
    majority, by_category = floors.majority(task), floors.majority_by_category(task)
    return {
        "n": len(results.samples[task["name"]]),
        "chance": _known(floors.chance(task)),
        "majority": majority
        and {"answer": majority.answer, **_estimate(floors.majority_estimate(task))},
        "majority_by_category": by_category and by_category.mean,
        "image_free": _image_free(results, task),
    }


def _image_free(results: Results, task) -> dict[str, Any] | None:
    cell = results.floors.image_free(task)
    return cell and _estimate(cell.estimate) | task["image_free"]


def _estimate(e: Estimate) -> dict[str, Any]:
    return {
        "mean": _known(e.mean),
        "low": _known(e.low),
        "high": _known(e.high),
        "n": e.n,
        "images": e.images,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "a": comparison.a,
        "b": comparison.b,
        **_estimate(comparison.difference.estimate),
        "interval": "bootstrap" if comparison.test == "bootstrap" else "t",
        "speaks_of": _speaks_of(len(comparison.difference.per_seed)),
        "per_seed": list(comparison.difference.per_seed),
        "test": comparison.test,
        "p": _known(comparison.p),
        "adjusted": _known(comparison.adjusted),
        "clear": comparison.clear,
        "wins": comparison.wins,
        "ties": comparison.ties,
        "losses": comparison.losses,
        "detectable": _known(comparison.detectable),
    }


def _claim(judged: Judged) -> dict[str, Any]:
    """``p`` is corrected; numbers are null where the claim was not tested."""
    estimate, per_seed = Estimate(math.nan, math.nan, math.nan, 0, 0), ()
    if judged.difference is not None:
        estimate, per_seed = judged.difference.estimate, judged.difference.per_seed
    return {
        **judged.claim,
        "scope_title": judged.scope_title,
        "unit": judged.task and judged.task["unit"],
        **_estimate(estimate),
        "p": _known(judged.adjusted),
        "verdict": judged.verdict,
        "reason": judged.reason,
        "interval": "bootstrap" if judged.test == "bootstrap" else "t",
        "speaks_of": _speaks_of(len(per_seed)),
        "per_seed": list(per_seed),
        "test": judged.test or None,
        "p_uncorrected": _known(judged.p),
        "detectable": _known(judged.detectable),
    }


def _speaks_of(seeds: int) -> list[str]:
    """What else might have been drawn, as the interval takes it."""
    return ["images", "seeds"] if seeds > 1 else ["images"]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
