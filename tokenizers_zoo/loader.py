"""Card → visual tokenizer that is ready to encode."""

import math

import torch

from tokenizers_zoo.blind import BlindTokenizer
from tokenizers_zoo.card import Card
from tokenizers_zoo.combining import combine
from tokenizers_zoo.families import families
from tokenizers_zoo.hf_vit import HFViT
from tokenizers_zoo.hf_vit import feature_shape as hf_vit_shape
from tokenizers_zoo.protocol import TokenizerCard, VisualTokenizer, VisualTokens


def load_tokenizer(
    card: Card, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> VisualTokenizer:
    """Load the encoder of `card`, frozen, onto `device` in `dtype`.

    Raises CardError (one line) if weights are missing, damaged or of another shape, or if the
    card asks for an image size or layer the encoder does not have.
    """
    make = HFViT if families()[card.family].model else BlindTokenizer
    return make(card, torch.device(device), dtype)


def feature_shape(card: TokenizerCard) -> tuple[int, int]:
    """Tokens and width of the features of `card`, whose encoders are not loaded.

    Raises CardError if a configuration cannot be read, or if the parts of `card` do not fit.
    """
    if not isinstance(card, Card):
        features = combine(card, {one: _blank(one) for one in card.encoders}).features
        return features.shape[1], features.shape[2]
    if families()[card.family].model:
        return hf_vit_shape(card)
    return BlindTokenizer.tokens, BlindTokenizer.dim


def _blank(card: Card) -> VisualTokens:
    """Features of one image, all zeros, in the layout of `card`'s encoder."""
    tokens, dim = feature_shape(card)
    features = torch.zeros(1, tokens, dim)
    if card.features is None:
        return VisualTokens(features, BlindTokenizer.grid)
    counts = families()[card.family].prefix
    prefix = sum(n for kind, n in counts.items() if kind not in card.features.drop)
    side = math.isqrt(tokens - prefix)
    return VisualTokens(features, (side, side), prefix)
