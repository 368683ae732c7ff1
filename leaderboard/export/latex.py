"""report.tex: scores, paired differences and claims as booktabs tables, to be read by \\input."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from .. import schema
from ..claims import Judged
from ..tables import Entry, probability, signed, signed_interval
from ..text import EN_DASH, MINUS, printable
from .material import Material, Scope, gap, short

FILE = "report.tex"

_WIDTH = 80  # characters side by side on a page; further columns go below
_HEIGHT = 46  # rows on a page; further ones go into a table of their own
_CLAIMS = 10  # claims on a page
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
    claims = material.results.claims
    for start in range(0, len(claims), _CLAIMS):
        parts.append(_claims(material, title, claims[start : start + _CLAIMS], start))
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


def _claims(material: Material, title: str, claims: list[Judged], start: int) -> str:
    caption = (
        f"{title}: claims, each about the paired difference of the means of two groups of "
        "columns, with its 95\\,\\% interval and $p$ after Holm's correction over the claims. "
        "Supported: the interval is above zero, $p<0.05$ and every seed agrees; contradicted: the "
        "same below zero."
    )
    lines = ["\\begin{table}", "\\centering", "\\small"]
    if start:
        lines.append("\\caption{Table~\\ref{tab:claims}, continued.}")
    else:
        lines += [f"\\caption{{{caption}}}", "\\label{tab:claims}"]
    lines += ["\\smallskip", "", "\\begin{tabular}{@{}p{0.42\\linewidth}lrr@{}}", "\\toprule"]
    lines += ["Claim & Verdict & Difference & $p$ \\\\", "\\midrule"]
    for judged in claims:
        cells = [_claim(material, judged), escaped(judged.verdict), "--", "--"]
        if judged.difference:
            e, p = judged.difference.estimate, probability(judged.adjusted)
            interval = escaped(signed_interval(judged.task, e, ", "))
            cells[2] = f"{escaped(signed(judged.task, e.mean))} {{\\scriptsize ({interval})}}"
            cells[3] = f"${p.removeprefix('p ').removeprefix('= ')}$"
        lines.append(f"{' & '.join(cells)} \\\\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", "\\end{table}\n"])


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
    rows = [*heads, *(row for rows in groups for row in rows)]
    blocks = _blocks(rows)
    together = max(1, _HEIGHT // len(rows))
    tables = []
    for start in range(0, len(blocks), together):
        lines = ["\\begin{table}", "\\centering", "\\small"]
        if start:
            lines.append(f"\\caption{{Table~\\ref{{tab:{label}}}, continued.}}")
        else:
            lines += [f"\\caption{{{caption}}}", f"\\label{{tab:{label}}}"]
        lines += ["\\smallskip", ""]
        for places in blocks[start : start + together]:
            lines += [*_tabular(heads, groups, places), "", "\\medskip", ""]
        tables.append("\n".join([*lines[:-3], "\\end{table}\n"]))
    return "\n".join(tables)


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
    return 2 + len(re.sub(r"\\[A-Za-z]+ ?|[\\{}$^]", "", cell))
