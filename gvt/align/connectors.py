"""Connectors, and what was trained with them, by the hash of everything that made them: trained
once, then read from the cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file, save_file
from torch import Tensor

from gvt.align.checkpoint import Checkpoints
from gvt.align.data import left_out, source
from gvt.align.trainer import Trained, new_connector, train
from gvt.align.tuning import live_encoders, load_encoders, load_language, tunes_encoders
from gvt.config import Recipe
from gvt.engine.combined import CombinedStore
from gvt.engine.features import FEATURES_VERSION, Features
from gvt.files import held
from gvt.model.connector import Connector
from gvt.model.language import LanguageModel
from gvt.paths import cache_dir
from gvt.progress import Counter
from gvt.tracking import Log

ALIGN_VERSION = 5
"""Counts up whenever the same inputs would give another connector, or another note beside it."""


@dataclass(frozen=True)
class Aligned:
    """A trained connector, its hash and how its training went.

    folder: where it lies, with the weights of what was trained beside it. tuned: whether the
    tokenizer was. parameters: how many weights were trained, connector included. waited: of the
    ``seconds`` of training, those spent on data. left_out: what of the data was not trained on, in
    lines.
    """

    connector: Connector
    hash: str
    recipe: Recipe
    folder: Path
    tuned: bool
    steps: int
    samples: int
    seconds: float
    waited: float
    curve: list[list[float]]
    held_out: list[list[float]]
    parameters: int
    left_out: list[str]
    cached: bool

    def language(self, llm: LanguageModel) -> LanguageModel:
        """``llm`` itself, or as it was trained with the connector: a copy, made anew."""
        return load_language(self.recipe, llm, self.folder) or llm

    def store(self, frozen: CombinedStore) -> CombinedStore:
        """Features of the tokenizer as it was trained; ``frozen`` itself where it was not."""
        if not self.tuned:
            return frozen
        made = partial(load_encoders, self.recipe, frozen.card, frozen.device, self.folder)
        return frozen.tuned(self.hash, made)


def ingredients(
    store: CombinedStore, recipe: Recipe, llm: LanguageModel | None, seed: int
) -> dict[str, Any]:
    """All that a connector depends on; without its language model where that is None."""
    return {
        "versions": [ALIGN_VERSION, FEATURES_VERSION],
        "card": store.card.hash(),
        "precision": store.precision,
        "recipe": recipe.hash(),
        "data": [source(stage.data).hash for stage in recipe.stages],
        "llm": llm.hash if llm else None,
        "seed": seed,
    }


def connector_hash(store: CombinedStore, recipe: Recipe, llm: LanguageModel, seed: int) -> str:
    """Hash of all that a connector depends on."""
    parts = ingredients(store, recipe, llm, seed)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def trained(
    store: CombinedStore, recipe: Recipe, llm_name: str, seed: int
) -> tuple[str, str] | None:
    """Hashes of a cached connector and of its language model, by that model's name alone.

    For a plan: the model itself, which may have changed under its name, is not read.
    """
    wanted = ingredients(store, recipe, None, seed)
    for path in (cache_dir() / "connectors").glob("*/training.json"):
        note = json.loads(path.read_text())
        made_of = note.get("made_of", {})  # notes of earlier versions have none
        if note["llm"] == llm_name and made_of | {"llm": None} == wanted:
            return path.parent.name, made_of["llm"]
    return None


def align(
    store: CombinedStore,
    features: dict[str, Features],
    recipe: Recipe,
    llm: LanguageModel,
    seed: int,
    accelerator: Accelerator,
    counter: Counter | None = None,
    log: Log = lambda step, values: None,
) -> Aligned:
    """The connector of one tokenizer and seed, trained if the cache does not hold it.

    A training that was stopped goes on where its last checkpoint stands. log: as of ``train``.
    """
    name = connector_hash(store, recipe, llm, seed)
    folder = cache_dir() / "connectors" / name
    note = folder / "training.json"
    cached = note.exists()
    if not cached:
        with _own_checkpoints(folder, accelerator) as own:
            made = train(
                recipe,
                llm,
                features,
                seed,
                accelerator,
                counter,
                log,
                encoders=live_encoders(recipe, store.card, accelerator.device),
                folder=own,
            )
            if accelerator.is_main_process:
                facts = {
                    "card": store.card.name,
                    "recipe": recipe.name,
                    "llm": llm.name,
                    "seed": seed,
                    "made_of": ingredients(store, recipe, llm, seed),
                    "steps": recipe.steps,
                    "samples": made.samples,
                    "seconds": round(made.seconds, 2),
                    "waited": round(made.waited, 2),
                    "curve": made.curve,
                    "held_out": made.held_out,
                    "parameters": made.parameters,
                    "left_out": _left_out(recipe, features),
                }
                _write(folder, made, facts)
                if own:
                    Checkpoints(own, accelerator).remove()
        accelerator.wait_for_everyone()
    first = features[recipe.stages[0].data]
    os.utime(folder / "connector.safetensors")  # the cache evicts what was not used for longest
    connector = new_connector(recipe, llm, first, seed)
    connector.load_state_dict(load_file(folder / "connector.safetensors"))
    facts = json.loads(note.read_text())
    # Notes of earlier versions do not tell.
    facts.setdefault("left_out", _left_out(recipe, features))
    told = ("steps", "samples", "seconds", "waited", "curve", "held_out", "parameters", "left_out")
    return Aligned(
        connector=connector.eval().requires_grad_(False).to(llm.device),
        hash=name,
        recipe=recipe,
        folder=folder,
        tuned=tunes_encoders(recipe, store.card),
        cached=cached,
        **{key: facts[key] for key in told},
    )


@contextmanager
def _own_checkpoints(folder: Path, accelerator: Accelerator) -> Iterator[Path | None]:
    """The folder for checkpoints; None while another run trains this connector and keeps its own
    there: both come to the same bits.
    """
    with ExitStack() as stack:
        own = accelerator.is_main_process and stack.enter_context(held(folder)) is not None
        yield folder if broadcast_object_list([own])[0] else None


def _left_out(recipe: Recipe, features: dict[str, Features]) -> list[str]:
    """Lines about what of each source of data cannot be used, as far as it was read."""
    sources = dict.fromkeys(stage.data for stage in recipe.stages)
    return [line for data in sources for line in left_out(data, features[data].failed)]


def _write(folder: Path, made: Trained, facts: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, weights in made.parts.items():
        _save(folder / f"{part}.safetensors", weights)
    _save(folder / "connector.safetensors", made.connector.state_dict())
    # Written last: its presence says that the rest is whole.
    part = folder / f"training.{os.getpid()}.part"
    part.write_text(json.dumps(facts) + "\n")
    os.replace(part, folder / "training.json")


def _save(path: Path, weights: Mapping[str, Tensor]) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    save_file({name: weight.contiguous() for name, weight in weights.items()}, part)
    os.replace(part, path)
