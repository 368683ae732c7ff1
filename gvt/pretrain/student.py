"""Which encoder learns from a teacher, and the card of what it has become."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import yaml

from gvt.errors import UserError
from gvt.resolve import resolve_all
from tokenizers_zoo import Card, TokenizerCard, column_name
from tokenizers_zoo.card import ImageSpec
from tokenizers_zoo.families import families
from tokenizers_zoo.hf_vit import HFViT
from tokenizers_zoo.objectives.distill import CITATION

RANDOM = "random"
"""The student that starts from nothing: the mini ViT, or another card's architecture."""
_MINI = "mini-random"
# Of the share of an image that a card's crop leaves: whole pixels do not divide evenly.
_TOLERANCE = 0.02


def student_card(
    name: str,
    teacher: TokenizerCard,
    *,
    architecture: str | None = None,
    seed: int = 0,
    include_path: Iterable[Path] = (),
) -> Card:
    """The card of the encoder to be trained: ``random``, or whatever names one encoder.

    One that is drawn at random has the architecture of the card ``architecture`` (the mini ViT),
    sees images as the teacher does, at its own size, and is read after its last layer and norm.

    Raises:
        UserError: no such card; no single encoder; none that transformers trains.
    """
    if architecture and name != RANDOM:
        raise UserError(f"--student_config goes with --student {RANDOM}, not with '{name}'")
    asked = (architecture or _MINI) if name == RANDOM else name
    card = resolve_all({asked: asked}, include_path, also=(RANDOM,))[asked]
    if not isinstance(card, Card):
        raise UserError(f"student '{asked}': is not one encoder with settings of its own")
    family = families()[card.family]
    if not family.model:
        raise UserError(f"student '{asked}': has no network to train")
    if family.loader != "transformers":
        raise UserError(
            f"student '{asked}': is loaded by {family.loader}; only transformers' train"
        )
    if name != RANDOM:
        return card
    shown = teacher.encoders[0].image or card.image
    return dataclasses.replace(
        card,
        name=RANDOM if architecture is None else f"{RANDOM} {card.name}",
        init="random",
        seed=seed,
        image=shown.at(card.image.size),
        features=dataclasses.replace(card.features, layer=-1, final_norm=True),
    )


def check_views(student: Card, teacher: TokenizerCard, square: bool) -> None:
    """Refuse a student whose patches show other places of an image than the teacher's.

    square: all images are, so that cropping and stretching them are one.

    Raises:
        UserError: it sees another part.
    """
    for encoder in teacher.encoders:
        one, other = student.image, encoder.image
        if abs(_zoom(one) - _zoom(other)) > _TOLERANCE or (
            one.resize != other.resize and not square
        ):
            raise UserError(
                f"student '{student.name}' sees an image by {_view(one)}, teacher '{encoder.name}' "
                f"by {_view(other)}: their patches show different places",
                "Give the student's card the teacher's image.resize and image.resize_to.",
            )


def _zoom(spec: ImageSpec) -> float:
    return (spec.resize_to or spec.size) / spec.size


def _view(spec: ImageSpec) -> str:
    return f"{spec.resize} ({spec.size} of {spec.resize_to or spec.size} pixels)"


def card_path(folder: Path) -> Path:
    """Where the card of the checkpoint in ``folder`` lies: it is called as the folder is."""
    return folder / f"{column_name(folder.resolve().name)}.yaml"


def write_card(folder: Path, student: HFViT, about: str, licence: str) -> None:
    """Write the card of the checkpoint in ``folder``.

    It says what ``student``'s card says of pixels, layer and tokens. about: how it was made.
    """
    card, config = student.card, student.model.config
    path = card_path(folder)
    content = {
        "name": path.stem,
        "title": path.stem,
        "description": about,
        "family": card.family,
        "checkpoint": "local:.",
        "parameters": student.parameters,
        "licence": licence,
        "source": "trained by gvt distill; provenance.json beside this card says how",
        "citation": CITATION,
        "architecture": {
            "width": student.dim,
            "depth": config.num_hidden_layers,
            "patch": _edge(config.patch_size),
            "native": _edge(config.image_size),
        },
        "image": _written(card.image),
        "features": _written(card.features),
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=96)
    path.write_text(f"# Tokenizer card of what gvt distill trained.\n{text}", encoding="utf-8")


def _written(spec: object) -> dict:
    """The keys of a part of a card that differ from their defaults, as YAML writes them."""
    values = {f.name: (getattr(spec, f.name), f.default) for f in dataclasses.fields(spec)}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, (value, default) in values.items()
        if value != default
    }


def _edge(value: int | list[int]) -> int:
    return value if isinstance(value, int) else value[0]
