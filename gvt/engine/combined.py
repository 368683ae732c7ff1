"""Features of one column: those of its encoders, each computed once, combined as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import torch

from gvt.engine.features import Features, FeatureStore
from tokenizers_zoo import Card, TokenizerCard, VisualTokenizer, VisualTokens, combine


class CombinedStore:
    """Features of any card: ``stores`` holds one store for each encoder that it reads.

    Pooled and fused features are never stored: all token budgets and fusions of an encoder share
    what one pass over the images has left. Layers of one network are encoded in one pass, those
    of ``beside`` too: the encoders of the other columns of a run.
    """

    def __init__(
        self,
        card: TokenizerCard,
        device: torch.device,
        precision: str,
        beside: Iterable[Card] = (),
    ) -> None:
        self.card, self.device, self.precision = card, device, precision
        all_encoders = tuple(dict.fromkeys([*card.encoders, *beside]))
        self.stores = [
            FeatureStore(encoder, device, precision, beside=all_encoders)
            for encoder in card.encoders
        ]

    def tuned(self, training: str, load: Callable[[], list[VisualTokenizer]]) -> CombinedStore:
        """The store of the card after the training of this hash; ``load`` gives its encoders."""
        made = CombinedStore(self.card, self.device, self.precision)
        loaded = cache(load)
        made.stores = [
            FeatureStore(one, self.device, self.precision, lambda i=i: loaded()[i], tuned=training)
            for i, one in enumerate(self.card.encoders)
        ]
        return made

    def join(self, found: Sequence[Features]) -> Features:
        """Features of the card out of those of every store, which are of the same images.

        Raises CardError where they do not fit together.
        """
        if self.card.encoders == (self.card,):
            return found[0]
        values = CombinedRows(self.card, found)
        failed: dict[int, str] = {}
        for features in found:
            failed = {**features.failed, **failed}
        costs = [features.gflops for features in found]
        return Features(
            values,
            values.grid,
            values.prefix,
            dict(sorted(failed.items())),
            None if None in costs else sum(costs),
        )


class CombinedRows:
    """Features float[n, N, D] of n images, made of those of the encoders when asked for.

    What is only joined keeps the precision it is stored in; what is averaged is float32.
    """

    def __init__(self, card: TokenizerCard, parts: Sequence[Features]) -> None:
        self._card, self._parts = card, parts
        layout = self._combine([part.values[[]] for part in parts])
        self.grid, self.prefix = layout.grid, layout.prefix
        self.shape = (len(parts[0].values), *layout.features.shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Sequence[int] | np.ndarray | slice) -> np.ndarray:
        """float[k, N, D] of k images."""
        return self._combine([part.values[index] for part in self._parts]).features.numpy()

    def _combine(self, values: Sequence[np.ndarray]) -> VisualTokens:
        encoded = {
            encoder: VisualTokens(torch.from_numpy(own), part.grid, part.prefix)
            for encoder, own, part in zip(self._card.encoders, values, self._parts, strict=True)
        }
        return combine(self._card, encoded)
