"""What every column costs, and how far seeds move its scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..results import Results
from ..tables import display_order, number

if TYPE_CHECKING:
    from .render import Page

TITLE = "Cost"


def context(page: Page) -> dict[str, Any]:
    """Costs of every column, and the spread over seeds of a run with several."""
    return {"costs": costs(page.results), "seeds": _seed_table(page.results)}


def costs(results: Results) -> list[dict[str, Any]]:
    """What each column takes: of its encoder, and in time and memory of this run.

    Of each column: ``parameters``, ``gflops`` of one image, ``visual_tokens`` that enter the LLM,
    ``images_per_second`` through the encoder, ``memory`` in bytes, ``total`` seconds over all
    seeds, ``trained`` parameters, and ``stages``. None where it is not known or did not run.
    """
    rows = []
    for column in display_order(results):
        stages = {}
        for name in ("features", "alignment", "evaluation"):
            own = [
                s
                for s in results.run["stages"]
                if s["column"] == column["name"] and s["stage"] == name
            ]
            fresh = sum(s["seconds"] for s in own if not s["cached"])
            # Of features the encoder's own: whoever comes first waits for the images of all.
            worked = sum(s.get("worked", s["seconds"]) for s in own if not s["cached"])
            stages[name] = {
                "seconds": fresh if any(not s["cached"] for s in own) else None,
                "rate": sum(s["computed"] for s in own) / worked if worked else None,
                "cached": sum(s["cached"] for s in own),
                "of": len(own),
            }
        memory = [
            s["peak_memory"]
            for s in results.run["stages"]
            if s["column"] == column["name"] and s["peak_memory"] is not None
        ]
        spent = [stage["seconds"] for stage in stages.values() if stage["seconds"] is not None]
        trained = [
            a["parameters"] for a in results.run["alignment"] if a["column"] == column["name"]
        ]
        rows.append(
            {
                "column": column,
                "parameters": column["encoder_parameters"],
                "gflops": column["encoder_gflops"],
                "visual_tokens": column["visual_tokens"],
                "images_per_second": stages["features"]["rate"],
                "stages": stages,
                "total": sum(spent) if spent else None,
                "trained": trained[0] if trained else None,
                "memory": max(memory, default=None),
            }
        )
    return rows


def _seed_table(results: Results) -> list[dict[str, Any]]:
    """Seed means of every tokenizer and control; empty for a run with one seed."""
    rows = []
    for column in display_order(results):
        entries = []
        for task in results.tasks:
            cell = results.cell(column["name"], task["name"])
            spread = cell.seed_spread if cell else math.nan
            known = not math.isnan(spread)
            means = [number(task, m) for m in cell.seed_means.values()] if cell and known else []
            entries.append({"sd": number(task, spread), "means": means})
        if any(entry["means"] for entry in entries):
            rows.append({"column": column, "entries": entries})
    return rows
