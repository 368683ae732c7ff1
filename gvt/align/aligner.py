"""What is trained: the loss of question–answer pairs behind their image's embeddings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from transformers import PreTrainedModel

from gvt.align.tuning import LORA, Encoders, FrozenEncoders
from gvt.align.visuals import Visual
from gvt.model.connector import Connector
from gvt.model.language import LanguageModel
from gvt.model.packing import IGNORE, Packed
from gvt.model.pairing import Paired


class Aligner(nn.Module):
    """The loss of question–answer pairs behind visual embeddings.

    see: where images come as pixels. tuned: the language model is trained as well; what is
    frozen is no submodule, so that no wrapper syncs or saves it.
    """

    def __init__(
        self,
        connector: Connector,
        llm: LanguageModel,
        precision: str,
        see: Encoders | FrozenEncoders | None = None,
        tuned: bool = False,
    ) -> None:
        super().__init__()
        self.connector = connector
        self.encoders = see if isinstance(see, Encoders) else None
        self._see = [see]
        self.language = llm.model if tuned else None
        # Wrappers that share weights out (FSDP) do so by layers of these classes.
        trained = [model for model in self.modules() if isinstance(model, PreTrainedModel)]
        self._no_split_modules = sorted({n for m in trained for n in m._no_split_modules or ()})
        self._llm = llm
        self._read = [llm, llm.model if tuned else llm.in_precision(precision)]

    def frame(self, name: str) -> LanguageModel:
        """The language model in the frame that a stage asks for, which is now in use.

        Raises:
            UserError: it has no chat template.
        """
        self._read[0] = self._llm.framed(name)
        return self._read[0]

    def adapters(self) -> list[nn.Parameter]:
        """The weights that LoRA has added."""
        return [p for name, p in self.language.named_parameters() if LORA in name]

    def forward(self, visual: Visual, texts: Packed | Paired) -> torch.Tensor:
        """The mean over pairs of the mean over an answer's tokens, times the share of the batch."""
        llm, model = self._read
        [see] = self._see
        features = see(visual) if isinstance(visual, tuple) else visual
        prefix = llm.visual_prefix(self.connector(features))
        inputs = texts.inputs(prefix, llm, model.dtype)
        labelled = texts.labels != IGNORE
        with _head_at(model, labelled):
            logits = model(**inputs, use_cache=False).logits[0]
        weights = texts.weights()
        losses = torch.zeros_like(weights)
        losses[labelled] = nn.functional.cross_entropy(
            logits.float(), texts.labels[labelled], reduction="none"
        )
        # Processes are averaged: one with fewer pairs must weigh less.
        return (losses * weights).sum() / weights.sum() * texts.share


@contextmanager
def _head_at(model: nn.Module, places: torch.Tensor) -> Iterator[None]:
    """Within, the head of ``model`` reads the places bool[B, T] only: logits [1, n, vocabulary].

    Few places have a label, and the head of a large vocabulary can cost more than the layers.
    """
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, states: (states[0][places][None],))
    try:
        yield
    finally:
        hook.remove()
