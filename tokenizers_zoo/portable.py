"""Cards as plain values that a saved model keeps, and their weights beside it."""

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from tokenizers_zoo import hub
from tokenizers_zoo.card import (
    BUILTIN_CARDS,
    Architecture,
    Card,
    FeatureSpec,
    ImageSpec,
)
from tokenizers_zoo.derived import Fusion, Selection
from tokenizers_zoo.expression import Kept
from tokenizers_zoo.protocol import TokenizerCard

_SHIPPED = "shipped:"
_HERE = "./"
_PARTS = {"image": ImageSpec, "features": FeatureSpec, "architecture": Architecture}


class Savable(Protocol):
    """A model of transformers."""

    def save_pretrained(self, save_directory: Path) -> None: ...


def to_dict(card: TokenizerCard) -> dict[str, Any]:
    """``card`` as JSON values: a shipped card's place is told relative to the shipped ones."""
    if isinstance(card, Selection):
        return {
            "kind": "selection",
            "base": to_dict(card.base),
            "kept": dataclasses.asdict(card.kept),
            "name": card.name,
            "title": card.title,
        }
    if isinstance(card, Fusion):
        parts = [to_dict(part) for part in card.parts]
        return {"kind": card.kind, "parts": parts, "name": card.name, "title": card.title}
    path, home = card.path.resolve(), BUILTIN_CARDS.resolve()
    shipped = path.is_relative_to(home)
    place = f"{_SHIPPED}{path.relative_to(home).as_posix()}" if shipped else str(path)
    return {"kind": "card", **dataclasses.asdict(card), "path": place}


def from_dict(values: dict[str, Any], folder: Path) -> TokenizerCard:
    """The card that `to_dict` wrote; weights that `with_weights` packed lie in ``folder``."""
    own = dict(values)
    kind = own.pop("kind")
    if kind == "selection":
        kept = Kept(**_tuples(own["kept"]))
        return Selection(from_dict(own["base"], folder), kept, own["name"], own["title"])
    if kind != "card":
        parts = tuple(from_dict(part, folder) for part in own["parts"])
        return Fusion(kind, parts, own["name"], own["title"])
    place = own["path"]
    if place.startswith(_SHIPPED):
        path = BUILTIN_CARDS / place.removeprefix(_SHIPPED)
    else:
        path = folder / place if place.startswith(_HERE) else Path(place)
    parts = {key: make(**_tuples(own[key])) for key, make in _PARTS.items() if own[key]}
    return Card(**_tuples(own) | parts | {"path": path})


def with_weights(
    card: TokenizerCard, folder: Path, below: str, trained: Mapping[Card, Savable] | None = None
) -> dict[str, Any]:
    """As `to_dict`, with the weights of every encoder in ``folder / below``.

    They are copied from where they lie, but for those networks that were ``trained`` since, each
    apart from all others. What came from a hub is a local checkpoint from then on, and has another
    hash. Raises CardError where weights are missing.
    """
    return _Packer(folder, below, trained or {}).packed(to_dict(card), card)


def has_weights(values: dict[str, Any]) -> bool:
    """Whether `with_weights` gave ``values``, so that the weights lie in their own folder."""
    if values["kind"] == "card":
        return values["path"].startswith(_HERE)
    return any(map(has_weights, values.get("parts") or [values["base"]]))


class _Packer:
    def __init__(self, folder: Path, below: str, trained: Mapping[Card, Savable]) -> None:
        self._folder, self._below, self._trained = folder, below, trained
        self._done: dict[Any, str] = {}

    def packed(self, values: dict[str, Any], card: TokenizerCard) -> dict[str, Any]:
        """``values`` of ``card``, which say where its weights are now."""
        if isinstance(card, Selection):
            return values | {"base": self.packed(values["base"], card.base)}
        if isinstance(card, Fusion):
            parts = [self.packed(*pair) for pair in zip(values["parts"], card.parts, strict=True)]
            return values | {"parts": parts}
        if card.checkpoint is None:
            return values
        place = {"path": f"{_HERE}config.json", "checkpoint": f"local:{self._place(card)}"}
        drawn = {"init": "pretrained", "seed": None} if card in self._trained else {}
        return values | place | {"revision": None} | drawn

    def _place(self, card: Card) -> str:
        own = self._trained.get(card)
        # Two layers of one network are one folder, unless each was trained for itself.
        network = card if own else (card.folder or card.checkpoint, card.revision, card.init)
        if network not in self._done:
            self._done[network] = f"{self._below}/{len(self._done)}"
            target = self._folder / self._done[network]
            if own:
                own.save_pretrained(target)
            else:
                _copy(card, target)
        return self._done[network]


def _copy(card: Card, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for file in card.weight_files() or _hub_files(card):
        # A hub's cache holds links; what is copied is what they point to.
        if (target / file.name).resolve() != file.resolve():
            shutil.copyfile(file, target / file.name)


def _hub_files(card: Card) -> list[Path]:
    from tokenizers_zoo.loader import weight_names

    files = [Path(hub.fetch(card, ["config.json"]))]
    if card.init == "pretrained":
        files.append(Path(hub.fetch(card, weight_names(card))))
        if files[-1].suffix == ".json":  # the index of several
            names = set(json.loads(files[-1].read_text())["weight_map"].values())
            files += [Path(hub.fetch(card, [name])) for name in sorted(names)]
    return files


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    """JSON has lists where cards, which are keys of dictionaries, have tuples."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
