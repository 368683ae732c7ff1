"""report.tex: scores, paired differences and claims as booktabs tables, to be read by \\input."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from .. import schema
from ..claims import Judged
from ..tables import Entry, probability, signed, signed_interval
from ..text import EN_DASH, MINUS, printable
from .material import Material, Scope, gap, short

FILE = "report.tex"
Piece = TypeVar("Piece")

_WIDTH = 80  # characters side by side on a page; further columns go below
_HEIGHT = 47  # lines on a page; further ones go into a table of their own
_RULES = 0.7  # lines that a rule takes with its space
_GAP = 1  # between two tabulars
_CAPTION = 84  # characters in a line of a caption
_CLAIM = 29  # characters in a line of a claim
_SPECIAL = {
    "\\": "\\textbackslash{}",
    "{": "\\{",
    "}": "\\}",
    "$": "\\$",
    "&": "\\&",
    "#": "\\#",
    "%": "\\%",
    "_": "\\_",
    "^": "\\textasciicircum{}",
    "~": "\\textasciitilde{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "|": "\\textbar{}",
    '"': "''",
    "`": "\\textquoteleft{}",
    "[": "{[}",  # after the end of a row it would begin an option
    "*": "{*}",
}
_SIGNS = {
    EN_DASH: "--",
    MINUS: "$-$",
    "—": "---",
    "±": "$\\pm$",
    "×": "$\\times$",
    "·": "$\\cdot$",
    "°": "$^{\\circ}$",
    "≤": "$\\leq$",
    "≥": "$\\geq$",
    "→": "$\\rightarrow$",
    "…": "\\dots{}",
    "“": "\\textquotedblleft{}",
    "”": "\\textquotedblright{}",
    "‘": "\\textquoteleft{}",
    "’": "\\textquoteright{}",
    "†": "$^{\\dagger}$",
    "\u00a0": "~",
    "ß": "\\ss{}",
    "æ": "\\ae{}",
    "Æ": "\\AE{}",
    "œ": "\\oe{}",
    "Œ": "\\OE{}",
    "ø": "\\o{}",
    "Ø": "\\O{}",
    "ł": "\\l{}",
    "Ł": "\\L{}",
    "å": "\\aa{}",
    "Å": "\\AA{}",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
_HEAD = """\
% Tables of {title}.
% In the preamble: \\usepackage{{booktabs}}. In the text: \\input{{report}}.
"""


def export(material: Material, folder: Path) -> list[Path]:
    """Write ``report.tex``: table environments in plain ASCII that booktabs alone typesets."""
    title = escaped(short(material.results.run["title"]))
    parts = [_HEAD.format(title=title), _scores(material, title)]
    if material.pairs:
        parts.append(_differences(material, title))
    parts += _claims(material, title)
    return [schema.write_text(folder / FILE, "\n".join(parts))]


def escaped(text: str) -> str:
    """Any text as one line of LaTeX in ASCII; a character that has no such form as [U+XXXX]."""
    text = " ".join(printable(text).split(" "))
    return "".join(map(_character, unicodedata.normalize("NFC", text)))


def _character(one: str) -> str:
    if one.isascii():
        return " " if one in "\n\t" else _SPECIAL.get(one, one)
    if one in _SIGNS:
        return _SIGNS[one]
    letter, *marks = unicodedata.normalize("NFD", one)
    if len(marks) == 1 and marks[0] in _ACCENTS and letter.isascii() and letter.isalpha():
        if letter in "ij":
            letter = f"\\{letter}"
        return f"\\{_ACCENTS[marks[0]]}{{{letter}}}"
    return f"{{[}}U+{ord(one):04X}]"


def _scores(material: Material, title: str) -> str:
    caption = (
        f"{title}: mean $\\pm$ the larger half of its 95\\,\\% interval over new images and, where "
        "there are several, seeds. Bold: leads, or shows no difference from the leader, and beats "
        "every control, the majority answer and the best prediction without the image. "
        "$^{\\dagger}$: not shown to beat all of these."
    )
    groups: dict[str, list[list[str]]] = {}
    for line in material.rows:
        kind = "reference" if line.kind == "control" else line.kind
        row = [escaped(short(line.title)), *map(_entry, line.entries)]
        groups.setdefault(kind, []).append(row)
    return _table(material.scopes, list(groups.values()), caption, "scores")


def _differences(material: Material, title: str) -> str:
    centre = material.centre and escaped(material.title(material.centre))
    caption = (
        f"{title}: paired differences{f' to {centre}' if centre else ''} with 95\\,\\% intervals. "
        "Positive where the first is better. $^{*}$: a difference is shown ($p<0.05$; between "
        "tokenizers after Holm's correction over all pairs of them)."
    )
    rows = []
    for pair in material.pairs:
        a, b = (escaped(material.title(name)) for name in pair)
        cells = []
        for scope, comparison in zip(material.scopes, material.comparisons(pair), strict=True):
            if comparison is None:
                cells.append("--")
                continue
            value, interval = gap(comparison, scope, ", ")
            star = "$^{*}$" if comparison.clear else ""
            small = f" {{\\scriptsize ({escaped(interval)})}}" if interval else ""
            cells.append(f"{escaped(value)}{star}{small}")
        rows.append([a if centre else f"{a} $-$ {b}", *cells])
    return _table(material.scopes, [rows], caption, "differences")


def _claims(material: Material, title: str) -> list[str]:
    caption = (
        f"{title}: claims, each about the paired difference of the means of two groups of "
        "columns, with its 95\\,\\% interval and $p$ after Holm's correction over the claims. "
        "Supported: the interval is above zero, $p<0.05$ and every seed agrees; contradicted: the "
        "same below zero."
    )
    rows = []
    for judged in material.results.claims:
        cells = [_claim(material, judged), escaped(judged.verdict), "--", "--"]
        if judged.difference:
            e, p = judged.difference.estimate, probability(judged.adjusted)
            interval = escaped(signed_interval(judged.task, e, ", "))
            cells[2] = f"{escaped(signed(judged.task, e.mean))} {{\\scriptsize ({interval})}}"
            cells[3] = f"${p.removeprefix('p ').removeprefix('= ')}$"
        rows.append((cells, -(-_width(cells[0]) // _CLAIM)))
    head = ["\\begin{tabular}{@{}p{0.42\\linewidth}lrr@{}}", "\\toprule"]
    head += ["Claim & Verdict & Difference & $p$ \\\\", "\\midrule"]
    floats = _floats(rows, caption, _RULES * 3 + 1)
    return [
        _float(
            [*head, *(f"{' & '.join(row)} \\\\" for row in own), "\\bottomrule", "\\end{tabular}"],
            caption,
            "claims",
            first=not number,
        )
        for number, own in enumerate(floats)
    ]


def _claim(material: Material, judged: Judged) -> str:
    higher, lower = material.sides(judged)
    compared = escaped(f"{higher} > {lower}; {short(judged.scope_title)}")
    return f"\\raggedright {escaped(material.statement(judged))} {{\\scriptsize {compared}}}"


def _entry(entry: Entry | None) -> str:
    if entry is None:
        return "--"
    value = escaped(entry.value)
    value = f"\\textbf{{{value}}}" if entry.leads else value
    value += "$^{\\dagger}$" if entry.not_above else ""
    return f"{value} {{\\scriptsize {escaped(entry.margin)}}}" if entry.margin else value


def _table(scopes: list[Scope], groups: list[list[list[str]]], caption: str, label: str) -> str:
    """Rows of a title and one cell a scope; what is too wide or too long goes on further down."""
    heads = [["", *(escaped(short(scope.title)) for scope in scopes)]]
    heads.append(["", *(f"{{\\scriptsize {escaped(short(scope.unit))}}}" for scope in scopes)])
    blocks = _blocks([*heads, *(row for rows in groups for row in rows)])
    pieces = [
        ((places, part), len(heads) + sum(map(len, part)) + _RULES * (len(part) + 2) + _GAP)
        for places in blocks
        for part in _parts(groups, _HEIGHT - _lines(caption) - len(heads) - _GAP)
    ]
    tables = []
    for number, own in enumerate(_floats(pieces, caption)):
        lines: list[str] = []
        for places, part in own:
            lines += [*_tabular(heads, part, places), "", "\\medskip", ""]
        tables.append(_float(lines[:-3], caption, label, first=not number))
    return "\n".join(tables)


def _float(lines: list[str], caption: str, label: str, first: bool) -> str:
    """A table environment; all but the first refer to it."""
    above = [f"\\caption{{Table~\\ref{{tab:{label}}}, continued.}}"]
    if first:
        above = [f"\\caption{{{caption}}}", f"\\label{{tab:{label}}}"]
    head = ["\\begin{table}", "\\centering", "\\small", *above, "\\smallskip", ""]
    return "\n".join([*head, *lines, "\\end{table}\n"])


def _floats(
    pieces: Sequence[tuple[Piece, float]], caption: str, besides: float = 0
) -> list[list[Piece]]:
    """Pieces and the lines that each takes, dealt to pages; ``besides``: lines of every page."""
    floats: list[list[Piece]] = [[]]
    room = _HEIGHT - _lines(caption) - besides
    for piece, height in pieces:
        if floats[-1] and height > room:
            floats.append([])
            room = _HEIGHT - _lines("") - besides
        floats[-1].append(piece)
        room -= height
    return [own for own in floats if own]


def _parts(groups: list[list[list[str]]], room: float) -> list[list[list[list[str]]]]:
    """The groups of rows, cut where a page is full."""
    parts: list[list[list[list[str]]]] = [[]]
    left = room - _RULES * 2
    for rows in groups:
        left -= _RULES
        parts[-1].append([])
        for row in rows:
            if left < 1:
                parts.append([[]])
                left = room - _RULES * 3
            parts[-1][-1].append(row)
            left -= 1
    return [[rows for rows in part if rows] for part in parts]


def _lines(caption: str) -> int:
    """Lines that a caption takes with the space around it."""
    return 2 + -(-_width(caption) // _CAPTION)


def _tabular(heads: list[list[str]], groups: list[list[list[str]]], places: list[int]) -> list[str]:
    """The cells at ``places`` of all rows, a rule above each group."""
    lines = [f"\\begin{{tabular}}{{@{{}}l{'r' * (len(places) - 1)}@{{}}}}"]
    for rule, rows in zip(["top", *["mid"] * len(groups)], [heads, *groups], strict=True):
        lines.append(f"\\{rule}rule")
        lines += [f"{' & '.join(row[place] for place in places)} \\\\" for row in rows]
    return [*lines, "\\bottomrule", "\\end{tabular}"]


def _blocks(rows: list[list[str]]) -> list[list[int]]:
    """Places of the columns that fit side by side, the first one in front of each block."""
    widths = [max(map(_width, cells)) for cells in zip(*rows, strict=True)]
    blocks, room = [], 0
    for place, width in enumerate(widths[1:], start=1):
        if not blocks or width > room:
            blocks.append([0])
            room = _WIDTH - widths[0]
        blocks[-1].append(place)
        room -= width
    return blocks


def _width(cell: str) -> int:
    """About how many characters a cell and the gap beside it take."""
    return 3 + len(re.sub(r"\\[A-Za-z]+ ?|[\\{}$^]", "", cell))
