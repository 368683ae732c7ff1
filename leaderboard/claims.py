"""What a study claims of its columns, tested: supported, contradicted, not shown or not tested.

A claim says that the mean of the columns in ``higher`` scores above the mean of those in ``lower``
on a task, a skill or overall. It stands in the suite that was run (``config.suite.claims`` of
run.json).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from .fields import SchemaError, check, shorten
from .overall import OVERALL, mean_influence, overall_tasks, shared_images
from .paired import Contrasts, Draft, common_seeds, detectable, resampled, seed_effect, tested
from .presentable import cut
from .schema import RUN_FILE
from .significance import holm
from .skills import SKILLS, Skills
from .source import Source
from .statistics import Difference
from .text import join
from .variance import CONFIDENCE, SeedEffect, pooled

if TYPE_CHECKING:
    from .results import Cell, Results
    from .schema import Task

Verdict = Literal["supported", "contradicted", "not shown", "not tested"]
MARKS: dict[Verdict, str] = {
    "supported": "✓",
    "contradicted": "✗",
    "not shown": "○",
    "not tested": "–",
}


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


def judge_claims(results: Results) -> list[Judged]:
    """Every claim of the runs' suites in their order, with its verdict.

    Raises SchemaError, naming file and field, for a claim that is not one.
    """
    scopes: dict[str, _Scope] = {}
    trials = []
    for claim in declared(results):
        scope = scopes.setdefault(claim["scope"], _Scope.named(claim["scope"], results))
        trials.append(_Trial(claim, scope, *scope.difference(claim)))
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
    return f"Of {len(claims)} claim{'s' if len(claims) != 1 else ''} {join(parts)}."


def _read(source: Source) -> Iterator[Claim]:
    """The claims of one run under the results' names."""
    suite, where = source.run["config"].get("suite"), str(source.path / RUN_FILE)
    told = suite.get("claims", []) if isinstance(suite, dict) else []
    check(told, list[Claim], "config.suite.claims", where)
    columns = {own: name for name, own in source.columns.items()}
    tasks = {own: name for name, own in source.tasks.items()}
    for i, claim in enumerate(told):
        for side in ("higher", "lower"):
            check(claim[side], list[str], f"config.suite.claims[{i}].{side}", where)
        named = [*claim["higher"], *claim["lower"]]
        if not claim["higher"] or not claim["lower"] or len({*named}) < len(named):
            raise SchemaError(
                f"{where}: config.suite.claims[{i}] ({shorten(claim['name'])}): higher and lower "
                "must name columns, each of them once"
            )
        yield Claim(
            **cut({key: claim[key] for key in ("name", "statement")}),
            scope=tasks.get(claim["scope"], claim["scope"]),
            higher=[columns.get(name, name) for name in claim["higher"]],
            lower=[columns.get(name, name) for name in claim["lower"]],
            source=cut({"source": claim.get("source")})["source"] or "",
        )


@dataclass(frozen=True)
class _Trial:
    claim: Claim
    scope: _Scope
    draft: Draft | None
    reason: str  # why there is no draft


