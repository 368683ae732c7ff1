"""What a run would do: its steps, how much of them is there already, and what the rest takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gvt import catalog
from gvt.align.connectors import trained
from gvt.align.tuning import tunes_encoders
from gvt.columns import TEXT, alignment_key, cards, encoders, features_key, training_images
from gvt.config import Recipe, RunOptions, Suite
from gvt.engine.combined import CombinedStore
from gvt.engine.evaluate import TaskSet, load_tasks
from gvt.engine.features import FeatureStore
from gvt.engine.replay import Cell, connector_fingerprint, text_fingerprint
from gvt.hardware import choose_precision, on_cpu
from gvt.progress import Pace, Step
from gvt.recipes import Recipes
from leaderboard import schema
from leaderboard.statistics import detectable
from tokenizers_zoo import Card, feature_shape


@dataclass(frozen=True)
class Forecast:
    """The plan of a run.

    seconds: None where a stage never ran on this machine. disk: bytes of the features to come,
    without those of published models, whose shape is known only once they are loaded.
    samples, images: of each task. detectable: by task, see ``leaderboard.statistics``; only for
    those that are scored per sample.
    """

    steps: list[Step]
    seconds: float | None
    disk: int
    samples: dict[str, int]
    images: dict[str, int]
    detectable: dict[str, float]

    @property
    def known(self) -> float:
        """Share of all units, stage by stage, that need not be computed: 0 to 1."""
        shares = [1 - step.todo / step.units for step in self.steps if step.units]
        return sum(shares) / len(shares) if shares else 1.0


def forecast(suite: Suite, recipes: Recipes, options: RunOptions) -> Forecast:
    """Work out the plan without loading any model. Raises UserError as the run itself would."""
    known = catalog.tasks(options.include_path)
    tasks = load_tasks({name: known[name] for name in suite.tasks}, options.limit)
    ahead = steps(suite, recipes, options, tasks)
    percent = {info["name"] for info in tasks.info if info["unit"] == "percent"}
    samples = {name: tasks.count(name) for name in suite.tasks}
    images = {name: len(tasks.images([name])) for name in suite.tasks}
    return Forecast(
        steps=ahead,
        seconds=Pace().seconds(ahead),
        disk=_disk(suite, recipes, options, tasks),
        samples=samples,
        images=images,
        # Questions of one image may all go the same way: images are what surely is independent.
        detectable={
            name: least
            for name, n in images.items()
            if name in percent and n and (least := detectable(n)) < 1
        },
    )


def steps(suite: Suite, recipes: Recipes, options: RunOptions, tasks: TaskSet) -> list[Step]:
    """Every stage of every column, with what is there already taken off."""
    precision = choose_precision(options.precision, on_cpu(options.device))
    asked = [reference["sha256"] for reference in tasks.images()]
    stamps = _stamps(options.output_path)
    total = sum(tasks.count(name) for name in suite.tasks)
    found, language_model = [], None
    encoded: defaultdict[Path, set[str]] = defaultdict(set)
    of_columns = cards(suite, options.include_path)
    for column, card in of_columns.items():
        recipe = recipes.of(column)
        store = CombinedStore(card, torch.device("cpu"), precision, encoders(of_columns))
        connectors = {seed: trained(store, recipe, suite.framed_llm, seed) for seed in suite.seeds}
        cells = []
        for seed, connector in connectors.items():
            if connector:
                language_model = connector[1]
                cells.append(Cell(column, seed, connector_fingerprint(*connector)))
        new = sum(connector is None for connector in connectors.values())
        done = _answered(cells, tasks, suite.tasks, stamps, options.output_path)
        seeds = len(suite.seeds)
        tuned = tunes_encoders(recipe, card)
        wanted = _wanted(recipe, tasks, tuned)
        for number, part in enumerate(store.stores):
            # What an earlier column will have encoded, itself or along, this one only reads.
            new_images = part.missing(wanted) - encoded[part.folder]
            for one in (part, *part.beside):
                encoded[one.folder] |= new_images
            units, todo = len(wanted), len(new_images)
            for connector in connectors.values() if tuned else ():
                units += len(asked)
                todo += len(_after_tuning(store, connector, asked)[number])
            found.append(Step(column, "features", units, todo, features_key(part)))
        found += [
            Step(
                column,
                "alignment",
                seeds * recipe.steps,
                new * recipe.steps,
                alignment_key(recipe, suite.framed_llm),
            ),
            Step(column, "evaluation", seeds * total, seeds * total - done, suite.framed_llm),
        ]
    if TEXT in suite.columns:
        names = [name for name in suite.tasks if tasks.described(name)]
        units = sum(tasks.count(name) for name in names)
        fingerprint = text_fingerprint(language_model) if language_model else ""
        cell = Cell(TEXT, suite.seeds[0], fingerprint)
        done = _answered([cell], tasks, names, stamps, options.output_path)
        found.append(Step(TEXT, "evaluation", units, units - done, suite.framed_llm))
    for column, name in suite.models.items():
        # What its answers depend on is known only once it is loaded: all counts as to be done.
        found.append(Step(column, "features", len(asked), len(asked), name))
        found.append(Step(column, "evaluation", total, total, name))
    return found


def _wanted(recipe: Recipe, tasks: TaskSet, tuned: bool) -> set[str]:
    """Hashes of the images that an encoder as it is loaded encodes: for training, and, if it is not
    ``tuned`` then, to be asked about.
    """
    training = {name for images in training_images(recipe).values() for name in images.hashes}
    return training if tuned else training | {one["sha256"] for one in tasks.images()}


def _after_tuning(
    store: CombinedStore, connector: tuple[str, str] | None, asked: Iterable[str]
) -> list[set[str]]:
    """For every encoder of ``store`` the images that it has to encode as it was trained."""
    if connector is None:
        return [set(asked)] * len(store.stores)
    return [part.missing(asked) for part in store.tuned(connector[0], list).stores]


def _disk(suite: Suite, recipes: Recipes, options: RunOptions, tasks: TaskSet) -> int:
    """Bytes of the features to come."""
    precision = choose_precision(options.precision, on_cpu(options.device))
    asked = [one["sha256"] for one in tasks.images()]
    wanted: defaultdict[Card, set[str]] = defaultdict(set)
    total = 0
    for column, card in cards(suite, options.include_path).items():
        recipe = recipes.of(column)
        tuned = tunes_encoders(recipe, card)
        store = CombinedStore(card, torch.device("cpu"), precision)
        for seed in suite.seeds if tuned else ():
            connector = trained(store, recipe, suite.framed_llm, seed)
            todo = _after_tuning(store, connector, asked)
            for part, hashes in zip(store.stores, todo, strict=True):
                total += len(hashes) * _bytes(part)
        for encoder in card.encoders:
            wanted[encoder] |= _wanted(recipe, tasks, tuned)
    for encoder, hashes in wanted.items():
        store = FeatureStore(encoder, torch.device("cpu"), precision)
        total += len(store.missing(hashes)) * _bytes(store)
    return total


def _bytes(store: FeatureStore) -> int:
    """Of the features of one image."""
    tokens, dim = feature_shape(store.card)
    return tokens * dim * np.dtype(store.dtype).itemsize


def _stamps(folder: Path) -> dict[str, str]:
    try:
        return schema.read_run(folder).get("stamps", {})
    except schema.SchemaError:
        return {}


def _answered(
    cells: Iterable[Cell],
    tasks: TaskSet,
    names: Iterable[str],
    stamps: dict[str, str],
    folder: Path,
) -> int:
    """Samples whose rows are written."""
    return sum(
        tasks.count(name)
        for cell in cells
        for name in names
        if stamps.get(cell.name(name)) == tasks.stamp(name, cell.fingerprint)
        and schema.rows_path(folder, cell.column, cell.seed, name).exists()
    )
