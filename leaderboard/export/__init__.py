"""Files for papers, tables and programs beside the report: one module a format."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .material import Material

# Name -> module here with `export(material, folder) -> list of the files it wrote`.
FORMATS = {
    "html": "html_page",
    "md": "markdown",
    "latex": "latex",
    "csv": "csv_tables",
    "parquet": "parquet_tables",
    "json": "json_scores",
    "pdf": "pdf_figures",
    "model-index": "model_index",
    "bibtex": "bibtex",
}


def export(material: Material, folder: Path, formats: list[str]) -> list[Path]:
    """Write the named formats into ``folder`` and return the files, in the order of the names."""
    modules = [import_module(f".{FORMATS[name]}", __name__) for name in dict.fromkeys(formats)]
    paths = [path for module in modules for path in module.export(material, folder)]
    return list(dict.fromkeys(paths))
