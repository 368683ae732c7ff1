"""What a study claims of its columns, tested: supported, contradicted, not shown or not tested.

A claim says that the mean of the columns in ``higher`` scores above the mean of those in ``lower``
on a task, a skill or overall. It stands in the suite that was run (``config.suite.claims`` of
run.json).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from . import text
from .fields import SchemaError, check, shorten
from .paired import Draft, detectable, resampled, tested
from .presentable import cut
from .schema import RUN_FILE
from .scopes import Scope, Sides
from .significance import holm
from .source import Source
from .statistics import Difference
from .variance import CONFIDENCE

if TYPE_CHECKING:
    from .results import Results
    from .schema import Task

Verdict = Literal["supported", "contradicted", "not shown", "not tested"]
MARKS: dict[Verdict, str] = {
    "supported": "✓",
    "contradicted": "✗",
    "not shown": "○",
    "not tested": "–",
}
_NAME = 255  # characters; columns and tasks have files of their names, which are no longer


class _PossibleClaimFields(TypedDict, total=False):
    source: str | None  # where the claim comes from, such as a paper


class Claim(_PossibleClaimFields):
    """mean(higher) above mean(lower) on ``scope``: a task's name, a skill or ``overall``."""

    name: str
    statement: str
    scope: str
    higher: list[str]  # names of columns
    lower: list[str]


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict; the numbers are unknown where it was not tested."""

    claim: Claim
    scope_title: str
    task: Task | None  # the scope as a task: for several, one that stands for their mean
    verdict: Verdict
    reason: str = ""  # why it was not tested, or is not shown though its interval excludes zero
    difference: Difference | None = None  # mean(higher) - mean(lower), positive where better
    test: str = ""  # "mcnemar", "t" or "bootstrap", as of a Comparison
    p: float = math.nan
    adjusted: float = math.nan  # Holm over the claims that were tested
    detectable: float = math.nan  # smallest true difference shown with 80 % power
    samples: int = 0  # of the scope; the difference is of those that all these columns answered

    @property
    def notes(self) -> list[str]:
        """What the verdict alone does not tell: its reason, and of how little it speaks."""
        notes = [f"{self.verdict}: {self.reason}"] if self.reason else []
        if self.difference is not None and self.difference.estimate.n < self.samples:
            n = self.difference.estimate.n
            notes.append(f"on the {n:,} of {self.samples:,} samples that all of these answered")
        return notes


def judge_claims(results: Results) -> list[Judged]:
    """Every claim of the runs' suites in their order, with its verdict.

    Raises SchemaError, naming file and field, for a claim that is not one.
    """
    scopes: dict[str, Scope] = {}
    trials = []
    for claim in declared(results):
        scope = scopes.setdefault(claim["scope"], Scope.named(claim["scope"], results))
        sides = claim["higher"], claim["lower"]
        trials.append(_Trial(claim, scope, sides, *scope.difference(sides)))
    ready = [trial for trial in trials if trial.draft is not None]
    level = (1 - CONFIDENCE) / max(len(ready), 1)
    found = [_tested(trial, level) for trial in ready]
    corrected = holm(np.array([one.p for one in found])).tolist()
    decided = iter([_decided(one, p, len(found)) for one, p in zip(found, corrected, strict=True)])
    return [
        Judged(trial.claim, trial.scope.title, trial.scope.task, "not tested", trial.reason)
        if trial.draft is None
        else next(decided)
        for trial in trials
    ]


def declared(results: Results) -> list[Claim]:
    """The claims of all runs, each once, with the names that columns and tasks have in the results.

    A claim whose name another one has goes by ``name@run``.
    """
    found: list[Claim] = []
    claims: list[Claim] = []
    for source in results.sources or [Source(results.run_dir, results.run)]:
        for claim in _read(source):
            if claim in found:
                continue
            found.append(claim)
            taken = claim["name"] in (own["name"] for own in claims)
            name = f"{claim['name']}@{source.name}" if taken else claim["name"]
            claims.append({**claim, "name": name})
    return claims


def in_words(claims: Sequence[Judged]) -> str:
    """How many claims have which verdict, in one sentence."""
    count = Counter(one.verdict for one in claims)
    parts = [
        f"{count[verdict]} {'is' if count[verdict] == 1 else 'are'} {verdict}"
        for verdict in MARKS
        if count[verdict]
    ]
    return f"Of {len(claims)} claim{'s' if len(claims) != 1 else ''} {text.join(parts)}."


def _read(source: Source) -> Iterator[Claim]:
    """The claims of one run under the results' names."""
    suite, where = source.run["config"].get("suite"), str(source.path / RUN_FILE)
    told = suite.get("claims") if isinstance(suite, dict) else None
    told = [] if told is None else told
    check(told, list[Claim], "config.suite.claims", where)
    columns = {own: name for name, own in source.columns.items()}
    tasks = {own: name for name, own in source.tasks.items()}
    for i, claim in enumerate(told):
        named = [*claim["higher"], *claim["lower"]]
        if not claim["higher"] or not claim["lower"] or len({*named}) < len(named):
            raise SchemaError(
                f"{where}: config.suite.claims[{i}] ({shorten(claim['name'])}): higher and lower "
                "must name columns, each of them once"
            )
        told_of = cut({"source": "", **claim})
        yield Claim(
            name=text.shorten(claim["name"], _NAME),
            statement=told_of["statement"],
            scope=text.shorten(tasks.get(claim["scope"], claim["scope"]), _NAME),
            higher=[text.shorten(columns.get(name, name), _NAME) for name in claim["higher"]],
            lower=[text.shorten(columns.get(name, name), _NAME) for name in claim["lower"]],
            source=told_of["source"] or "",
        )


@dataclass(frozen=True)
class _Trial:
    claim: Claim
    scope: Scope
    sides: Sides
    draft: Draft | None
    reason: str  # why there is no draft


def _tested(trial: _Trial, level: float) -> Judged:
    draft, effects = trial.draft, trial.scope.effects(trial.draft, trial.sides)
    found = [tested(draft, effect, *resampled([draft])) for effect in effects]
    estimate = max((estimate for estimate, _ in found), key=lambda e: e.margin)
    return Judged(
        trial.claim,
        trial.scope.title,
        trial.scope.task,
        "not shown",
        difference=Difference(estimate, draft.per_seed),
        test=draft.test,
        p=max(p for _, p in found),
        detectable=float(np.max([detectable(draft, effect, level) for effect in effects])),
        samples=trial.scope.samples,
    )


def _decided(one: Judged, adjusted: float, claims: int) -> Judged:
    """The verdict: what the corrected p, the interval and every seed say, as of a Comparison."""
    e = one.difference.estimate
    sure, apart = adjusted < 1 - CONFIDENCE, e.low > 0 or e.high < 0
    found: Verdict = "supported" if e.mean > 0 else "contradicted"
    if sure and one.difference.clear:
        return replace(one, adjusted=adjusted, verdict=found)
    reason = ""
    if apart and one.p < 1 - CONFIDENCE <= adjusted:
        reason = f"alone it would be {found}, but not as one of {claims} claims"
    elif apart and not sure:
        reason = "the test is stricter than the interval"
    elif apart:
        reason = "the seeds do not agree"
    return replace(one, adjusted=adjusted, reason=reason)
