"""Compare visual tokenizers in front of one frozen language model."""

__version__ = "0.1.0.dev0"
