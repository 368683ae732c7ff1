"""How often intervals hold the truth and tests raise false alarms, by simulation.

``.venv/bin/python benchmarks/simulation.py [--runs 2000]`` fills the table of docs/statistics.md.
Every simulated run goes through what the report does with one: all tokenizers are equally good, so
each difference that is shown is a false alarm.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leaderboard.overall import OVERALL
from leaderboard.results import Cell, Results, Samples

PAGE = Path(__file__).resolve().parent.parent / "docs" / "statistics.md"
_BLOCK = re.compile(r"(<!-- table: simulation -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_CREDIT = np.array([1.0, 1.0, 0.6, 0.3])  # what a right answer of a VQA question may earn


@dataclass(frozen=True)
class Design:
    """One kind of run. Effects are half-widths of uniform distributions around ``accuracy``.

    ``image``: how much easier an image is for all; ``own``: for one tokenizer; ``seed``: what an
    alignment seed does to a tokenizer's accuracy; ``luck``: share of questions on which the
    tokenizers' luck is the same; ``kept``: on which seeds do not change it.
    """

    name: str
    scores: str = "right or wrong"  # or "VQA credit", "CIDEr-D"
    tokenizers: int = 4
    seeds: int = 1
    images: int = 250
    questions: int = 2  # on one image, of one task
    tasks: int = 1  # all on the same images
    accuracy: float = 0.6
    image: float = 0.2
    own: float = 0.1
    seed: float = 0.0
    luck: float = 0.5
    kept: float = 0.6


@dataclass(frozen=True)
class Rates:
    """Shares of the simulated runs (``family``), of their cells and of their pairs."""

    cell: float  # intervals of a mean that hold the true mean
    pair: float  # intervals of a difference that hold zero
    alarm: float  # p < 0.05, uncorrected
    family: float  # runs in which a difference is shown, after Holm's correction


DESIGNS = (
    Design("540 images, one question each", images=540, questions=1, image=0.25),
    Design("250 images, 2 questions each"),
    Design("60 images, 9 questions each", images=60, questions=9),
    Design("accuracy 93 %", accuracy=0.93, image=0.05, own=0.02),
    Design("a category: 40 images", images=40, questions=1),
    Design("VQA credit", scores="VQA credit"),
    Design("CIDEr-D, 250 captions", scores="CIDEr-D", questions=1),
    Design("CIDEr-D, 60 captions", scores="CIDEr-D", images=60, questions=1),
    Design("12 tokenizers", tokenizers=12),
    Design("6 tokenizers", tokenizers=6),
    Design("3 seeds that do nothing", seeds=3),
    Design("3 seeds that do a little", seeds=3, seed=0.03),
    Design("3 seeds that do much", seeds=3, seed=0.1),
    Design("2 seeds that do a little", seeds=2, seed=0.03),
    Design("2 tokenizers, 3 seeds", tokenizers=2, seeds=3, seed=0.03),
    Design("CIDEr-D, 3 seeds", scores="CIDEr-D", questions=1, seeds=3, seed=0.03),
    Design("overall, 3 tasks on the same images", tasks=3),
    Design("overall, 3 tasks, 3 seeds", tasks=3, seeds=3, seed=0.03),
)


def draw(design: Design, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Scores float[tasks, tokenizers, seeds, samples] of one run and their expectation."""
    d, samples = design, design.images * design.questions
    shape = (d.tasks, d.tokenizers, d.seeds, samples)

    def uniform(half: float, *size: int) -> np.ndarray:
        return rng.uniform(-half, half, size)

    skill = uniform(d.image, 1, 1, 1, d.images) + uniform(d.own, 1, d.tokenizers, 1, d.images)
    skill = d.accuracy + np.repeat(skill, d.questions, axis=-1)
    skill = skill + uniform(d.seed, 1, d.tokenizers, d.seeds, 1)
    kept = rng.random((d.tasks, d.tokenizers, 1, samples))
    shared = rng.random((d.tasks, 1, 1, samples))
    own = np.where(rng.random(shape) < d.kept, kept, rng.random(shape))
    chosen = np.where(rng.random((d.tasks, 1, 1, samples)) < d.luck, shared, own)
    if d.scores == "CIDEr-D":
        # skewed as captions' scores are: most near zero, few far above the mean
        return skill * -np.log1p(-chosen), d.accuracy
    right = (chosen < skill).astype(float)
    if d.scores == "VQA credit":
        worth = rng.choice(_CREDIT, size=(d.tasks, 1, 1, samples))
        return right * worth, d.accuracy * float(_CREDIT.mean())
    return right, d.accuracy


def as_results(scores: np.ndarray, design: Design) -> Results:
    """A run in memory of scores float[tasks, tokenizers, seeds, samples]."""
    unit = "score" if design.scores == "CIDEr-D" else "percent"
    tasks = [
        {"name": f"task{t}", "unit": unit, "higher_is_better": True} for t in range(design.tasks)
    ]
    names = [f"t{k}" for k in range(design.tokenizers)]
    columns = [{"name": name, "kind": "tokenizer", "tokenizer": name} for name in names]
    digests = [str(i // design.questions) for i in range(scores.shape[-1])]
    samples, cells, nothing = {}, {}, np.zeros(scores.shape[2:], dtype=bool)
    for task, of_task in zip(tasks, scores, strict=True):
        shared = Samples(doc_ids=list(range(len(digests))), image_ids=digests, digests=digests)
        shared.clusters = np.arange(len(digests)) // design.questions
        samples[task["name"]] = shared
        for column, own in zip(columns, of_task, strict=True):
            seeds = list(range(design.seeds))
            cells[column["name"], task["name"]] = Cell(
                column, task, shared, seeds, own, [], [], nothing, nothing, nothing, {}
            )
    seeds = list(range(design.seeds))
    run = {"columns": columns, "tasks": tasks, "seeds": seeds, "alignment": []}
    return Results(Path(), run, samples, cells)


def simulate(design: Design, runs: int = 2000, seed: int = 0) -> Rates:
    """The rates over so many runs of a design; of several tasks those of their mean."""
    rng = np.random.default_rng(seed)
    cells, pairs, alarms, families = [], [], [], []
    for _ in range(runs):
        scores, truth = draw(design, rng)
        results = as_results(scores, design)
        for column in results.columns():
            name = column["name"]
            cell = results.cell(name, "task0")
            e = results.overall(name) if design.tasks > 1 else cell.estimate
            cells.append(e.low <= truth <= e.high)
        found = results.comparisons.of(OVERALL if design.tasks > 1 else "task0")
        pairs += [c.difference.estimate.low <= 0 <= c.difference.estimate.high for c in found]
        alarms += [c.p < 0.05 for c in found]
        families.append(any(c.clear for c in found))
    return Rates(*(float(np.mean(each)) for each in (cells, pairs, alarms, families)))


def main() -> None:
    """Rewrite the table of docs/statistics.md and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    args = parser.parse_args()
    head = ("design", "interval of a score", "of a difference", "false alarms", "in any pair")
    rows = [head, ("---",) + ("---:",) * 4]
    for design in DESIGNS:
        rates = simulate(design, args.runs)
        shares = (rates.cell, rates.pair, rates.alarm, rates.family)
        rows.append((design.name, *(f"{100 * share:.1f} %" for share in shares)))
        print(*rows[-1], sep="  ", flush=True)
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda match: match[1] + table + match[3], text), encoding="utf-8")


if __name__ == "__main__":
    main()
