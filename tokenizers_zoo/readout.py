"""What a card reads of its encoder's forward pass; several cards may read one pass."""

from typing import NamedTuple

import torch

from tokenizers_zoo import fit
from tokenizers_zoo.card import Card
from tokenizers_zoo.families import families


class Readout(NamedTuple):
    """What becomes of the hidden states.

    layer: hidden state, counted from 0. norm: what is applied to it.
    kept: positions of the prefix tokens that stay. patches: position of the first patch.
    """

    layer: int
    norm: torch.nn.Module
    kept: list[int]
    patches: int


def readout(card: Card, layer: int, model: torch.nn.Module) -> Readout:
    """Hidden state `layer` of `model` with the norm and tokens of `card`.

    Raises CardError if the card wants a norm that the model has not.
    """
    family, norm = families()[card.family], torch.nn.Identity()
    if card.features.final_norm:
        norm = fit.final_norm(card, model, family.norm)
    return Readout(layer, norm, *family.kept(card.features.drop))
