"""scores.json: every number of the report, for programs."""

from __future__ import annotations

from pathlib import Path

from .. import schema
from ..scores import scores_document
from .material import Material


def export(material: Material, folder: Path) -> list[Path]:
    """Write ``scores.json``."""
    document = scores_document(material.results, material.verdicts)
    return [schema.write_json(folder / schema.SCORES_FILE, document)]
