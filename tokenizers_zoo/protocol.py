"""The seams between encoders and everything behind them: tokenizers, and what describes them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from PIL import Image

    from tokenizers_zoo.card import Card


@dataclass(frozen=True)
class VisualTokens:
    """What an encoder says about a batch of images: one sequence per image.

    features: float[B, N, D].
    grid: (h, w) of the patches, row by row from the top left; None if the tokens form no grid.
    prefix: tokens before the patches that the card keeps (CLS, …); N = prefix + h·w with a grid.

    Encoders with several grids will add a field with a default; `features` stays one sequence.
    """

    features: "torch.Tensor"
    grid: tuple[int, int] | None
    prefix: int = 0


class TokenizerCard(Protocol):
    """What one column reads: the card of an encoder, or something derived from such cards.

    name: for people and files' notes; equal names have equal hashes.
    parameters: of all encoders. encoders: the cards whose features are computed and kept;
    `combining.combine` makes this tokenizer's features of theirs.
    """

    @property
    def name(self) -> str: ...

    @property
    def title(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def parameters(self) -> int: ...

    @property
    def licence(self) -> str: ...

    @property
    def source(self) -> str: ...

    @property
    def citation(self) -> str: ...

    @property
    def encoders(self) -> "tuple[Card, ...]": ...

    def hash(self) -> str:
        """sha256 (hex) of everything that affects features, and of nothing else."""
        ...


@runtime_checkable
class VisualTokenizer(Protocol):
    """Images in, patch features out; frozen.

    card: what it was made from. dim: D. tokens: N. grid: as in VisualTokens.
    parameters: of the encoder, counted.
    """

    card: "Card"
    dim: int
    tokens: int
    grid: tuple[int, int] | None
    parameters: int

    def preprocess(self, images: "list[Image.Image]") -> "torch.Tensor":
        """B images of any size and mode → float32[B, 3, H, W] on the CPU."""
        ...

    def encode(self, pixels: "torch.Tensor") -> VisualTokens:
        """float[B, 3, H, W] from `preprocess`, on any device → features without gradient."""
        ...


class LayeredTokenizer(VisualTokenizer, Protocol):
    """A tokenizer with a network, whose layers can be read together."""

    def encode_each(self, pixels: "torch.Tensor", cards: "Sequence[Card]") -> list[VisualTokens]:
        """What `encode` gives for each of `cards`, out of one forward pass.

        cards: of this encoder, equal in `Card.pass_hash`. Raises CardError for a layer it lacks.
        """
        ...
