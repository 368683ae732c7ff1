"""From a column of a run to the model of transformers that gave its answers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvt.config import Recipe
from gvt.errors import UserError, nearest
from gvt.paths import cache_dir
from gvt.resolve import resolve
from leaderboard import schema
from tokenizers_zoo import TokenizerCard

if TYPE_CHECKING:
    from gvt.model.hf import GVTForConditionalGeneration
    from gvt.model.language import LanguageModel


def model_of(
    run: Path,
    column: str | None = None,
    seed: int | None = None,
    include_path: Iterable[Path] = (),
    device: str = "cpu",
) -> GVTForConditionalGeneration:
    """The model behind ``column``, which may be left out where a run has only one tokenizer.

    seed: of its alignment; None: the run's first. Raises UserError where the run has no such
    column, where the cache has lost what was trained, or where its parts have changed since.
    """
    record = schema.read_run(run)
    column = column or _only_column(run, record)
    note = _alignment(run, record, column, seed)
    suite = record["config"]["suite"]
    name = {**suite["tokenizers"], **suite["controls"]}[column]
    card = resolve(name, include_path)
    _same_card(run, record, column, card)
    folder = cache_dir() / "connectors" / note["connector_hash"]
    if not (folder / "connector.safetensors").is_file():
        again = " ".join(record["command"])
        raise UserError(
            f"{run}: the connector of '{column}' is no longer in the cache",
            f"The command that made the run trains it again: {again}",
        )
    from safetensors.torch import load_file

    from gvt.align.tuning import load_encoders, load_language
    from gvt.model.hf import GVTForConditionalGeneration

    llm = _language(run, record, device)
    recipe = Recipe.from_dict(_recipe(record, column))
    trained = load_language(recipe, llm, folder)
    return GVTForConditionalGeneration.assemble(
        card,
        recipe.connector,
        load_file(folder / "connector.safetensors"),
        trained or llm,
        None if trained else suite["llm"],
        trained=load_encoders(recipe, card, llm.device, folder),
        precision=_precision(record),
    )


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


def _language(run: Path, record: dict[str, Any], device: str) -> LanguageModel:
    """The frozen language model of a run, held as the run held it."""
    from gvt.model.language import LanguageModel

    suite = record["config"]["suite"]
    command = " ".join(record["command"]).replace("=", " ")
    on_gpu = record["hardware"]["gpu"] is not None and "--device cpu" not in command
    half = on_gpu and _precision(record) == "bf16"
    chat = suite["apply_chat_template"]
    llm = LanguageModel.load(suite["llm"], device, chat=chat, half=half)
    if llm.hash != record["config"]["llm"]["hash"]:
        raise UserError(f"{run}: language model '{suite['llm']}' has changed since this run")
    return llm


def _precision(record: dict[str, Any]) -> str:
    """What the run computed features in."""
    from gvt.hardware import DTYPES

    return next(name for name, dtype in DTYPES.items() if dtype == record["hardware"]["dtype"])
