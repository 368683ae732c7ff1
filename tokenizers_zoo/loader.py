"""Card → visual tokenizer that is ready to encode."""

import math

import torch

from tokenizers_zoo import fit, hf_vit, hub, timm_vit
from tokenizers_zoo.blind import BlindTokenizer
from tokenizers_zoo.card import Card
from tokenizers_zoo.combining import combine
from tokenizers_zoo.families import families
from tokenizers_zoo.protocol import TokenizerCard, VisualTokenizer, VisualTokens

_TOKENIZERS = {"transformers": hf_vit.HFViT, "timm": timm_vit.TimmViT}
_WEIGHTS = {"transformers": hf_vit.WEIGHTS, "timm": timm_vit.WEIGHTS}
_SHAPES = {"transformers": hf_vit.feature_shape, "timm": timm_vit.feature_shape}


def load_tokenizer(
    card: Card, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> VisualTokenizer:
    """Load the encoder of `card`, frozen, onto `device` in `dtype`.

    Raises CardError (one line) if weights are missing, damaged or of another shape, if the card
    asks for an image size or layer the encoder does not have, or if its library is not installed.
    """
    family = families()[card.family]
    make = _TOKENIZERS[family.loader] if family.model else BlindTokenizer
    return make(card, torch.device(device), dtype)


def fetch_weights(card: Card) -> None:
    """Have the weights of a hub card on this machine, downloaded if need be; others have theirs.

    Raises CardError if the hub has none that are read, or cannot be reached.
    """
    if card.checkpoint and card.folder is None and card.init == "pretrained":
        hub.fetch(card, weight_names(card))


def weight_names(card: Card) -> tuple[str, ...]:
    """Names of the file that holds a hub card's weights, the first that is there is read."""
    return _WEIGHTS[families()[card.family].loader]


def feature_shape(card: TokenizerCard) -> tuple[int, int]:
    """Tokens and width of the features of `card`, whose encoders are not loaded.

    What a card says of its `architecture` is believed: a plan needs no hub. Raises CardError if
    neither it nor the checkpoint's configuration can be read, or if the parts of `card` do not fit.
    """
    if not isinstance(card, Card):
        features = layout(card).features
        return features.shape[1], features.shape[2]
    family = families()[card.family]
    if not family.model:
        return BlindTokenizer.tokens, BlindTokenizer.dim
    return fit.shape(card) or _SHAPES[family.loader](card)


def layout(card: TokenizerCard) -> VisualTokens:
    """Features of one image without values: their shape, grid and prefix; raises as above."""
    if not isinstance(card, Card):
        return combine(card, {one: layout(one) for one in card.encoders})
    tokens, dim = feature_shape(card)
    features = torch.empty(1, tokens, dim, device="meta")
    if card.features is None:
        return VisualTokens(features, BlindTokenizer.grid)
    kept, _ = families()[card.family].kept(card.features.drop)
    side = math.isqrt(tokens - len(kept))
    return VisualTokens(features, (side, side), len(kept))
