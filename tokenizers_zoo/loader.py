"""Card → visual tokenizer that is ready to encode."""

import torch

from tokenizers_zoo import fit, hf_vit, timm_vit
from tokenizers_zoo.blind import BlindTokenizer
from tokenizers_zoo.card import Card
from tokenizers_zoo.families import families
from tokenizers_zoo.protocol import VisualTokenizer

_TOKENIZERS = {"transformers": hf_vit.HFViT, "timm": timm_vit.TimmViT}
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


def feature_shape(card: Card) -> tuple[int, int]:
    """Tokens and width of the features of `card`'s encoder, which is not loaded.

    What the card says of its `architecture` is believed: a plan needs no hub. Raises CardError if
    neither it nor the checkpoint's configuration can be read.
    """
    family = families()[card.family]
    if not family.model:
        return BlindTokenizer.tokens, BlindTokenizer.dim
    return fit.shape(card) or _SHAPES[family.loader](card)
