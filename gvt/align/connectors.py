"""Connectors by the hash of everything that made them: trained once, then read from the cache."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from gvt.align.data import source
from gvt.align.trainer import new_connector, train
from gvt.config import Recipe
from gvt.engine.combined import CombinedStore
from gvt.engine.features import FEATURES_VERSION, Features
from gvt.model.connector import Connector
from gvt.model.language import LanguageModel
from gvt.paths import cache_dir
from gvt.progress import Counter
from gvt.tracking import Log

ALIGN_VERSION = 4
"""Counts up whenever the same inputs would give another connector, or another note beside it."""


@dataclass(frozen=True)
class Aligned:
    """A trained connector, its hash and how its training went."""

    connector: Connector
    hash: str
    steps: int
    samples: int
    seconds: float
    curve: list[list[float]]
    cached: bool

    @property
    def parameters(self) -> int:
        """How many weights were trained."""
        return sum(weight.numel() for weight in self.connector.parameters())


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
    log: Log | None = None,
) -> Aligned:
    """The connector of one tokenizer and seed, trained if the cache does not hold it.

    log: as of ``train``.
    """
    name = connector_hash(store, recipe, llm, seed)
    folder = cache_dir() / "connectors" / name
    note = folder / "training.json"
    cached = note.exists()
    if not cached:
        start = time.monotonic()
        made = train(recipe, llm, features, seed, accelerator, counter, log)
        if accelerator.is_main_process:
            facts = {
                "card": store.card.name,
                "recipe": recipe.name,
                "llm": llm.name,
                "seed": seed,
                "made_of": ingredients(store, recipe, llm, seed),
                "steps": recipe.steps,
                "samples": made.samples,
                "seconds": round(time.monotonic() - start, 2),
                "curve": made.curve,
            }
            _write(folder, made.connector, facts)
        accelerator.wait_for_everyone()
    first = features[recipe.stages[0].data]
    os.utime(folder / "connector.safetensors")  # the cache evicts what was not used for longest
    connector = new_connector(recipe, llm, first, seed)
    connector.load_state_dict(load_file(folder / "connector.safetensors"))
    facts = json.loads(note.read_text())
    return Aligned(
        connector.eval().requires_grad_(False).to(llm.device),
        name,
        facts["steps"],
        facts["samples"],
        facts["seconds"],
        facts["curve"],
        cached,
    )


def _write(folder: Path, connector: Connector, facts: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"connector.{os.getpid()}.part"
    save_file({name: v.contiguous() for name, v in connector.state_dict().items()}, part)
    os.replace(part, folder / "connector.safetensors")
    # Written last: its presence says that the connector is whole.
    part = folder / f"training.{os.getpid()}.part"
    part.write_text(json.dumps(facts) + "\n")
    os.replace(part, folder / "training.json")
