"""The papers that cards cite: entries of `citations.bib` by their keys."""

import functools
import re
from pathlib import Path

_ENTRY = re.compile(r"^@\w+\{([^,\s]+),.*?^\}\n", re.MULTILINE | re.DOTALL)


@functools.cache
def citations() -> dict[str, str]:
    """All entries, key → BibTeX."""
    text = Path(__file__).with_name("citations.bib").read_text(encoding="utf-8")
    return {entry[1]: entry[0] for entry in _ENTRY.finditer(text)}
