"""MMVP: 150 pairs of images that CLIP confuses; one question a pair, two options, two answers.

Format: ``Questions.csv`` (Tong et al. 2024); the images of lines 1 and 2 are a pair, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.data.official.reading import Fields, Unique, check, one_of, table
from gvt.data.official.sources import Source
from gvt.errors import UserError

FIELDS = {"Index": int, "Question": str, "Options": str, "Correct Answer": str}
_OPTIONS = re.compile(r"\s*\(a\)\s*(?P<a>.+?)\s*\(b\)\s*(?P<b>.+?)\s*")


def records(files: dict[str, Path], _: Source) -> Iterator[tuple[str, Fields]]:
    """Yield the lines of the table."""
    unique = Unique("Index")
    for where, fields in table(files["questions"]):
        check(fields, {"Index": str}, where)
        if not re.fullmatch("[0-9]+", fields["Index"]):
            raise UserError(f"{where}: 'Index' is {fields['Index']!r}, expected a whole number")
        number = int(fields["Index"])
        unique.add(number, where)
        yield where, {**fields, "Index": number}


def row(where: str, fields: Fields, _: Source, __: str | None) -> dict[str, Any]:
    """Ask question and options as the authors do.

    The image_id is that of the pair: its two questions share one score, so they are one cluster.
    """
    options = _OPTIONS.fullmatch(fields["Options"])
    if options is None:
        raise UserError(f"{where}: 'Options' is {fields['Options']!r}, expected '(a) … (b) …'")
    answer = one_of(fields["Correct Answer"].strip(), ("(a)", "(b)"), "Correct Answer", where)
    number = fields["Index"]
    first = (number - 1) // 2 * 2 + 1
    return {
        "id": number,
        "image_id": f"{first}+{first + 1}",
        "image": number,
        "text_in": f"{fields['Question'].strip()} {fields['Options'].strip()}",
        "answers": [answer],
        "options": [options["a"], options["b"]],
        "category": None,
        "chance": 0.25,  # of a pair
    }
