"""One column's answers on one task, lined up by sample with all other columns'."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from . import statistics, variance
from .schema import Column, Task
from .variance import Estimate, Mean, SeedEffect


@dataclass
class Samples:
    """The samples of one task, shared by all columns; every list has one entry a sample."""

    doc_ids: list[int] = field(default_factory=list)
    image_ids: list[str] = field(default_factory=list)
    images: list[str | None] = field(default_factory=list)  # absolute paths
    digests: list[str] = field(default_factory=list)  # SHA-256 of the images
    categories: list[str | None] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    gold: list[list[str]] = field(default_factory=list)
    chance: list[float] = field(default_factory=list)  # NaN where unknown
    place: dict[int, int] = field(default_factory=dict)  # doc_id -> position
    tokenizers: dict[str, Cell] = field(default_factory=dict, repr=False)  # whose seeds are pooled

    def __len__(self) -> int:
        return len(self.doc_ids)

    @cached_property
    def clusters(self) -> np.ndarray:
        """int[n], one number an image."""
        return np.unique(np.array(self.image_ids, dtype=object), return_inverse=True)[1]

    @cached_property
    def by_category(self) -> dict[str, np.ndarray]:
        """Positions of each category's samples, largest category first."""
        groups: dict[str, list[int]] = {}
        for i, category in enumerate(self.categories):
            if category is not None:
                groups.setdefault(category, []).append(i)
        ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
        return {name: np.array(places) for name, places in ordered}

    def clusters_of(self, category: str) -> np.ndarray:
        """int[k], of a category's samples the number of the image, from 0 within the category."""
        if category not in self._clusters:
            places = self.by_category[category]
            self._clusters[category] = np.unique(self.clusters[places], return_inverse=True)[1]
        return self._clusters[category]

    @cached_property
    def _clusters(self) -> dict[str, np.ndarray]:
        return {}

    def seed_effect(self, category: str) -> SeedEffect | None:
        """What seeds do to a mean of one category, as all tokenizers tell."""
        if category not in self._effects:
            means = [cell.category_mean(category) for cell in self.tokenizers.values()]
            self._effects[category] = variance.pooled(means)
        return self._effects[category]

    @cached_property
    def _effects(self) -> dict[str, SeedEffect | None]:
        return {}


@dataclass
class Cell:
    """The answers of one column on one task: S seeds by n samples."""

    column: Column
    task: Task
    samples: Samples
    seeds: list[int]
    scores: np.ndarray  # float[S, n]; NaN where failed or missing
    answers: list[list[str | None]]
    errors: list[dict[int, str]]  # position -> message
    invalid: np.ndarray  # bool[S, n]
    truncated: np.ndarray  # bool[S, n]
    present: np.ndarray  # bool[S, n]
    others: dict[str, np.ndarray]  # every score by its name, float[S, n]; NaN where it has none

    def __post_init__(self) -> None:
        if self.column["kind"] == "tokenizer":
            self.samples.tokenizers[self.column["name"]] = self

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and greatest possible score, where there are such."""
        return (0.0, 1.0) if self.task["unit"] == "percent" else None

    @cached_property
    def average(self) -> np.ndarray:
        """float[n], per-sample mean over seeds."""
        return statistics.seed_average(self.scores)

    @cached_property
    def estimate(self) -> Estimate:
        """Mean over all samples with its interval."""
        return self.mean.within(self.bounds, self.seed_effect)

    @cached_property
    def mean(self) -> Mean:
        """Mean over all samples with its variance in parts."""
        return variance.influence(self.scores, self.samples.clusters).summed

    @cached_property
    def seed_effect(self) -> SeedEffect | None:
        """What seeds do to a mean of this task, as all its tokenizers tell."""
        return variance.pooled([peer.mean for peer in self.samples.tokenizers.values()])

    @cached_property
    def right_or_wrong(self) -> bool:
        """Whether every score is 0 or 1."""
        known = self.scores[~np.isnan(self.scores)]
        return bool(((known == 0) | (known == 1)).all())

    def category_estimate(self, category: str) -> Estimate:
        """Mean over one category with its interval."""
        effect = self.samples.seed_effect(category)
        return self.category_mean(category).within(self.bounds, effect)

    def category_mean(self, category: str) -> Mean:
        """Mean over one category with its variance in parts."""
        if category not in self._categories:
            places = self.samples.by_category[category]
            scores, clusters = self.scores[:, places], self.samples.clusters_of(category)
            self._categories[category] = variance.influence(scores, clusters).summed
        return self._categories[category]

    @cached_property
    def _categories(self) -> dict[str, Mean]:
        return {}

    @cached_property
    def seed_means(self) -> dict[int, float]:
        """Mean score of each seed."""
        means = statistics.seed_means(self.scores)
        return {seed: float(m) for seed, m in zip(self.seeds, means, strict=True)}

    @property
    def seed_spread(self) -> float:
        """Standard deviation over seeds of the mean score; NaN below two seeds."""
        return statistics.seed_spread(list(self.seed_means.values()))

    def counts(self) -> dict[str, int]:
        """Samples times seeds that were answered, failed, unparsed, cut off or never written."""
        return {
            "answers": int(self.present.sum()),
            "failed": sum(len(errors) for errors in self.errors),
            "invalid": int(self.invalid.sum()),
            "truncated": int(self.truncated.sum()),
            "missing": int((~self.present).sum()),
        }
