"""An audit as a table for the terminal and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gvt.audit.audit import CONSTANT, GUESS, TITLES, Audit, Figure
from gvt.audit.suspects import Suspect
from leaderboard.statistics import Estimate
from leaderboard.tables import number
from leaderboard.text import EN_DASH, printable

if TYPE_CHECKING:
    from rich.console import Console

LEGEND = (
    "score: on images that the predictor was not fitted on. gain: over the constant answer, "
    "paired. in-sample: fitted on the scored rows, an upper bound. best: chosen for each fold on "
    "the others. expected: the share in all rows, or chance if that is more."
)
_SHOWN = 8  # suspects of each kind of finding; the rest is counted
_WIDTH = 40  # characters of a text


def print_audit(audit: Audit, blind: Figure | None, console: Console) -> None:
    """Print predictors, suspects and defects of one task; ``blind`` is the language model's.

    gain: over the constant; in-sample: fitted on the rows that are scored.
    """
    from rich.text import Text

    questions = audit.questions
    console.print(Text(printable(_head(audit))), style="bold")
    console.print(_figures(audit, blind))
    if questions.unit == "percent" and CONSTANT in audit.figures:
        console.print(Text(_verdict(audit)))
    if audit.suspects:
        console.print(_suspects(audit))
        hidden = len(audit.suspects) - _SHOWN
        if hidden > 0:
            console.print(Text(f"and {hidden} more; --json lists all"), style="dim")
    for line in defect_lines(audit):
        console.print(Text(f"! {printable(line)}"))
    console.print()


def to_dict(audit: Audit, blind: Figure | None) -> dict[str, Any]:
    """The audit without its rows; scores are fractions or in the task's unit, unknown is null."""
    questions = audit.questions
    figures = [_figure(audit.figures[name]) for name in audit.figures]
    return {
        "task": questions.name,
        "metric": questions.metric,
        "rows": len(questions),
        "images": audit.images,
        "different_questions": len(audit.wordings.texts),
        "folds": audit.folds,
        "seed": audit.seed,
        "predictors": figures,
        "best": {**_figure(audit.best), "chosen": audit.chosen},
        "blind": _figure(blind) if blind else None,
        "suspects": [
            {**asdict(suspect), "example": _example(audit, suspect)} for suspect in audit.suspects
        ],
        "defects": asdict(audit.defects),
    }


def defect_lines(audit: Audit) -> list[str]:
    """One sentence a defect."""
    defects, lines = audit.defects, []
    if defects.duplicates:
        lines.append(f"{defects.duplicates:,} rows repeat an earlier row")
    if defects.contradictions:
        lines.append(f"{defects.contradictions:,} questions have different answers on one image")
    for first, second, rows, others in defects.twins[:_SHOWN]:
        lines.append(f"one letter apart: “{first}” ({rows:,} rows), “{second}” ({others:,})")
    if defects.glued:
        names = ", ".join(noun for noun, _, _ in defects.glued[:_SHOWN])
        more = f" and {len(defects.glued) - _SHOWN} more" if len(defects.glued) > _SHOWN else ""
        rows = sum(rows for _, _, rows in defects.glued)
        lines.append(f"two words written as one in {rows:,} rows: {names}{more}")
    return lines


def _head(audit: Audit) -> str:
    questions = audit.questions
    unit = ", %" if questions.unit == "percent" else ""
    return (
        f"{questions.name} · {questions.metric_title}{unit} · {len(questions):,} questions, "
        f"{len(audit.wordings.texts):,} different, {audit.images:,} images, {audit.folds} folds"
    )


def _figures(audit: Audit, blind: Figure | None):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    task: Any = {"unit": audit.questions.unit}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("without the image", max_width=32)
    for title in ("score", "95 % interval", "gain", "in-sample"):
        table.add_column(title, justify="right", no_wrap=True)

    def add(title: str, figure: Figure, style: str) -> None:
        e, gain = figure.estimate, figure.gain
        plus = "" if figure.name == CONSTANT else _signed(task, gain)
        fitted = "" if figure.fitted is None else number(task, figure.fitted)
        cells = (number(task, e.mean), _interval(task, e), plus, fitted)
        table.add_row(Text(title), *map(Text, cells), style=style)

    for name, figure in audit.figures.items():
        add(TITLES[name], figure, "dim" if name == GUESS else "")
    table.add_section()
    add(f"best: {best_title(audit.chosen)}", audit.best, "bold")
    if blind:
        add("blind language model", blind, "")
    return table


def best_title(chosen: dict[str, int]) -> str:
    """The predictor that was chosen, or for how many folds each was."""
    if len(chosen) == 1:
        return TITLES[next(iter(chosen))]
    ordered = sorted(chosen, key=lambda name: -chosen[name])
    folds = sum(chosen.values())
    return ", ".join(f"{TITLES[name]} {chosen[name]}/{folds}" for name in ordered)


def _verdict(audit: Audit) -> str:
    gain, guess = audit.best.gain, audit.figures.get(GUESS)
    over = ""
    if guess:
        points = 100 * (audit.best.estimate.mean - guess.estimate.mean)
        over = f", {points:.1f} over chance" if points > 0.05 else ""
    if audit.best.name != CONSTANT and gain.low > 0:
        points = f"{100 * gain.mean:.1f} points over the best constant answer"
        return f"The questions alone are worth {points}{over}."
    return f"Nothing is shown to gain over the best constant answer{over and f' ({over[2:]})'}."


def _suspects(audit: Audit):
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("gives answers away", max_width=_WIDTH)
    for title, justify in (
        ("", "left"),
        ("answer", "left"),
        ("rows", "right"),
        ("share", "right"),
        ("expected", "right"),
        ("p (Holm)", "right"),
    ):
        table.add_column(title, justify=justify, no_wrap=True)
    for suspect in audit.suspects[:_SHOWN]:
        cells = (
            _short(f"“{suspect.text}”"),
            suspect.kind,
            _short(suspect.answer, 16),
            f"{suspect.rows:,}",
            f"{100 * suspect.share:.1f} %",
            f"{100 * suspect.expected:.1f} %",
            f"{suspect.p:.0e}" if suspect.p >= 1e-99 else "< 1e-99",
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    example = _short(_example(audit, audit.suspects[0])["question"], 70)
    table.caption = Text(printable(f"for example: {example}"))
    table.caption_justify = "left"
    return table


def _example(audit: Audit, suspect: Suspect) -> dict[str, Any]:
    questions, row = audit.questions, suspect.example
    return {
        "row": row,
        "image_id": questions.images[row],
        "question": questions.texts[row],
        "answers": questions.golds[row],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    e, gain = figure.estimate, figure.gain
    return {
        "name": figure.name,
        "mean": e.mean,
        "low": _known(e.low),
        "high": _known(e.high),
        "gain": {"mean": gain.mean, "low": _known(gain.low), "high": _known(gain.high)},
        "fitted": figure.fitted,
    }


def _known(value: float) -> float | None:
    return None if value != value else value


def _interval(task: Any, e: Estimate) -> str:
    return "" if e.low == e.high else f"{number(task, e.low)}{EN_DASH}{number(task, e.high)}"


def _signed(task: Any, e: Estimate) -> str:
    text = number(task, e.mean)
    return f"+{text}" if text[0].isdigit() and e.mean > 0 else text


def _short(text: str, width: int = _WIDTH) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
