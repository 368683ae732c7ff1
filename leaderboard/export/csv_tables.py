"""scores.csv, differences.csv and columns.csv: tidy tables for spreadsheets and data frames."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from .. import schema
from ..text import printable
from . import tidy
from .material import Material

# What makes a spreadsheet take a text for a formula, also as full-width characters.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def export(material: Material, folder: Path) -> list[Path]:
    """Write the three tables."""
    tables = {
        "scores.csv": tidy.scores(material),
        "differences.csv": tidy.differences(material),
        "columns.csv": tidy.columns(material),
    }
    return [schema.write_text(folder / name, as_csv(records)) for name, records in tables.items()]


def as_csv(records: list[tidy.Record]) -> str:
    """Records as CSV with a header; a key that a record lacks is an empty cell."""
    file = io.StringIO()
    keys = list(dict.fromkeys(key for record in records for key in record))
    # All texts in quotes: a spreadsheet that parts cells at ; must not find new beginnings in them.
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(keys)
    for record in records:
        writer.writerow([_cell(record.get(key)) for key in keys])
    return file.getvalue()


def _cell(value: Any) -> Any:
    """Numbers as they are; of a text that could be a formula the first character is ``'``."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    suspect = value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)
    return ("'" if suspect else "") + printable(value)
