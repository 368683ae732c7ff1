"""Every two columns compared on every task and overall: difference, test, what could be seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from .overall import OVERALL, overall_tasks
from .paired import Contrasts, Draft, detectable, resampled, seed_effect, tested
from .significance import holm
from .statistics import Difference
from .variance import CONFIDENCE, SeedEffect, pooled

if TYPE_CHECKING:
    from .results import Results


@dataclass(frozen=True)
class Comparison:
    """a - b on one scope (a task's name, or OVERALL); positive where ``a`` is better."""

    a: str
    b: str
    scope: str
    difference: Difference
    test: str  # "mcnemar", "t" or "bootstrap": what p comes from
    p: float  # NaN where nothing can be tested
    adjusted: float  # Holm over all pairs of tokenizers of the scope; p where a control takes part
    wins: int  # samples on which a is better, seeds averaged
    ties: int
    losses: int
    detectable: float  # smallest true difference shown with 80 % power; NaN where there is none

    @property
    def clear(self) -> bool:
        """Whether a difference is shown: the corrected p, the interval and every seed say so.

        The seeds are asked because a difference that one of three alignments turns around is no
        property of the tokenizer, and three hardly tell how large such turns are.
        """
        return self.adjusted < 1 - CONFIDENCE and self.difference.clear

    def mirrored(self) -> Comparison:
        """The same comparison as b - a."""
        turned = self.difference.estimate.mirrored()
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=Difference(turned, tuple(-d for d in self.difference.per_seed)),
            wins=self.losses,
            losses=self.wins,
        )


class Comparisons:
    """The comparisons of one set of results, made scope by scope when asked for."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._made: dict[str, dict[tuple[str, str], Comparison]] = {}

    @cached_property
    def scopes(self) -> list[str]:
        """Task names in suite order, then OVERALL where it exists."""
        names = [task["name"] for task in self._results.tasks]
        return names + ([OVERALL] if overall_tasks(self._results) else [])

    def pair(self, a: str, b: str, scope: str) -> Comparison | None:
        """Any two columns that both have the scope; None where one has not."""
        made = self._scope(scope)
        if (b, a) in made:
            return made[b, a].mirrored()
        return made.get((a, b))

    def of(self, scope: str) -> list[Comparison]:
        """All pairs of tokenizers, a before b in display order."""
        names = {column["name"] for column in self._results.columns("tokenizer")}
        return [c for (a, b), c in self._scope(scope).items() if {a, b} <= names]

    def _scope(self, scope: str) -> dict[tuple[str, str], Comparison]:
        if scope not in self._made:
            results = self._results
            if scope == OVERALL:
                tasks, means = overall_tasks(results), results.overall_means
            else:
                tasks = [task for task in results.tasks if task["name"] == scope]
                cells = {c["name"]: results.cell(c["name"], scope) for c in results.columns()}
                means = {name: cell.mean for name, cell in cells.items() if cell and cell.mean.n}
            contrasts = Contrasts(results, tasks)
            pairs = {
                (a, b): draft
                for a, b in combinations(means, 2)
                if (draft := contrasts.draft([a], [b])) is not None
            }
            tokenizers = {column["name"] for column in results.columns("tokenizer")}
            of_columns = pooled([mean for name, mean in means.items() if name in tokenizers])
            self._made[scope] = _judged(pairs, scope, tokenizers, of_columns)
        return self._made[scope]


def _judged(
    pairs: dict[tuple[str, str], Draft],
    scope: str,
    tokenizers: set[str],
    of_columns: SeedEffect | None,
) -> dict[tuple[str, str], Comparison]:
    """Test every pair with what the seeds of all pairs say; correct for how many there are."""
    family = {pair for pair in pairs if tokenizers.issuperset(pair)}
    of_pairs = seed_effect([pairs[pair] for pair in pairs if pair in family])
    level = (1 - CONFIDENCE) / max(len(family), 1)
    made = {}
    for (pair, draft), t in zip(pairs.items(), resampled(list(pairs.values())), strict=True):
        effect = of_pairs if draft.paired_seeds else of_columns
        estimate, p = tested(draft, effect, t)
        least = detectable(draft, effect, level if pair in family else 1 - CONFIDENCE)
        difference = Difference(estimate, draft.per_seed)
        made[pair] = Comparison(*pair, scope, difference, draft.test, p, p, *draft.tally, least)
    corrected = [pair for pair in made if pair in family]
    for pair, p in zip(corrected, holm(np.array([made[c].p for c in corrected])), strict=True):
        made[pair] = replace(made[pair], adjusted=float(p))
    return made
