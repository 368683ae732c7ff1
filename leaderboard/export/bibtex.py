"""references.bib: BibTeX of the encoders and tasks of a run, each entry once and safe to typeset.

A bibliography is typeset as it stands, so an entry may say no more to TeX than accents, letters and
simple text styles. It imports only the standard library: the writer of run.json reads entries with
it too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import schema
from ..text import printable

if TYPE_CHECKING:
    from ..schema import Run
    from .material import Material

FILE = "references.bib"

_HEAD = re.compile(r"@\s*([A-Za-z]+)\s*\{")
_KEY = re.compile(r"@\s*[A-Za-z]+\s*\{\s*([^\s,{}\"#%~\\()']+)\s*,")
_CONTROL = re.compile(r"\\([A-Za-z]+|.|\Z)", re.DOTALL)
_ACCENTS_AND_SIGNS = set("'`^\"~=.&%$#_{}- ")
_WORDS = {
    *("b", "c", "d", "H", "k", "r", "t", "u", "v"),  # accents
    *(
        "aa",
        "AA",
        "ae",
        "AE",
        "oe",
        "OE",
        "o",
        "O",
        "l",
        "L",
        "ss",
        "i",
        "j",
        "dh",
        "DH",
        "th",
        "TH",
    ),
    *("emph", "textit", "textbf", "textsc", "textrm", "textsf", "texttt", "url"),
    *("textendash", "textemdash", "textquoteright", "textsuperscript", "textsubscript"),
}
_NO_WORKS = {"comment", "preamble", "string"}
_SHOWN = 200  # characters of something unusable


@dataclass(frozen=True)
class Reference:
    """One work; ``cited_by`` are titles of columns and tasks."""

    key: str
    entry: str
    cited_by: tuple[str, ...]


@dataclass(frozen=True)
class Unusable:
    """What a column or task gives as its citation, and why that is no reference."""

    title: str
    text: str
    reason: str


@dataclass(frozen=True)
class Bibliography:
    """All works of a run, those of columns first; ``uncited`` are titles of tokenizers."""

    references: tuple[Reference, ...]
    unusable: tuple[Unusable, ...]
    uncited: tuple[str, ...]


def entries(text: str) -> list[str]:
    """The BibTeX entries in ``text``, in their order; an entry that does not end is left out."""
    found, place = [], 0
    while head := _HEAD.search(text, place):
        end = _closing(text, head.end())
        if end is None:
            break
        found.append(text[head.start() : end])
        place = end
    return found


def key_of(entry: str) -> str | None:
    """The key that an entry is cited by; None where it has none that is safe to write."""
    match = _KEY.match(entry)
    return match and match[1]


def bibliography(run: Run) -> Bibliography:
    """The works that a run's columns and tasks name."""
    works: dict[str, tuple[str, list[str]]] = {}
    unusable, uncited = [], []
    for record in [*run["columns"], *run["tasks"]]:
        title, text = record["title"], record.get("citation", "")
        named = record.get("bibtex", entries(text))
        if not named and text.strip():
            unusable.append(Unusable(title, text.strip(), "not BibTeX"))
        elif not named and record.get("kind") == "tokenizer":
            uncited.append(title)
        for entry in named:
            entry = printable(entry).strip()
            key, reason = key_of(entry), _objection(entry)
            if not reason and works.get(key, (entry,))[0] != entry:
                reason = f"another entry has the key {key}"
            if reason:
                unusable.append(Unusable(title, entry, reason))
                continue
            citing = works.setdefault(key, (entry, []))[1]
            if title not in citing:
                citing.append(title)
    references = (Reference(key, entry, tuple(by)) for key, (entry, by) in works.items())
    return Bibliography(tuple(references), tuple(unusable), tuple(uncited))


def export(material: Material, folder: Path) -> list[Path]:
    """Write ``references.bib``; what cannot be used stands in it as a comment."""
    run = material.results.run
    found = bibliography(run)
    parts = [f"% The encoders and tasks of {_line(run['title'])}\n"]
    parts += [f"\n% {_line(', '.join(work.cited_by))}\n{work.entry}\n" for work in found.references]
    parts += [
        f"\n% {_line(one.title)}: left out ({_line(one.reason)}): {_line(one.text)}\n"
        for one in found.unusable
    ]
    if found.uncited:
        parts.append(f"\n% Without a citation: {_line(', '.join(found.uncited))}\n")
    return [schema.write_text(folder / FILE, "".join(parts))]


def _closing(text: str, place: int) -> int | None:
    """Where the brace closes that was opened before ``place``. BibTeX counts escaped ones too."""
    depth = 1
    for match in re.finditer(r"[{}]", text[place:]):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return place + match.end()
    return None


def _objection(entry: str) -> str | None:
    """Why an entry must not be typeset, or None."""
    head = _HEAD.match(entry)
    if not head or _closing(entry, head.end()) != len(entry):
        return "not one BibTeX entry"
    if head[1].lower() in _NO_WORKS:
        return f"@{head[1]} is no work"
    if key_of(entry) is None:
        return "no key"
    if "^^" in entry:  # TeX's other way to write any character, a backslash among them
        return "^^ is not allowed"
    for match in _CONTROL.finditer(entry):
        known = _WORDS if match[1].isalpha() else _ACCENTS_AND_SIGNS
        if match[1] not in known:
            return f"\\{match[1]} is not allowed"
    return None


def _line(text: str) -> str:
    """Text as part of a comment. BibTeX would read an entry even there, hence no @."""
    text = " ".join(printable(text).replace("@", "(at)").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
