"""The tables as records, one observation a row: what the CSV and Parquet files hold.

Scores are fractions from 0 to 1 where the unit is ``percent``, and whatever the metric gives where
it is ``score``; what is not known is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from ..cells import Cell
from ..overall import OVERALL
from ..tables import Line, display_order
from ..variance import Estimate
from .material import Material, Scope

Record = dict[str, Any]

SCORES = (
    *("scope", "scope_title", "metric", "unit", "category", "column", "title", "kind"),
    *("mean", "low", "high", "n", "images"),
    *("answers", "failed", "invalid", "truncated", "missing", "seeds", "seed_sd"),
    *("leads", "not_shown_above", "rank", "rank_low", "rank_high"),
)
DIFFERENCES = (
    *("scope", "scope_title", "metric", "unit", "a", "b", "a_title", "b_title", "a_kind", "b_kind"),
    *("mean", "low", "high", "n", "images", "shown", "test", "p", "p_adjusted"),
    *("wins", "ties", "losses", "detectable"),
)
CLAIMS = (
    *("name", "statement", "source", "scope", "scope_title", "unit", "higher", "lower"),
    *("verdict", "reason", "mean", "low", "high", "n", "images", "test", "p", "p_adjusted"),
    "detectable",
)
COLUMNS = (
    *("name", "title", "kind", "tokenizer", "card_hash", "encoder_parameters", "encoder_gflops"),
    *("feature_tokens", "visual_tokens", "licence", "seconds", "stages_from_cache", "peak_memory"),
)
FLOATS = {"mean", "low", "high", "seed_sd", "p", "p_adjusted", "detectable"}
COUNTS = {
    *("n", "images", "answers", "failed", "invalid", "truncated", "missing", "seeds"),
    *("rank", "rank_low", "rank_high", "wins", "ties", "losses"),
}
FLAGS = {"leads", "shown"}
"""Fields of ``scores``, ``differences`` and ``claims`` that are no text."""


def scores(material: Material) -> list[Record]:
    """One record a row of the main table and scope, then one a column, task and category."""
    return [*_whole(material), *_by_category(material)]


def differences(material: Material) -> list[Record]:
    """One record a pair of columns and scope; with a baseline, the pairs that it is the second of.

    Without one every two columns are compared, controls and ceiling among them.
    """
    columns = {column["name"]: column for column in display_order(material.results)}
    names = list(columns)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    if material.baseline is not None:
        pairs = material.pairs
    records = []
    for scope in material.scopes:
        for a, b in pairs:
            found = material.results.comparisons.pair(a, b, scope.name)
            if found is None:
                continue
            records.append(
                {
                    **_about(scope),
                    "a": a,
                    "b": b,
                    "a_title": columns[a]["title"],
                    "b_title": columns[b]["title"],
                    "a_kind": columns[a]["kind"],
                    "b_kind": columns[b]["kind"],
                    **_estimate(found.difference.estimate),
                    "shown": found.clear,
                    "test": found.test,
                    "p": _known(found.p),
                    "p_adjusted": _known(found.adjusted),
                    "wins": found.wins,
                    "ties": found.ties,
                    "losses": found.losses,
                    "detectable": _known(found.detectable),
                }
            )
    return records


def claims(material: Material) -> list[Record]:
    """One record a claim of the suite; without numbers where it was not tested."""
    return [
        {
            **judged.claim,
            "higher": "; ".join(judged.claim["higher"]),
            "lower": "; ".join(judged.claim["lower"]),
            "scope_title": judged.scope_title,
            "unit": judged.task and judged.task["unit"],
            "verdict": judged.verdict,
            "reason": judged.reason or None,
            **(_estimate(judged.difference.estimate) if judged.difference else {}),
            "test": judged.test or None,
            "p": _known(judged.p),
            "p_adjusted": _known(judged.adjusted),
            "detectable": _known(judged.detectable),
        }
        for judged in material.results.claims
    ]


def columns(material: Material) -> list[Record]:
    """One record a column: what it is and what it costs."""
    records = []
    for column in display_order(material.results):
        stages = [s for s in material.results.run["stages"] if s["column"] == column["name"]]
        memory = [s["peak_memory"] for s in stages if s["peak_memory"] is not None]
        records.append(
            {field: column[field] for field in COLUMNS if field in column}
            | {
                "seconds": sum(s["seconds"] for s in stages if not s["cached"]),
                "stages_from_cache": sum(s["cached"] for s in stages),
                "peak_memory": max(memory, default=None),
            }
        )
    return records


def _whole(material: Material) -> Iterator[Record]:
    for i, scope in enumerate(material.scopes):
        ranks = material.results.ranks(scope.name)
        for line in material.rows:
            entry, rank = line.entries[i], ranks.get(line.name)
            if entry is None:
                continue
            yield {
                **_about(scope),
                "category": None,
                **_who(line.name, line.title, line.kind),
                **_estimate(entry.estimate),
                **_counts(_cell(material, line, scope)),
                "leads": entry.leads,
                "not_shown_above": "; ".join(entry.not_above) or None,
                "rank": rank and rank.rank,
                "rank_low": rank and rank.low,
                "rank_high": rank and rank.high,
            }


def _by_category(material: Material) -> Iterator[Record]:
    for scope in material.scopes:
        if scope.name == OVERALL:
            continue
        for category in material.results.samples[scope.name].by_category:
            for column in display_order(material.results):
                cell = material.results.cell(column["name"], scope.name)
                estimate = cell and cell.category_estimate(category)
                if estimate and estimate.n:
                    yield {
                        **_about(scope),
                        "category": category,
                        **_who(column["name"], column["title"], column["kind"]),
                        **_estimate(estimate),
                    }


def _about(scope: Scope) -> Record:
    return {
        "scope": scope.name,
        "scope_title": scope.title,
        "metric": "mean" if scope.name == OVERALL else scope.task["metric"],
        "unit": scope.task["unit"],
    }


def _who(name: str, title: str, kind: str) -> Record:
    return {"column": name, "title": title, "kind": kind}


def _cell(material: Material, line: Line, scope: Scope) -> Cell | None:
    return material.results.cell(line.name, scope.name) if line.column else None


def _counts(cell: Cell | None) -> Record:
    counts = cell.counts() if cell else {}
    keys = ("answers", "failed", "invalid", "truncated", "missing")
    return {key: counts.get(key) for key in keys} | {
        "seeds": len(cell.seeds) if cell else None,
        "seed_sd": _known(cell.seed_spread) if cell else None,
    }


def _estimate(e: Estimate) -> Record:
    computed = e.n > 0  # chance and constants have no interval, and count nothing
    return {
        "mean": _known(e.mean),
        "low": _known(e.low),
        "high": _known(e.high),
        "n": e.n if computed else None,
        "images": e.images if computed else None,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
