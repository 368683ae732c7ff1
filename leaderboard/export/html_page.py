"""report.html, with scores.json beside it."""

from __future__ import annotations

from pathlib import Path

from .. import schema
from ..page.render import render
from . import json_scores
from .material import Material


def export(material: Material, folder: Path) -> list[Path]:
    """Write both; the page comes last, so that it is there only if all is."""
    page = render(material.results, material.verdicts, material.baseline)
    return [
        *json_scores.export(material, folder),
        schema.write_text(folder / schema.REPORT_FILE, page),
    ]
