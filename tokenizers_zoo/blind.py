"""The control that never looks: one zero token for any image, so what it scores needs no eyes."""

import torch
from PIL import Image

from tokenizers_zoo.card import Card
from tokenizers_zoo.protocol import VisualTokens


class BlindTokenizer:
    """A VisualTokenizer without network, weights or pixels (see `protocol.py`)."""

    dim = 16
    tokens = 1
    grid = None
    parameters = 0

    def __init__(self, card: Card, device: torch.device, dtype: torch.dtype):
        self.card = card
        self._device, self._dtype = device, dtype

    def preprocess(self, images: list[Image.Image]) -> torch.Tensor:
        """B images, which are not even decoded → zeros float32[B, 3, 1, 1]."""
        return torch.zeros(len(images), 3, 1, 1)

    def encode(self, pixels: torch.Tensor) -> VisualTokens:
        """Anything with B rows → zeros[B, 1, 16], no grid."""
        shape = (len(pixels), self.tokens, self.dim)
        return VisualTokens(torch.zeros(shape, device=self._device, dtype=self._dtype), self.grid)
