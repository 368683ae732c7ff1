"""The table of encoder families: what the one loader must know about a Hugging Face model class."""

import functools
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers_zoo import strict_yaml


@dataclass(frozen=True)
class Family:
    """One line of `families.yaml`.

    model: class in `transformers`; None for the blind control, which has no network.
    norm: name of the final LayerNorm in that class.
    prefix: tokens before the patches, kind → how many, in the order the model puts them.
    arguments: arguments of the class (to leave out heads that make no patch features).
    config: values set over the checkpoint's own config.
    shuffles: the model permutes its patches by a `noise` argument (MAE, He et al. 2022, §3).
    """

    model: str | None = None
    norm: str = ""
    prefix: dict = field(default_factory=dict)
    arguments: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)
    shuffles: bool = False


@functools.cache
def families() -> dict[str, Family]:
    """All families by name. Imports no torch."""
    path = Path(__file__).with_name("families.yaml")
    return strict_yaml.read_table(path, Family, ValueError)
