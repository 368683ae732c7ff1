"""What stands in a prompt in the place of an image: visual embeddings, or the scene in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from gvt.data.prompts import Reference
from gvt.engine.check import check
from gvt.engine.features import Features, FeatureStore
from gvt.model.connector import Connector
from gvt.model.frame import around_image
from gvt.model.language import LanguageModel
from gvt.model.llava import Llava

Ids = tuple[int, ...]


class Reader(Protocol):
    """A language model with something to put in the place of images.

    width: embeddings an image takes, at most.
    """

    llm: LanguageModel
    width: int

    def split(self, context: str) -> tuple[Ids, Ids]:
        """Token ids before and after the image, of a task's prompt. Raises UserError."""
        ...

    def follow(self, context: str, continuation: str) -> Ids:
        """Token ids of an answer as they follow the prompt: encoded with it, then cut off it."""
        ...

    def visual(self, references: Sequence[Reference]) -> list[Tensor | str]:
        """float[N, dim] of every image, or why it has none."""
        ...


class _Framed:
    """The language model's own frame: ``<Img>`` image ``</Img>`` prompt, perhaps in a chat."""

    llm: LanguageModel

    def split(self, context: str) -> tuple[Ids, Ids]:
        before, after = around_image(context)
        return self.llm.head_after(before), (*self.llm.tail, *self.llm.prompt(after))

    def follow(self, context: str, continuation: str) -> Ids:
        _, after = around_image(context)
        return self.llm.follow(after, continuation)


class FeatureReader(_Framed):
    """Cached features through a trained connector; ``place`` is an image's row by its hash."""

    def __init__(
        self,
        llm: LanguageModel,
        features: Features,
        place: Mapping[str, int],
        connector: Connector,
    ) -> None:
        check(llm)
        self.llm, self.width = llm, connector.tokens
        self.features, self.place, self.connector = features, place, connector

    @torch.no_grad()
    def visual(self, references: Sequence[Reference]) -> list[Tensor | str]:
        index = [self.place[reference["sha256"]] for reference in references]
        values = torch.from_numpy(self.features.values[index]).to(self.llm.device)
        found = self.connector(values)
        failed = self.features.failed
        return [failed.get(i, one) for i, one in zip(index, found, strict=True)]


class SceneReader(_Framed):
    """The true scene in words, as the ceiling reads it; ``references`` are all that may come."""

    def __init__(self, llm: LanguageModel, references: Sequence[Reference]) -> None:
        check(llm)
        self.llm = llm
        self.width = max(len(llm.encode(reference["text"])) for reference in references)

    def visual(self, references: Sequence[Reference]) -> list[Tensor | str]:
        return [self.llm.embed_ids(self.llm.encode(one["text"])) for one in references]


def tower_store(llava: Llava) -> FeatureStore:
    """Where the features of a published model's tower are kept, in the precision it computes in."""
    tower = llava.tower
    return FeatureStore(tower.card, llava.device, llava.precision, lambda: tower)


class LlavaReader:
    """A published model: prompts in its chat template, features of its tower by its projector."""

    def __init__(self, llava: Llava, features: Features, place: Mapping[str, int]) -> None:
        check(llava.llm)
        self.llava, self.llm = llava, llava.llm
        self.features, self.place = features, place
        self.width = features.values.shape[1]

    def split(self, context: str) -> tuple[Ids, Ids]:
        return self.llava.split(context)

    def follow(self, context: str, continuation: str) -> Ids:
        return self.llava.follow(context, continuation)

    def visual(self, references: Sequence[Reference]) -> list[Tensor | str]:
        index = [self.place[reference["sha256"]] for reference in references]
        found = self.llava.project(torch.from_numpy(self.features.values[index]))
        return [self.features.failed.get(i, one) for i, one in zip(index, found, strict=True)]
