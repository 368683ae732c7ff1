"""scores, differences, columns and claims as .csv: tidy tables for spreadsheets, data frames."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import schema
from ..text import printable
from . import tidy
from .material import Material

# Where a spreadsheet would see a formula begin (full-width signs count too): at the start of a
# cell, and in it where a program that parts cells at semicolons or tabs would start another.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@＝＋－＠])|^(?=[\t\r\n])")


def export(material: Material, folder: Path) -> list[Path]:
    """Write the tables; that of claims where there are any."""
    tables = {
        "scores.csv": as_csv(tidy.SCORES, tidy.scores(material)),
        "differences.csv": as_csv(tidy.DIFFERENCES, tidy.differences(material)),
        "columns.csv": as_csv(tidy.COLUMNS, tidy.columns(material)),
    }
    claims = tidy.claims(material)
    if claims:
        tables["claims.csv"] = as_csv(tidy.CLAIMS, claims)
    return [schema.write_text(folder / name, text) for name, text in tables.items()]


def as_csv(fields: Sequence[str], records: list[tidy.Record]) -> str:
    """Records as CSV with a header; a field that a record lacks is an empty cell."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(fields)
    for record in records:
        writer.writerow([_cell(record.get(key)) for key in fields])
    return file.getvalue()


def _cell(value: Any) -> Any:
    """Numbers as they are; in a text ``'`` stands before all that could be taken for a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    return _FORMULA.sub(r"\1'", printable(value)) if isinstance(value, str) else value
