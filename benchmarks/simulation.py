"""How often intervals hold the truth, and differences and claims are shown, by simulation.

``.venv/bin/python benchmarks/simulation.py [--table claims]`` fills the tables of
docs/statistics.md. Every simulated run (simulated.py) goes through what the report does with one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from simulated import Design, as_results, draw

from leaderboard.paired import resampled, tested
from leaderboard.results import Results
from leaderboard.scopes import Scope
from leaderboard.shares import shares
from leaderboard.statistics import Difference
from leaderboard.variance import CONFIDENCE

PAGE = Path(__file__).resolve().parent.parent / "docs" / "statistics.md"
_BLOCK = re.compile(r"(<!-- table: simulated-(\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

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
    Design("2 tokenizers, 3 seeds that do nothing, 60 images", tokenizers=2, seeds=3, images=60),
    Design("CIDEr-D, 3 seeds", scores="CIDEr-D", questions=1, seeds=3, seed=0.03),
    Design("overall, 3 tasks on the same images", tasks=3),
    Design("overall, 3 tasks, 3 seeds", tasks=3, seeds=3, seed=0.03),
)
CATEGORIES = (
    Design("of 250, 2 questions each"),
    Design("of 80, one question each", images=80, questions=1),
    Design("of 250, accuracy 93 %", questions=1, accuracy=0.93, image=0.05, own=0.02),
    Design("of 250 captions, CIDEr-D", "CIDEr-D", questions=1),
    Design("of 250, 3 seeds that do nothing", seeds=3),
    Design("of 250, 3 seeds that do a little", seeds=3, seed=0.03),
    Design("of 250, 3 seeds that do much", seeds=3, seed=0.1),
)
CLAIMS = (
    Design("1 against 1", group=1),
    Design("2 against 2", group=2),
    Design("2 against 2, CIDEr-D", group=2, scores="CIDEr-D", questions=1),
    Design("1 against 1, 3 seeds that do a little", group=1, seeds=3, seed=0.03),
    Design("1 against 1, 3 seeds that do much", group=1, seeds=3, seed=0.1),
    Design("2 against 2, 3 seeds that do nothing", group=2, seeds=3),
    Design("2 against 2, 3 seeds that do a little", group=2, seeds=3, seed=0.03),
    Design("2 against 2, 3 seeds that do much", group=2, seeds=3, seed=0.1),
    Design("2 against 2, CIDEr-D, 3 seeds", "CIDEr-D", group=2, questions=1, seeds=3, seed=0.03),
    Design("2 against 2, overall, 3 tasks, 3 seeds", group=2, tasks=3, seeds=3, seed=0.03),
    Design("2 against 2, seeds move a group a little", group=2, seeds=3, together=0.03),
    Design("2 against 2, seeds move a group much", group=2, seeds=3, together=0.1),
    Design("*true* by 4 points, 3 seeds do a little", group=2, seeds=3, seed=0.03, better=0.04),
)
RANKS = (
    Design("0.5 points apart", tokenizers=6, images=540, questions=1, step=0.005),
    Design("1.5 points apart", tokenizers=6, images=540, questions=1, step=0.015),
    Design("3 points apart", tokenizers=6, images=540, questions=1, step=0.03),
    Design("1.5 points apart, 3 seeds", "right or wrong", 6, 3, 540, 1, step=0.015, seed=0.03),
)
LIMITS = (
    Design("one tokenizer alone, 2 seeds that do nothing", tokenizers=1, seeds=2),
    Design("one tokenizer alone, 2 seeds that do a little", tokenizers=1, seeds=2, seed=0.03),
    Design("one tokenizer alone, 2 seeds that do much", tokenizers=1, seeds=2, seed=0.1),
    Design("3 seeds that do a little, to it twice as much", seeds=3, seed=0.03, wild=2),
    Design("3 seeds that do much, to it twice as much", seeds=3, seed=0.1, wild=2),
    Design("3 seeds that do a little, to it 3 times as much", seeds=3, seed=0.03, wild=3),
    Design("3 seeds that do much, to it 3 times as much", seeds=3, seed=0.1, wild=3),
)


@dataclass(frozen=True)
class Rates:
    """Shares of the simulated runs (``family``), of their cells and of their pairs."""

    cell: float  # intervals of a mean that hold the true mean
    pair: float  # intervals of a difference that hold zero
    alarm: float  # p < 0.05, uncorrected
    family: float  # runs in which a difference is shown, after Holm's correction


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
        found = results.comparisons.of(design.scope)
        pairs += [c.difference.estimate.low <= 0 <= c.difference.estimate.high for c in found]
        alarms += [c.p < 0.05 for c in found]
        families.append(any(c.clear for c in found))
    return Rates(*(float(np.mean(each)) for each in (cells, pairs, alarms, families)))


def simulate_categories(design: Design, runs: int = 1000, seed: int = 0) -> float:
    """How often the interval of a difference on one of four categories holds zero."""
    rng, held = np.random.default_rng(seed), []
    for _ in range(runs):
        results = as_results(draw(design, rng)[0], design)
        samples = results.samples["task0"]
        samples.categories = [str(image % 4) for image in samples.clusters]
        cells = [results.cell(f"t{k}", "task0") for k in range(design.tokenizers)]
        for pair in zip(cells[::2], cells[1::2], strict=True):
            ends = [(own.difference.low, own.difference.high) for own in shares(*pair)]
            held += [low <= 0 <= high for low, high in ends]
    return float(np.mean(held))


def simulate_claim(design: Design, runs: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Shares of the runs whose claim is supported or contradicted.

    First as reported, then if the seed variance pooled over pairs of tokenizers were all that
    counts: the two differ for groups with several seeds.
    """
    rng, judged, alone = np.random.default_rng(seed), [], []
    for _ in range(runs):
        results = as_results(draw(design, rng)[0], design)
        (one,) = results.claims
        judged.append(one.verdict in ("supported", "contradicted"))
        sides = one.claim["higher"], one.claim["lower"]
        scope = Scope.named(design.scope, results)
        draft, _ = scope.difference(sides)
        pooled = scope.effects(draft, sides)[0]
        estimate, p = tested(draft, pooled, *resampled([draft]))
        alone.append(p < 1 - CONFIDENCE and Difference(estimate, draft.per_seed).clear)
    return float(np.mean(judged)), float(np.mean(alone))


