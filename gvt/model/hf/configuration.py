"""What a model folder says of its parts: tokenizer, connector and language model."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig


class GVTConfig(PreTrainedConfig):
    """Where tokenizer and language model lie, and the shape of the connector between them.

    tokenizer: the card (``tokenizers_zoo.portable``); tokenizer_hash: its hash.
    connector, shape: fields of ``gvt.config.Connector`` and of ``ConnectorShape``.
    llm: ``name`` as ``gvt run --llm`` takes it, ``chat``, ``half`` (held in bfloat16), ``hash``.
    precision: the run's, ``no`` (features are float32), ``bf16`` or ``fp16``.

    A place that starts with ``./`` lies in the folder itself: so does whatever was trained.
    """

    model_type = "gvt"

    def __init__(
        self,
        tokenizer: dict[str, Any] | None = None,
        tokenizer_hash: str = "",
        connector: dict[str, Any] | None = None,
        shape: dict[str, Any] | None = None,
        llm: dict[str, Any] | None = None,
        precision: str = "no",
        **kwargs: Any,
    ) -> None:
        self.tokenizer, self.tokenizer_hash = tokenizer or {}, tokenizer_hash
        self.connector, self.shape, self.llm = connector or {}, shape or {}, llm or {}
        self.precision = precision
        super().__init__(**kwargs)
