"""The columns of a suite made ready: card, features of all images, and a trained connector."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

from gvt import catalog
from gvt.align.connectors import Aligned, align
from gvt.align.data import source
from gvt.config import Recipe, RunOptions, Suite
from gvt.data.images import ImageSet
from gvt.engine.features import Features, FeatureStore
from gvt.errors import UserError
from gvt.hardware import mixed_precision, use_all_cores
from gvt.model.language import LanguageModel
from gvt.progress import Progress
from leaderboard.schema import Alignment, Stage
from tokenizers_zoo import Card

TEXT = "text"
"""The ceiling column: no encoder, the language model reads the true scene."""


@dataclass(frozen=True)
class Workshop:
    """What all columns of a run share."""

    suite: Suite
    recipe: Recipe
    llm: LanguageModel
    accelerator: Accelerator
    precision: str
    progress: Progress


def open_workshop(suite: Suite, recipe: Recipe, options: RunOptions) -> Workshop:
    """Start accelerate and load the language model. Raises UserError."""
    cpu = options.device == "cpu" or not torch.cuda.is_available()
    precision = mixed_precision(cpu) if options.precision == "auto" else options.precision
    accelerator = Accelerator(cpu=cpu, mixed_precision=precision)
    use_all_cores(accelerator.num_processes)
    llm = LanguageModel.load(suite.llm, accelerator.device)
    shown = accelerator.is_main_process
    return Workshop(suite, recipe, llm, accelerator, precision, Progress(shown))


def cards(suite: Suite, include_path: tuple[Path, ...]) -> dict[str, Card]:
    """Column → card of every column that has one, all checked before anything is computed."""
    known = catalog.tokenizers(include_path)
    found = {
        column: Card.load(known[name]) for column, name in suite.columns.items() if column != TEXT
    }
    for card in found.values():
        card.hash()  # missing weights are found out now, not after the first columns
    return found


class ColumnMaker:
    """Makes features and connectors of one column, and keeps the books of what each stage took."""

    def __init__(self, workshop: Workshop, column: str, card: Card) -> None:
        self.workshop, self.column = workshop, column
        self.store = FeatureStore(card, workshop.accelerator.device, workshop.precision)
        self.stages: list[Stage] = []
        self.alignments: list[Alignment] = []
        self._training: dict[str, Features] | None = None

    def features(self, images: ImageSet) -> Features:
        """Features of ``images``, from the cache or computed, by every process its share."""
        start = time.monotonic()
        with self.workshop.progress.stage(f"{self.column} · features", len(images)) as advance:
            found = self.store.get(images, advance, self.workshop.accelerator)
        self._book(0, "features", time.monotonic() - start, found.cached, len(images))
        return found

    def aligned(self, seed: int) -> Aligned:
        """The connector of one seed."""
        recipe = self.workshop.recipe
        if self._training is None:
            sets = {stage.data: source(stage.data).images for stage in recipe.stages}
            self._training = {name: self.features(images) for name, images in sets.items()}
        start = time.monotonic()
        steps = sum(stage.steps for stage in recipe.stages)
        with self.workshop.progress.stage(f"{self.column} · alignment", steps) as advance:
            done = align(
                self.store,
                self._training,
                recipe,
                self.workshop.llm,
                seed,
                self.workshop.accelerator,
                lambda _: advance(1),
            )
        self._book(seed, "alignment", time.monotonic() - start, done.cached, done.samples)
        self.alignments.append(
            Alignment(
                column=self.column,
                seed=seed,
                connector_hash=done.hash,
                parameters=done.parameters,
                steps=done.steps,
                samples=done.samples,
                curve=done.curve,
            )
        )
        return done

    def _book(self, seed: int, stage: str, seconds: float, cached: bool, samples: int) -> None:
        self.stages.append(
            Stage(
                column=self.column,
                seed=seed,
                stage=stage,
                seconds=round(seconds, 3),
                cached=cached,
                samples=samples,
            )
        )


def align_columns(suite: Suite, recipe: Recipe, options: RunOptions) -> dict[str, list[Aligned]]:
    """Train the connectors of all columns of ``suite`` for all its seeds; nothing is evaluated."""
    found = cards(suite, options.include_path)
    workshop = open_workshop(suite, recipe, options)
    if not found:
        raise UserError("nothing to align: the suite names no tokenizer")
    made = {}
    for column, card in found.items():
        maker = ColumnMaker(workshop, column, card)
        made[column] = [maker.aligned(seed) for seed in suite.seeds]
    return made
