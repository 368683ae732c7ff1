"""Card → visual tokenizer that is ready to encode."""

import torch

from tokenizers_zoo.blind import BlindTokenizer
from tokenizers_zoo.card import Card
from tokenizers_zoo.families import families
from tokenizers_zoo.hf_vit import HFViT
from tokenizers_zoo.hf_vit import feature_shape as hf_vit_shape
from tokenizers_zoo.protocol import VisualTokenizer


def load_tokenizer(
    card: Card, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> VisualTokenizer:
    """Load the encoder of `card`, frozen, onto `device` in `dtype`.

    Raises CardError (one line) if weights are missing, damaged or of another shape, or if the
    card asks for an image size or layer the encoder does not have.
    """
    make = HFViT if families()[card.family].model else BlindTokenizer
    return make(card, torch.device(device), dtype)


def feature_shape(card: Card) -> tuple[int, int]:
    """Tokens and width of the features of `card`'s encoder, which is not loaded.

    Raises CardError if its configuration cannot be read.
    """
    if families()[card.family].model:
        return hf_vit_shape(card)
    return BlindTokenizer.tokens, BlindTokenizer.dim
