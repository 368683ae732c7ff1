"""Files of a run become statistics, tables, charts and one HTML file; no torch in here."""

from __future__ import annotations

from pathlib import Path

__all__ = ["print_table", "write_report"]


def write_report(
    run_dir: str | Path,
    *more: str | Path,
    allow_mixed: bool = False,
    output: str | Path | None = None,
) -> Path:
    """Write ``scores.json`` and ``report.html`` of one run, or of several as one comparison.

    output: the folder they go to; ``run_dir`` by default.

    Raises SchemaError, naming file and line, if a run directory is not what it should be, and
    for runs that cannot be compared (see ``merge``); then an earlier report stays as it was.
    """
    from . import schema
    from .page.render import render
    from .results import load_results
    from .scores import scores_document
    from .verdict import judge_all

    folder = Path(output or run_dir)
    results = load_results(run_dir, *more, allow_mixed=allow_mixed)
    verdicts = judge_all(results)
    page = render(results, verdicts)
    schema.write_json(folder / schema.SCORES_FILE, scores_document(results, verdicts))
    return schema.write_text(folder / schema.REPORT_FILE, page)


def print_table(run_dir: str | Path, *more: str | Path, allow_mixed: bool = False) -> None:
    """Print the main table to the terminal. Raises SchemaError as ``write_report``."""
    from .results import load_results
    from .terminal import print_results

    print_results(load_results(run_dir, *more, allow_mixed=allow_mixed))
