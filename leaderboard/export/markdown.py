"""report.md: the verdict and the scores as GitHub tables, short enough for a README."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from .. import schema
from ..claims import MARKS, in_words
from ..tables import Entry, probability, signed, signed_interval
from ..text import EN_DASH, printable
from ..wording import put_in_words
from .material import Material, Scope, gap, short

FILE = "report.md"

# A backslash stops the first kind; HTML, cells, formulas, mentions and addresses need entities.
_MARKUP = re.compile(r"([\\`*_\[\]~#])|([<>&|$@]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
_HASH = 12  # characters of a hash


def export(material: Material, folder: Path) -> list[Path]:
    """Write ``report.md``."""
    sections = (_headline, _claims, _scores, _differences, _made)
    parts = [section(material) for section in sections]
    return [schema.write_text(folder / FILE, "\n\n".join(filter(None, parts)) + "\n")]


def escaped(text: str) -> str:
    """Any text as plain text of one line of a Markdown document or table cell."""
    text = " ".join(printable(text).split())
    return _MARKUP.sub(lambda found: f"\\{found[1]}" if found[1] else f"&#{ord(found[2])};", text)


def _headline(material: Material) -> str:
    wording = put_in_words(material.results, material.verdicts)
    lines = [f"# {escaped(short(material.results.run['title']))}", ""]
    lines += [f"**{escaped(wording.answer)}** {escaped(wording.reason)}", ""]
    lines += [f"- {escaped(sentence)}" for sentence in wording.headline]
    for task, files in material.results.submissions:
        where = ", ".join(map(_code, files)) or "nothing yet"
        lines.append(f"- **{escaped(short(task['title']))}:** no score; to submit: {where}")
    return "\n".join(lines).rstrip()


def _claims(material: Material) -> str:
    claims = material.results.claims
    if not claims:
        return ""
    heads = ["claim", "verdict", "difference (95 %)", "p", "compared", "on"]
    rows = []
    for judged in claims:
        gap, p = EN_DASH, EN_DASH
        if judged.difference:
            e = judged.difference.estimate
            gap = f"{signed(judged.task, e.mean)} ({signed_interval(judged.task, e)})"
            p = probability(judged.adjusted).removeprefix("p ").removeprefix("= ")
        verdict = f"{MARKS[judged.verdict]} {judged.verdict}"
        notes = "; ".join(judged.notes).removeprefix(f"{judged.verdict}: ")
        verdict += f": {notes}" if notes else ""
        higher, lower = material.sides(judged)
        texts = [material.statement(judged), verdict, gap, p, f"{higher} > {lower}"]
        rows.append([escaped(text) for text in (*texts, short(judged.scope_title))])
    legend = (
        "Paired difference of the means of the columns compared. Supported: the interval is above "
        "zero, p (after Holm's correction over the claims) is below 0.05, every seed agrees; "
        "contradicted: the same below zero. “Not shown” does not mean that they are equal."
    )
    return f"{in_words(claims)}\n\n{_table(heads, rows)}\n\n{legend}"


def _scores(material: Material) -> str:
    heads = ["", *map(_head, material.scopes)]
    rows = []
    for line in material.rows:
        title = escaped(short(line.title))
        title = f"**{title}**" if line.kind == "tokenizer" else title
        rows.append([title, *map(_entry, line.entries)])
    legend = (
        "Means with 95 % intervals over new images (and over seeds, where a run has several). "
        "● leads, or shows no difference from the leader, and beats every control, the majority "
        "answer and the best prediction without the image. † not shown to beat all of these."
    )
    spoken = [
        f"{escaped(short(line.title))}: {escaped(line.description.strip().rstrip('.'))}."
        for line in material.rows
        if line.kind != "tokenizer" and line.description
    ]
    notes = map(escaped, put_in_words(material.results, material.verdicts).notes)
    return f"{_table(heads, rows)}\n\n{' '.join([legend, *notes, *spoken])}"


def _differences(material: Material) -> str:
    if not material.pairs:
        return ""
    centre = material.centre and escaped(material.title(material.centre))
    heads = [f"minus {centre}" if centre else "pair", *map(_head, material.scopes)]
    rows = []
    for pair in material.pairs:
        a, b = (escaped(material.title(name)) for name in pair)
        cells = []
        for scope, comparison in zip(material.scopes, material.comparisons(pair), strict=True):
            if comparison is None:
                cells.append(EN_DASH)
                continue
            value, interval = gap(comparison, scope, " to ")
            value = f"**{value}**" if comparison.clear else value
            cells.append(f"{value} ({interval})" if interval else value)
        rows.append([a if centre else f"{a} − {b}", *cells])
    legend = (
        "Paired differences with 95 % intervals; positive where the first is better. Bold: a "
        "difference is shown (p below 0.05; between tokenizers after Holm's correction over all "
        "pairs of them)."
    )
    return f"{_table(heads, rows)}\n\n{legend}"


def _made(material: Material) -> str:
    run = material.results.run
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    data = ", ".join(
        f"{_code(task['name'])} {escaped(task['version'])} ({_code(task['dataset_hash'][:_HASH])})"
        for task in run["tasks"]
    )
    cards = ", ".join(
        f"{_code(column['name'])} ({_code(column['card_hash'][:_HASH])})"
        for column in run["columns"]
        if column["card_hash"]
    )
    lines = [_fenced(shlex.join(run["command"])), ""]
    lines.append(f"- Seeds {escaped(', '.join(map(str, run['seeds'])))}; {escaped(versions)}.")
    lines.append(f"- Tasks, version and data: {data}.")
    if cards:
        lines.append(f"- Cards: {cards}.")
    lines += [f"- Warning: {escaped(warning)}" for warning in run["warnings"]]
    return "\n".join(lines)


def _head(scope: Scope) -> str:
    return escaped(f"{short(scope.title)} ({scope.unit})")


def _entry(entry: Entry | None) -> str:
    if entry is None:
        return EN_DASH
    mark = " ●" if entry.leads else " †" if entry.not_above else ""
    interval = f" ({entry.interval})" if entry.interval else ""
    note = f" {escaped(entry.note)}" if entry.note else ""
    return f"{entry.value}{mark}{interval}{note}"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    marks = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, marks, *rows])


def _code(text: str) -> str:
    return f"<code>{escaped(text)}</code>"


def _fenced(text: str) -> str:
    """A code block that no run of backticks in it can end."""
    text = printable(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}sh\n{text}\n{fence}"
