"""From a column of a run to the model of transformers that gave its answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvt.config import Connector
from gvt.errors import UserError, nearest
from gvt.paths import cache_dir
from gvt.resolve import resolve
from leaderboard import schema
from tokenizers_zoo import TokenizerCard

if TYPE_CHECKING:
    from gvt.model.hf import GVTForConditionalGeneration


def model_of(
    run: Path,
    column: str | None = None,
    seed: int | None = None,
    include_path: Iterable[Path] = (),
    device: str = "cpu",
) -> GVTForConditionalGeneration:
    """The model behind ``column``, which may be left out where a run has only one tokenizer.

    seed: of its alignment; None: the run's first. Raises UserError where the run has no such
    column, where the cache has lost its connector, or where its parts have changed since.
    """
    record = schema.read_run(run)
    column = column or _only_column(run, record)
    note = _alignment(run, record, column, seed)
    suite = record["config"]["suite"]
    name = {**suite["tokenizers"], **suite["controls"]}[column]
    card = resolve(name, include_path)
    _same_card(run, record, column, card)
    path = _connector(run, record, column, note)
    from safetensors.torch import load_file

    from gvt.model.hf import GVTForConditionalGeneration

    model = GVTForConditionalGeneration.assemble(
        card,
        Connector(**_recipe(record, column)["connector"]),
        load_file(path),
        suite["llm"],
        chat=suite["apply_chat_template"],
        device=device,
        **_precision(record),
    )
    if model.config.llm["hash"] != record["config"]["llm"]["hash"]:
        raise UserError(f"{run}: language model '{suite['llm']}' has changed since this run")
    return model


def _connector(run: Path, record: dict[str, Any], column: str, note: dict[str, Any]) -> Path:
    """The file of a column's connector, of which a model can be made."""
    stages = _recipe(record, column)["stages"]
    parts = {part for stage in stages for part in stage.get("trains", ())} - {"connector"}
    if parts:
        raise UserError(
            f"{run}: '{column}' was trained together with its {', '.join(sorted(parts))}",
            "A model is made of a connector between frozen parts; choose another column.",
        )
    path = cache_dir() / "connectors" / note["connector_hash"] / "connector.safetensors"
    if not path.is_file():
        again = " ".join(record["command"])
        raise UserError(
            f"{run}: the connector of '{column}' is no longer in the cache",
            f"The command that made the run trains it again: {again}",
        )
    return path


def _recipe(record: dict[str, Any], column: str) -> dict[str, Any]:
    """What a column was aligned by; runs of earlier versions had one recipe for all."""
    config = record["config"]
    return config.get("recipes", {}).get(column, config["recipe"])


def _only_column(run: Path, record: dict[str, Any]) -> str:
    names = [one["name"] for one in record["columns"] if one["kind"] == "tokenizer"]
    if len(names) != 1:
        raise UserError(f"{run}: several columns", f"Give --column: {', '.join(names)}.")
    return names[0]


def _alignment(run: Path, record: dict[str, Any], column: str, seed: int | None) -> dict[str, Any]:
    found = [one for one in record["alignment"] if one["column"] == column]
    if not found:
        known = list(dict.fromkeys(one["column"] for one in record["alignment"]))
        if column in {one["name"] for one in record["columns"]}:
            raise UserError(
                f"{run}: column '{column}' has no connector of ours", _choices(column, known)
            )
        raise UserError(f"{run}: unknown column '{column}'", _choices(column, known))
    if seed is None:
        return found[0]
    for one in found:
        if one["seed"] == seed:
            return one
    seeds = ", ".join(str(one["seed"]) for one in found)
    raise UserError(f"{run}: column '{column}' has no seed {seed}", f"Its seeds: {seeds}.")


def _choices(asked: str, known: list[str]) -> str:
    close = nearest(asked, known)
    return f"Nearest: {', '.join(close)}." if close else f"It has: {', '.join(known) or 'none'}."


def _same_card(run: Path, record: dict[str, Any], column: str, card: TokenizerCard) -> None:
    known = next(one for one in record["columns"] if one["name"] == column)
    if card.hash() != known["card_hash"]:
        raise UserError(f"{run}: tokenizer '{card.name}' has changed since this run")


def _precision(record: dict[str, Any]) -> dict[str, Any]:
    """What the run computed features and answers in."""
    hardware, command = record["hardware"], json.dumps(record["command"])
    autocast = hardware["dtype"].startswith("bfloat16")
    gpu = hardware["gpu"] is not None and '"--device", "cpu"' not in command
    return {"precision": "bf16" if autocast else "no", "half": autocast and gpu}
