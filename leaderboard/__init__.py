"""Files of a run become statistics, tables, charts and one HTML file; no torch in here."""

from __future__ import annotations

from pathlib import Path

__all__ = ["print_table", "write_report"]


def write_report(run_dir: str | Path) -> Path:
    """Write ``scores.json`` and ``report.html`` into ``run_dir``; return the report's path.

    Raises SchemaError, naming file and line, if the run directory is not what it should be; then
    an earlier report stays as it was.
    """
    from .export import export
    from .export.material import Material
    from .results import load_results
    from .verdict import judge_all

    results = load_results(run_dir)
    return export(Material(results, judge_all(results)), Path(run_dir), ["html"])[-1]


def print_table(run_dir: str | Path) -> None:
    """Print the main table of a run to the terminal. Raises SchemaError as ``write_report``."""
    from .results import load_results
    from .terminal import print_results

    print_results(load_results(run_dir))
