"""Public names of the tokenizer zoo, imported on first use: listing cards needs no torch."""

import importlib

_HOME = {
    "BUILTIN_CARDS": "card",
    "Card": "card",
    "CardError": "card",
    "column_name": "expression",
    "combine": "combining",
    "feature_shape": "loader",
    "fetch_weights": "loader",
    "find_cards": "card",
    "layout": "loader",
    "load_tokenizer": "loader",
    "TokenizerCard": "protocol",
    "VisualTokenizer": "protocol",
    "VisualTokens": "protocol",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'tokenizers_zoo' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tokenizers_zoo.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
