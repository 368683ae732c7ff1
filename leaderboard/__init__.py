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
    from .export import export
    from .export.material import Material
    from .results import load_results
    from .verdict import judge_all

    results = load_results(run_dir, *more, allow_mixed=allow_mixed)
    return export(Material(results, judge_all(results)), Path(output or run_dir), ["html"])[-1]


def print_table(run_dir: str | Path, *more: str | Path, allow_mixed: bool = False) -> None:
    """Print the main table to the terminal. Raises SchemaError as ``write_report``."""
    from .results import load_results
    from .terminal import print_results

    print_results(load_results(run_dir, *more, allow_mixed=allow_mixed))
