"""Files of a run become statistics, tables, charts and one HTML file; no torch in here."""

from __future__ import annotations

from pathlib import Path

__all__ = ["print_table", "write_report"]


def write_report(run_dir: str | Path) -> Path:
    """Write ``scores.json`` and ``report.html`` into ``run_dir``; return the report's path.

    Raises SchemaError, naming file and line, if the run directory is not what it should be; then
    an earlier report stays as it was.
    """
    from . import schema
    from .page.render import render
    from .results import load_results
    from .scores import scores_document
    from .verdict import judge_all

    run_dir = Path(run_dir)
    results = load_results(run_dir)
    verdicts = judge_all(results)
    page = render(results, verdicts)
    schema.write_json(run_dir / schema.SCORES_FILE, scores_document(results, verdicts))
    return schema.write_text(run_dir / schema.REPORT_FILE, page)


def print_table(run_dir: str | Path) -> None:
    """Print the main table of a run to the terminal. Raises SchemaError as ``write_report``."""
    from .results import load_results
    from .terminal import print_results

    print_results(load_results(run_dir))
