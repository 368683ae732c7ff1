"""The page: its sections one after the other, in one file with its style and script."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup

from ..caveats import Caveat, caveats
from ..overall import OVERALL
from ..results import Results
from ..schema import Column, Task
from ..tables import Line, display_order, main_lines
from ..text import EN_DASH, printable
from ..verdict import TaskVerdict, judge_overall
from . import (
    alignment,
    behaviour,
    charts,
    claims,
    cost,
    figures,
    heat_map,
    made,
    pairs,
    pareto,
    samples,
    scores,
    skills,
    stability,
    verdict,
)
from .names import short_category
from .numbers import three_digits

_HERE = Path(__file__).parent
_SECTIONS = (
    verdict,
    claims,
    scores,
    skills,
    charts,
    pairs,
    heat_map,
    pareto,
    stability,
    figures,
    behaviour,
    samples,
    cost,
    alignment,
    made,
)
"""In reading order. A section is a module with a TITLE (the link to it; none without) and
``context(page)``, which gives its template what to show, or None where there is nothing to show.
Its name is that of its template and of its anchor."""


@dataclass
class Page:
    """What all sections of one page read."""

    results: Results
    verdicts: list[TaskVerdict]
    baseline: str | None = None  # column that differences are shown to when the page opens
    data: dict[str, Any] = field(default_factory=dict)  # by name, for the scripts

    @property
    def tasks(self) -> list[Task]:
        """Tasks with a score, in suite order."""
        return self.results.tasks

    @cached_property
    def columns(self) -> list[Column]:
        """Controls, tokenizers, ceiling."""
        return display_order(self.results)

    @cached_property
    def lines(self) -> list[Line]:
        """Rows of the main table."""
        return main_lines(self.results, self.verdicts)

    @cached_property
    def overall(self) -> TaskVerdict | None:
        """The verdict on the mean over tasks, where there is one."""
        return judge_overall(self.results)

    @cached_property
    def caveats(self) -> list[Caveat]:
        """What speaks against trusting the numbers, the most serious first."""
        return caveats(self.results)

    @cached_property
    def sizes(self) -> list[dict[str, int]]:
        """Samples and images of each task."""
        return [
            {"samples": len(samples), "images": len(set(samples.image_ids))}
            for samples in (self.results.samples[task["name"]] for task in self.tasks)
        ]


def render(results: Results, verdicts: list[TaskVerdict], baseline: str | None = None) -> str:
    """The page as one string; every text of the run is escaped by the template engine."""
    page = Page(results, verdicts, baseline)
    environment = _environment()
    shared = {
        "page": page,
        "run": results.run,
        "tasks": page.tasks,
        "columns": page.columns,
        "sizes": page.sizes,
    }
    bodies, links = [], []
    for section in _SECTIONS:
        name, found = section.__name__.rpartition(".")[2], section.context(page)
        if found is not None:
            template = environment.get_template(f"sections/{name}.html.j2")
            bodies.append(Markup(template.render(shared | found)))
            if section.TITLE:
                links.append((name, section.TITLE))
    script = _files("js")
    return environment.get_template("page.html.j2").render(
        shared,
        first=bodies[0],
        sections=bodies[1:],
        links=links,
        style=Markup(_files("css")),
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        data={name: Markup(_for_script(value)) for name, value in page.data.items()},
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters.update(
        count=_count,
        duration=_duration,
        json=_json,
        known=_known,
        short=_short,
        three_digits=three_digits,
        to_samples=_to_samples,
    )
    return environment


def _files(kind: str) -> str:
    """All files of a folder in the order of their names, as one text."""
    return "\n".join(path.read_text("utf-8") for path in sorted((_HERE / kind).glob(f"*.{kind}")))


def _for_script(value: Any) -> str:
    """JSON that cannot end the element it stands in, whatever texts it holds."""
    text = json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def _finalize(value: Any) -> Any:
    """Clean plain text before it is escaped; markup made here passes unchanged."""
    return printable(value) if type(value) is str else value


def _count(value: int | None) -> str:
    """A whole number for reading: 1,234, 86.6 M; a dash for None."""
    if value is None:
        return EN_DASH
    for size, letter in ((1e9, "B"), (1e6, "M")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,}"


def _duration(seconds: float | None) -> str:
    """Seconds for reading: 0.4 s, 57 s, 3 min 20 s, 2 h 5 min; a dash for None."""
    if seconds is None:
        return EN_DASH
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _known(value: float | None) -> str:
    """A number for a script to sort by; empty where there is none."""
    return "" if value is None else str(value)


def _to_samples(task: Task, column: str, category: str | None = None) -> str:
    """The address of the samples behind a number; the overall mean is that of all tasks."""
    parts = {
        "task": None if task["name"] == OVERALL else task["name"],
        "column": column,
        "category": category and short_category(category),
    }
    chosen = {key: printable(value) for key, value in parts.items() if value is not None}
    return f"#samples?{urlencode(chosen, quote_via=quote)}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _short(value: str) -> str:
    """The start of a hash."""
    return value[:12] or EN_DASH