def simulate_power(design: Design, runs: int = 1000, seed: int = 0) -> tuple[float, float]:
    """The median ``detectable`` of equally good columns, and how often one as large is shown.

    Of the differences of the first tokenizer from the others, or of the claim.
    """
    rng = np.random.default_rng(seed)

    def found(design: Design) -> list[tuple[float, bool]]:
        drawn = (as_results(draw(design, rng)[0], design) for _ in range(runs))
        return [each for results in drawn for each in _of_first(results, design)]

    # unknown is more than is possible
    least = np.nan_to_num([detectable for detectable, _ in found(design)], nan=np.inf)
    median = float(np.median(least))
    shown = [shown for _, shown in found(replace(design, better=median))]
    return median, float(np.mean(shown))


def _of_first(results: Results, design: Design) -> list[tuple[float, bool]]:
    """What is detectable, and whether the first columns are shown to be better."""
    if design.group:
        return [(one.detectable, one.verdict == "supported") for one in results.claims]
    pairs = [c for c in results.comparisons.of(design.scope) if c.a == "t0"]
    return [(c.detectable, c.clear and c.difference.estimate.mean > 0) for c in pairs]


def simulate_ranks(design: Design, runs: int = 200, seed: int = 0) -> tuple[float, float]:
    """How often the interval of a rank holds the true rank, and how often all of a run do."""
    rng, held = np.random.default_rng(seed), []
    for _ in range(runs):
        ranks = as_results(draw(design, rng)[0], design).ranks(design.scope)
        held.append([ranks[f"t{k}"].low <= k + 1 <= ranks[f"t{k}"].high for k in range(len(ranks))])
    return float(np.mean(held)), float(np.all(held, axis=1).mean())


def simulate_first(design: Design, runs: int = 2000, seed: int = 0) -> float:
    """How often the interval of the first tokenizer's score holds the truth."""
    rng, held = np.random.default_rng(seed), []
    for _ in range(runs):
        scores, truth = draw(design, rng)
        e = as_results(scores, design).cell("t0", "task0").estimate
        held.append(e.low <= truth <= e.high)
    return float(np.mean(held))


@dataclass(frozen=True)
class Table:
    """One table of the page: a row a design, shares shown in percent."""

    head: tuple[str, ...]
    designs: tuple[Design, ...]
    runs: int
    figures: Callable[[Design, int], Sequence[float | str]]

    def filled(self, runs: int | None) -> str:
        """The table in Markdown; its rows are printed as they come."""
        rows = [self.head, ("---", *["---:"] * (len(self.head) - 1))]
        for design in self.designs:
            found = self.figures(design, runs or self.runs)
            shown = (x if isinstance(x, str) else f"{100 * x:.1f} %" for x in found)
            rows.append((design.name, *shown))
            print(*rows[-1], sep="  ", flush=True)
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _power(design: Design, runs: int) -> tuple[str, float]:
    least, shown = simulate_power(design, runs)
    return f"{least:.2f}" if design.scores == "CIDEr-D" else f"{100 * least:.1f} points", shown


TABLES = {
    "rates": Table(
        ("design", "interval of a score", "of a difference", "false alarms", "in any pair"),
        DESIGNS,
        2000,
        lambda design, runs: astuple(simulate(design, runs)),
    ),
    "categories": Table(
        ("a quarter of the images", "interval of a difference"),
        CATEGORIES,
        1000,
        lambda design, runs: [simulate_categories(design, runs)],
    ),
    "claims": Table(
        ("claim", "supported or contradicted", "by the pooled seed variance alone"),
        CLAIMS,
        2000,
        simulate_claim,
    ),
    "power": Table(
        ("design", "median `detectable`", "shown"),
        (*DESIGNS, *(d for d in CLAIMS if not d.together and not d.better)),
        1000,
        _power,
    ),
    "ranks": Table(
        ("6 tokenizers", "ranks inside their interval", "runs with all inside"),
        RANKS,
        200,
        simulate_ranks,
    ),
    "limits": Table(
        ("design", "interval of its score"),
        LIMITS,
        2000,
        lambda design, runs: [simulate_first(design, runs)],
    ),
}


def main() -> None:
    """Rewrite tables of docs/statistics.md and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", choices=TABLES, action="append", help="only this one")
    parser.add_argument("--runs", type=int, help="of a design, instead of those of the page")
    args = parser.parse_args()
    tables = {name: TABLES[name].filled(args.runs) for name in args.table or TABLES}

    def fill(block: re.Match) -> str:
        return block[1] + tables.get(block[2], block[3]) + block[4]

    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(fill, text), encoding="utf-8")


if __name__ == "__main__":
    main()
