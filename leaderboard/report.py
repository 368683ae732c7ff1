"""report.html: one self-contained page from a run directory."""

from __future__ import annotations

import json
import math
import shlex
from pathlib import Path
from typing import Any

from . import charts, gallery, schema
from .results import Results, load_results
from .scores import scores_document
from .tables import category_lines, display_order, figure_table, main_lines, number
from .text import EN_DASH, printable
from .verdict import TaskVerdict, judge_all, put_in_words

_CATEGORIES = 40  # rows of a category table; the rest is in scores.json
_TEMPLATES = Path(__file__).parent / "templates"


def write_report(run_dir: Path) -> Path:
    """Write ``scores.json`` and ``report.html``, each atomically; return the report's path."""
    results = load_results(run_dir)
    verdicts = judge_all(results)
    page = render(results, verdicts)
    schema.write_json(run_dir / schema.SCORES_FILE, scores_document(results, verdicts))
    return schema.write_text(run_dir / schema.REPORT_FILE, page)


def render(results: Results, verdicts: list[TaskVerdict]) -> str:
    """The page as one string; every text of the run is escaped by the template engine."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(count=_count, duration=_duration, json=_json, short=_short)
    lines = main_lines(results, verdicts)
    run = results.run
    return environment.get_template("report.html.j2").render(
        style=Markup((_TEMPLATES / "style.css").read_text("utf-8")),
        run=run,
        command=shlex.join(run["command"]),
        wording=put_in_words(results, verdicts),
        lines=lines,
        tasks=results.tasks,
        submissions=results.submissions,
        sizes=_sizes(results),
        verdicts=verdicts,
        columns=display_order(results),
        charts=[charts.score_chart(task, i, lines) for i, task in enumerate(results.tasks)],
        figures=[(task, figure_table(results, task)) for task in results.tasks],
        categories=[_category_table(results, verdict) for verdict in verdicts],
        losses=charts.loss_panels(run["alignment"], display_order(results)),
        gallery=gallery.choose_samples(results),
        costs=_costs(results),
        seeds=_seed_table(results),
        counts=_counts(results),
    )


def _category_table(results: Results, verdict: TaskVerdict) -> dict[str, Any]:
    task = verdict.task
    groups = results.samples[task["name"]].by_category
    rows = []
    for category in list(groups)[:_CATEGORIES]:
        constant, entries = category_lines(results, task, category)
        rows.append(
            {
                "category": category,
                "n": len(groups[category]),
                "majority": number(task, constant.mean) if constant else "",
                "answer": constant.answer if constant else "",
                "entries": entries,
            }
        )
    return {"task": task, "rows": rows, "left_out": max(0, len(groups) - _CATEGORIES)}


def _sizes(results: Results) -> list[dict[str, int]]:
    """Samples and images of each task."""
    return [
        {"samples": len(samples), "images": len(set(samples.image_ids))}
        for samples in (results.samples[task["name"]] for task in results.tasks)
    ]


def _costs(results: Results) -> list[dict[str, Any]]:
    """What each column took, summed over seeds; None where a stage did not run."""
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
            stages[name] = {
                "seconds": fresh if any(not s["cached"] for s in own) else None,
                "rate": sum(s["computed"] for s in own) / fresh if fresh else None,
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


def _counts(results: Results) -> list[dict[str, Any]]:
    """Answers, failed, invalid, cut off and missing samples of every cell that should exist."""
    rows = []
    for task in results.run["tasks"]:
        for column in display_order(results):
            cell = results.cell(column["name"], task["name"])
            counts = cell.counts() if cell else None
            seeds, first = len(cell.seeds) if cell else 0, ""
            if cell and counts["failed"]:
                first = next(message for errors in cell.errors for message in errors.values())
            rows.append(
                {"task": task, "column": column, "counts": counts, "error": first, "seeds": seeds}
            )
    return rows


def _finalize(value: Any) -> Any:
    """Clean plain text before it is escaped; markup made here passes unchanged."""
    return printable(value) if type(value) is str else value


def _count(value: int | None) -> str:
    """A whole number for reading: 1,234, 86.6 M; a dash for None."""
    if value is None:
        return EN_DASH
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,}"


def _duration(seconds: float | None) -> str:
    """Seconds for reading: 0.4 s, 57 s, 3 min 20 s, 2 h 5 min; a dash for None."""
    if seconds is None:
        return EN_DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _short(value: str) -> str:
    """The start of a hash."""
    return value[:12] or EN_DASH
