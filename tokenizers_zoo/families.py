"""The table of encoder families: what the loaders must know about a model class."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tokenizers_zoo import strict_yaml

# On fields that came after the first caches: such a field counts in a card's hash only where it
# differs from its default, so older hashes stay what they were.
LATER = {"later": True}
# On fields that no feature depends on: they never count.
UNCOUNTED = {"counted": False}


@dataclass(frozen=True)
class Family:
    """One line of `families.yaml`.

    model: class in `transformers` or `timm`; None for the blind control, which has no network.
    norm: name of the final LayerNorm in that class, dotted where it lies deeper.
    prefix: tokens before the patches, kind → how many, in the order the model puts them.
    arguments: arguments of the class (to leave out heads that make no patch features).
    config: values set over the checkpoint's own config.
    shuffles: the model permutes its patches by a `noise` argument (MAE, He et al. 2022, §3).
    loader: library that has the class.
    positions: how the class takes another image size than its checkpoint's: by the argument
        `interpolate_pos_encoding`, or by itself (it interpolates always, or has rotary positions).
    types: what a checkpoint's config.json calls itself to get an automatic card of this family:
        an entry of its `architectures`, or else its `model_type`.
    layer, final_norm: what an automatic card assumes, as multimodal models mostly read this family.
    """

    model: str | None = None
    norm: str = ""
    prefix: dict = field(default_factory=dict)
    arguments: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)
    shuffles: bool = False
    loader: Literal["transformers", "timm"] = field(default="transformers", metadata=LATER)
    positions: Literal["argument", "itself"] = field(default="argument", metadata=LATER)
    types: tuple[str, ...] = field(default=(), metadata=UNCOUNTED)
    layer: int = field(default=-1, metadata=UNCOUNTED)
    final_norm: bool = field(default=True, metadata=UNCOUNTED)

    def kept(self, drop: tuple[str, ...]) -> tuple[list[int], int]:
        """Positions of the prefix tokens that stay, and the position of the first patch."""
        stay, position = [], 0
        for kind, count in self.prefix.items():
            if kind not in drop:
                stay += range(position, position + count)
            position += count
        return stay, position


@functools.cache
def families() -> dict[str, Family]:
    """All families by name. Imports no torch."""
    path = Path(__file__).with_name("families.yaml")
    return strict_yaml.read_table(path, Family, ValueError)
