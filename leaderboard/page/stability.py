"""How settled the order of the tokenizers is: rank intervals, and the order of every seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..overall import OVERALL, overall_tasks
from ..ranking import Rank
from ..results import Results
from ..text import EN_DASH, join
from .dots import Dot, dot_chart

if TYPE_CHECKING:
    from .render import Page

TITLE = "Ranking"

_LIKELY = 0.02  # who is first in fewer resamples is not named


def context(page: Page) -> dict[str, Any] | None:
    """One chart a scope, overall first; None below two ranked tokenizers."""
    titles = {task["name"]: task["title"] for task in page.tasks}
    scopes = [OVERALL, *titles] if overall_tasks(page.results) else list(titles)
    shown = []
    for scope in scopes:
        ranks = page.results.ranks(scope)
        if len(ranks) > 1:
            by_seed = seed_ranks(page.results, scope, list(ranks))
            title = titles.get(scope, "Overall")
            shown.append(
                (
                    title,
                    _chart(page.results, scope, title, ranks, by_seed),
                    _words(page.results, ranks),
                )
            )
    several = len(page.results.run["seeds"]) > 1
    return {"scopes": shown, "several": several} if shown else None


def seed_ranks(results: Results, scope: str, names: list[str]) -> dict[str, tuple[int, ...]]:
    """The rank of each of these tokenizers in each seed that all of them have; 1 the best.

    Empty for a run with one seed.
    """
    tasks = [
        task
        for task in (overall_tasks(results) if scope == OVERALL else results.tasks)
        if scope in (OVERALL, task["name"])
    ]
    cells = {name: [results.cell(name, task["name"]) for task in tasks] for name in names}
    seeds = [
        seed
        for seed in results.run["seeds"]
        if all(seed in cell.seeds for own in cells.values() for cell in own)
    ]
    found: dict[str, list[int]] = {name: [] for name in names}
    for seed in seeds if len(results.run["seeds"]) > 1 else ():
        scores = {
            name: round(
                sum(
                    cell.seed_means[seed] * (1 if cell.task["higher_is_better"] else -1)
                    for cell in own
                ),
                10,
            )
            for name, own in cells.items()
        }
        for name in names:
            found[name].append(1 + sum(other > scores[name] for other in scores.values()))
    return {name: tuple(own) for name, own in found.items()}


def _chart(
    results: Results,
    scope: str,
    title: str,
    ranks: dict[str, Rank],
    by_seed: dict[str, tuple[int, ...]],
) -> Any:
    dots = []
    for name in sorted(ranks, key=lambda name: (ranks[name].rank, -ranks[name].first)):
        rank, own = ranks[name], by_seed[name]
        said = f"rank {rank.rank} ({rank.low}{EN_DASH}{rank.high}), first in {_percent(rank.first)}"
        if own:
            said += f", by seed {', '.join(map(str, own))}"
        shown = _percent(rank.first).replace("over ", ">").replace("under ", "<")
        dots.append(
            Dot(results.title(name), "tokenizer", rank.rank, shown, said, rank.low, rank.high, own)
        )
    step = max(1, len(ranks) // 10)
    places = [place for place in range(1, len(ranks) + 1) if place == 1 or place % step == 0]
    return dot_chart(
        f"rank-{scope}",
        f"{title}: ranks with 95 % intervals, and how often each is first",
        dots,
        "rank; at the right: first in so many resamples",
        lambda place: f"{place:g}",
        ticks=places if places[-1] == len(ranks) else [*places, len(ranks)],
    )


def _words(results: Results, ranks: dict[str, Rank]) -> str:
    """Whether the first place and the whole order are settled."""
    first = sorted(ranks, key=lambda name: -ranks[name].first)
    share = ranks[first[0]].first
    alone = f"{results.title(first[0])} is first in " + (
        "all resamples" if share == 1 else f"{_percent(share)} of resamples"
    )
    if ranks[first[0]].high == 1:
        text = f"{alone}."
    elif share > 1 - _LIKELY:
        text = f"{alone}, but is not shown to be ahead of all others."
    else:
        likely = [n for n in first if ranks[n].first >= _LIKELY] or first[:2]
        shares = [f"{results.title(name)} in {_percent(ranks[name].first)}" for name in likely]
        text = f"The first place is not settled: {join(shares)} of all resamples."
    if all(rank.low == rank.high for rank in ranks.values()):
        text += " The whole order is settled."
    return text


def _percent(share: float) -> str:
    """A share that is not quite all never reads as all."""
    text = f"{share:.0%}" if share in (0, 1) or 0.005 <= share < 0.995 else ""
    text = text or ("over 99%" if share > 0.5 else "under 1%")
    return text.replace("%", "\u00a0%")