@dataclass(frozen=True)
class _Scope:
    """What a claim speaks of: one task, or several whose mean counts."""

    results: Results = field(repr=False)
    title: str
    tasks: list[Task]
    task: Task | None  # None where nothing is scored
    reason: str = ""  # why nothing is

    @classmethod
    def named(cls, name: str, results: Results) -> _Scope:
        """A task goes before a skill of the same name."""
        task = next((task for task in results.run["tasks"] if task["name"] == name), None)
        if task is not None and task["unit"] == "none":
            reason = "its right answers are not public, so there is no score"
            return cls(results, task["title"], [], None, reason)
        if task is not None:
            return cls(results, task["title"], [task], task)
        if name == OVERALL:
            title, tasks = "Overall", overall_tasks(results)
            reason = "fewer than two tasks are scored in percent"
        elif name in SKILLS:
            title, tasks = name.capitalize(), Skills(results).tasks[name]
            reason = "no task of this skill is scored in percent"
        else:
            title, tasks, reason = name, [], f"{shorten(name)} is no task of this run and no skill"
        if not tasks:
            return cls(results, title, [], None, reason)
        mean = {**tasks[0], "name": name, "title": title, "metric_title": "mean over tasks"}
        return cls(results, title, tasks, tasks[0] if len(tasks) == 1 else mean)

    def difference(self, claim: Claim) -> tuple[Draft | None, str]:
        """The difference that a claim is about, or why there is none."""
        reason = self.reason or "; ".join(self._missing(claim) or self._seeds_apart(claim))
        if reason:
            return None, reason
        draft = self._contrasts.draft(claim["higher"], claim["lower"])
        if draft is None:
            return None, "no sample was answered by all these columns"
        if draft.mean.images < 2:
            return None, "all samples are of one image"
        return draft, ""

    def effects(self, draft: Draft, claim: Claim) -> list[SeedEffect | None]:
        """What seeds may do to a difference; a claim has to hold with each.

        First as all tokenizers of the scope tell, which is right where a seed shakes each column by
        itself, or all alike. It may shake those of a group together, which no pair of tokenizers
        shows: hence also as the difference's own seeds tell, few as they are.
        """
        if draft.mean.seeds < 2:
            return [None]
        shared = self._of_pairs if draft.paired_seeds else self._of_columns
        single = len(claim["higher"]) == len(claim["lower"]) == 1
        return [shared] if single else [shared, pooled([draft.mean])]

    def _missing(self, claim: Claim) -> list[str]:
        known = {column["name"]: column["title"] for column in self.results.columns()}
        reasons = []
        for name in [*claim["higher"], *claim["lower"]]:
            tasks = [t["title"] for t in self.tasks if not self.results.has_score(name, t["name"])]
            if name not in known:
                reasons.append(f"no column {shorten(name)} in this run")
            elif tasks:
                reasons.append(f"{known[name]} has no score on {join(tasks)}")
        return reasons

    def _seeds_apart(self, claim: Claim) -> list[str]:
        """Where an interval would seem to speak of seeds that one of the columns does not have."""
        for task in self.tasks:
            cells = [self._cell(name, task) for name in [*claim["higher"], *claim["lower"]]]
            if not common_seeds(*cells):
                return [f"no alignment seed that all these columns have on {task['title']}"]
            trained = [cell for cell in cells if cell.column["kind"] != "ceiling"]
            most = max((len(cell.seeds) for cell in trained), default=1)
            alone = [cell.column["title"] for cell in trained if len(cell.seeds) == 1 < most]
            if alone:
                has = "has" if len(alone) == 1 else "have"
                return [f"{join(alone)} {has} one of {most} alignment seeds on {task['title']}"]
        return []

    def _cell(self, column: str, task: Task) -> Cell:
        return self.results.cell(column, task["name"])

    @cached_property
    def _contrasts(self) -> Contrasts:
        return Contrasts(self.results, self.tasks)

    @cached_property
    def _tokenizers(self) -> list[str]:
        """Those that have all the tasks."""
        return [
            column["name"]
            for column in self.results.columns("tokenizer")
            if all(self.results.has_score(column["name"], task["name"]) for task in self.tasks)
        ]

    @cached_property
    def _of_pairs(self) -> SeedEffect | None:
        pairs = combinations(self._tokenizers, 2)
        drafts = [self._contrasts.draft([a], [b]) for a, b in pairs]
        return seed_effect([draft for draft in drafts if draft is not None])

    @cached_property
    def _of_columns(self) -> SeedEffect | None:
        images, means = shared_images(self.results, self.tasks), []
        for name in self._tokenizers:
            cells = [self._cell(name, task) for task in self.tasks]
            parts = [(cell.seeds, cell.scores, cell.samples.clusters) for cell in cells]
            means.append(mean_influence(parts, images).summed)
        return pooled(means)


def _tested(trial: _Trial, level: float) -> Judged:
    draft, effects = trial.draft, trial.scope.effects(trial.draft, trial.claim)
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
    )


def _decided(one: Judged, adjusted: float, claims: int) -> Judged:
    """The verdict: what the corrected p, the interval and every seed say, as of a Comparison."""
    e = one.difference.estimate
    sure, apart = adjusted < 1 - CONFIDENCE, e.low > 0 or e.high < 0
    if sure and one.difference.clear:
        return replace(
            one, adjusted=adjusted, verdict="supported" if e.mean > 0 else "contradicted"
        )
    reason = ""
    if apart and one.p < 1 - CONFIDENCE <= adjusted:
        reason = f"alone it would be, but not as one of {claims} claims"
    elif apart and not sure:
        reason = "the test is stricter than the interval"
    elif apart:
        reason = "the seeds do not agree"
    return replace(one, adjusted=adjusted, reason=reason)
