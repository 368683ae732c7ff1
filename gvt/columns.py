"""The columns of a suite made ready: card, features of all images, and a trained connector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from gvt import tracking
from gvt.align.connectors import Aligned, align
from gvt.align.data import images_from, source
from gvt.config import Recipe, RunOptions, Suite
from gvt.data.images import ImageSet
from gvt.data.training_files import TrainingFiles
from gvt.engine.check import check
from gvt.engine.combined import CombinedStore
from gvt.engine.features import Features, FeatureStore
from gvt.errors import UserError
from gvt.hardware import choose_precision, on_cpu, use_all_cores
from gvt.model.language import LanguageModel
from gvt.progress import Progress
from gvt.recipes import Recipes
from gvt.resolve import resolve_all
from gvt.tracking import Tracking
from leaderboard.schema import Alignment
from tokenizers_zoo import Card, CardError, TokenizerCard, feature_shape

TEXT = "text"
"""The ceiling column: no encoder, the language model reads the true scene."""


@dataclass(frozen=True)
class Workshop:
    """What all columns of a run share."""

    suite: Suite
    recipes: Recipes
    llm: LanguageModel
    accelerator: Accelerator
    precision: str
    progress: Progress
    tracking: Tracking

    def close(self) -> None:
        """Part from the other processes, once all have come to their end.

        A thread of torch's process group that still holds a tensor of the last exchange when Python
        shuts down aborts its process, and the launcher then calls the whole run failed.
        """
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()


def open_workshop(suite: Suite, recipes: Recipes, options: RunOptions) -> Workshop:
    """Start accelerate and load the language model. Raises UserError."""
    cpu = on_cpu(options.device)
    precision = choose_precision(options.precision, cpu)
    accelerator = tracking.accelerator(
        options.log_with, options.output_path, cpu=cpu, mixed_precision=precision
    )
    use_all_cores(accelerator.num_processes)
    # A GPU holds and answers in what it trains in; on a CPU answers come from float32.
    half = precision == "bf16" and not cpu
    llm = LanguageModel.load(
        suite.llm, accelerator.device, chat=suite.apply_chat_template, half=half
    )
    check(llm)  # connectors are trained on the same grounds as answers are given
    return Workshop(
        suite,
        recipes,
        llm,
        accelerator,
        precision,
        Progress(accelerator.is_main_process, accelerator.device),
        Tracking(accelerator, _facts(suite, recipes, llm, precision)),
    )


def _facts(suite: Suite, recipes: Recipes, llm: LanguageModel, precision: str) -> dict[str, Any]:
    """What a tracker keeps as the configuration of a run."""
    recipe = recipes.default
    return {
        "suite": suite.name,
        "llm": llm.name,
        "recipe": recipe.name,
        "recipes": ", ".join(f"{column}: {own.name}" for column, own in recipes.own.items()),
        "connector": recipe.connector.type,
        "steps": recipe.steps,
        "columns": ", ".join([*suite.columns, *suite.models]),
        "tasks": ", ".join(suite.tasks),
        "seeds": ", ".join(map(str, suite.seeds)),
        "precision": precision,
    }


def cards(suite: Suite, include_path: tuple[Path, ...]) -> dict[str, TokenizerCard]:
    """Column → card of every column that has one, all checked before anything is computed."""
    names = {column: name for column, name in suite.columns.items() if column != TEXT}
    found = resolve_all(names, include_path)
    for column, card in found.items():
        # Missing weights, and parts that do not fit, are told now, not after the first columns.
        try:
            card.hash()
            feature_shape(card)
        except CardError as error:
            if names[column] == card.encoders[0].name:
                raise
            raise UserError(f"tokenizer '{names[column]}': {error}") from error
    return found


def encoders(found: Mapping[str, TokenizerCard]) -> tuple[Card, ...]:
    """Every encoder that the columns ``found`` read, once."""
    return tuple(dict.fromkeys(one for card in found.values() for one in card.encoders))


class ColumnMaker:
    """Makes features and connectors of one column."""

    def __init__(
        self,
        workshop: Workshop,
        column: str,
        card: TokenizerCard,
        beside: Iterable[Card] = (),
    ) -> None:
        """beside: the encoders of all columns, whose features one pass may give as well."""
        self.workshop, self.column = workshop, column
        self.store = CombinedStore(card, workshop.accelerator.device, workshop.precision, beside)
        self.alignments: list[Alignment] = []
        self._training: dict[str, Features] | None = None

    def features(self, images: ImageSet, aligned: Aligned | None = None) -> Features:
        """Features of ``images``, from the cache or computed, by every process its share.

        With ``aligned`` they are of the tokenizer as it was trained, if it was.
        """
        seed, progress = self.workshop.suite.seeds[0], self.workshop.progress
        own = aligned.store(self.store) if aligned else self.store
        found = []
        for store in own.stores:
            key = features_key(store)
            with progress.stage(self.column, seed, "features", len(images), key) as counter:
                found.append(store.get(images, counter, self.workshop.accelerator))
        return own.join(found)

    def aligned(self, seed: int) -> Aligned:
        """The connector of one seed."""
        recipe = self.workshop.recipes.of(self.column)
        if self._training is None:
            sets = training_images(recipe)
            self._training = {name: self.features(images) for name, images in sets.items()}
        log = self.workshop.tracking.series(f"alignment/{self.column}/seed{seed}")
        key = alignment_key(recipe, self.workshop.llm.name)
        with self.workshop.progress.stage(
            self.column, seed, "alignment", recipe.steps, key, recipe.samples
        ) as counter:
            done = align(
                self.store,
                self._training,
                recipe,
                self.workshop.llm,
                seed,
                self.workshop.accelerator,
                counter,
                log,
            )
        if done.cached:
            for step, loss in done.curve:
                log(int(step), {"loss": loss})
            for step, loss in done.held_out:
                log(int(step), {"held_out_loss": loss})
        self.alignments.append(
            Alignment(
                column=self.column,
                seed=seed,
                connector_hash=done.hash,
                parameters=done.parameters,
                steps=done.steps,
                samples=done.samples,
                curve=done.curve,
                held_out=done.held_out,
                images_from=sorted(
                    {name for stage in recipe.stages for name in images_from(stage.data)}
                ),
            )
        )
        return done


def training_images(recipe: Recipe) -> dict[str | TrainingFiles, ImageSet]:
    """The images of each source of data that ``recipe`` trains on."""
    return {stage.data: source(stage.data).images for stage in recipe.stages}


def features_key(store: FeatureStore) -> str:
    """What the speed of encoding depends on."""
    return f"{store.card.name} {store.precision}"


def alignment_key(recipe: Recipe, llm: str) -> str:
    """What the speed of training a connector depends on."""
    return f"{recipe.hash()[:16]} {llm}"


def align_columns(suite: Suite, recipes: Recipes, options: RunOptions) -> dict[str, list[Aligned]]:
    """Train the connectors of all columns of ``suite`` for all its seeds; nothing is evaluated."""
    found = cards(suite, options.include_path)
    workshop = open_workshop(suite, recipes, options)
    if not found:
        raise UserError("nothing to align: the suite names no tokenizer")
    made = {}
    for column, card in found.items():
        maker = ColumnMaker(workshop, column, card, encoders(found))
        made[column] = [maker.aligned(seed) for seed in suite.seeds]
    workshop.progress.column_done()
    aligned = [one for column in made.values() for one in column]
    for line in dict.fromkeys(line for one in aligned for line in one.left_out):
        workshop.progress.console.print(line, highlight=False, markup=False, soft_wrap=True)
    workshop.close()
    return made
