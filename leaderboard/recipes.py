"""Which tokenizers were aligned by which recipe: unequal training is no property of a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .text import join, printable, shorten

if TYPE_CHECKING:
    from .results import Results

_NAME = 60  # characters of a recipe's name that are shown
_PARTS = {"tokenizer": "the tokenizer", "llm": "the language model", "lora": "LoRA adapters"}


@dataclass
class Training:
    """A recipe and the tokenizers, by name, that were aligned by it."""

    name: str
    parts: list[str]  # what it trains beside the connector, in words
    columns: list[str] = field(default_factory=list)

    @property
    def more(self) -> str:
        """`` (which trains the tokenizer too)``; empty where the connector alone is trained."""
        return f" (which trains {join(self.parts)} too)" if self.parts else ""


def trainings(results: Results) -> list[Training]:
    """Every recipe of the tokenizers, most columns first; models that came whole have none."""
    found: list[tuple[dict[str, Any], Training]] = []
    aligned = {entry["column"] for entry in results.run["alignment"]}
    for column in results.columns("tokenizer"):
        name = column["name"]
        source = next((one for one in results.sources if name in one.columns), None)
        if source is None or name not in aligned:
            continue
        recipe = source.recipe_of(source.columns[name])
        training = next((training for own, training in found if own == recipe), None)
        if training is None:
            called = printable(shorten(source.recipe_name_of(source.columns[name]), _NAME))
            training = Training(" ".join(called.split()), _trained(recipe))
            found.append((recipe, training))
        training.columns.append(name)
    return sorted((training for _, training in found), key=lambda one: -len(one.columns))


def note(names: Sequence[str], results: Results) -> str:
    """Where some tokenizers were trained otherwise than those named, that this may be why."""
    found = trainings(results)
    own = [one for one in found if set(one.columns) & set(names)]
    if len(found) < 2 or not own:
        return ""
    if len(own) > 1:
        return " Not all of these were aligned by one recipe."
    others = sum(len(one.columns) for one in found) - len(own[0].columns)
    who = "It was" if len(names) == 1 else "Each was"
    rest = "one other was" if others == 1 else f"{others} others were"
    return f" {who} aligned by {own[0].name}{own[0].more}; {rest} not."


def _trained(recipe: dict[str, Any]) -> list[str]:
    stages = recipe.get("stages")
    told = (
        [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    )
    lists = [own for stage in told if isinstance(own := stage.get("trains"), list)]
    return [words for part, words in _PARTS.items() if any(part in own for own in lists)]
