"""Our model as lm-eval sees it: a request is answered from the journal or by generating."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from gvt.engine.generate import generate
from gvt.engine.journal import Answer, Journal, answer_key
from gvt.errors import UserError
from gvt.model.language import LanguageModel

Reference = dict[str, str]
"""What a task's ``doc_to_image`` gives: ``path``, ``sha256`` and perhaps the scene's ``text``."""

PrefixOf = Callable[[Sequence[Reference]], list[torch.Tensor | str]]
"""Prefix embeddings float[P, dim] of images, or why an image has none."""

BATCH_SIZE = 128
"""Questions answered at once, where the user says nothing."""


@dataclass(frozen=True)
class Cell:
    """The column and seed a model answers for, and the fingerprint of all it consists of."""

    column: str
    seed: int
    fingerprint: str


@dataclass(frozen=True)
class _Asked:
    key: str
    task: str
    doc_id: int
    prompt: str
    image: Reference
    limit: int
    until: tuple[str, ...] = field(default=())


class ImageLM(LM):
    """Answers requests ``(context, gen_kwargs, {"visual": [reference]})`` for one column and seed.

    ``failed`` maps (task, doc_id) to the reason why a sample has no answer; ``truncated`` holds
    those whose answer the token limit cut.
    """

    MULTIMODAL = True

    def __init__(
        self,
        llm: LanguageModel,
        prefix_of: PrefixOf,
        cell: Cell,
        journal: Journal,
        batch_size: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        super().__init__()
        self.llm, self.prefix_of, self.cell, self.journal = llm, prefix_of, cell, journal
        self.batch_size = batch_size or BATCH_SIZE
        self.progress = progress
        self.failed: dict[tuple[str, int], str] = {}
        self.truncated: set[tuple[str, int]] = set()
        self.computed = 0

    def generate_until(self, requests: list[Instance], **_: Any) -> list[str]:
        """One answer per request, in their order; a failed one is empty and noted."""
        asked = [self._asked(request) for request in requests]
        known = self.journal.answers
        missing = [item for item in asked if item.key not in known]
        self.progress(len(asked) - len(missing))
        for batch in self._batches(missing):
            self._answer(batch)
            self.progress(len(batch))
        answers = []
        for item in asked:
            row = known.get(item.key)
            if row is not None and row["truncated"]:
                self.truncated.add((item.task, item.doc_id))
            answers.append(row["answer"] if row is not None else "")
        return answers

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        """Not offered yet. Raises UserError naming the task."""
        raise UserError(f"task '{requests[0].task_name}' asks for log-likelihoods; only generation")

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        """Not offered: perplexity has no image. Raises UserError naming the task."""
        raise UserError(f"task '{requests[0].task_name}' asks for perplexity; only generation")

    def _asked(self, request: Instance) -> _Asked:
        context, options, media = request.args
        if options.get("do_sample") or options.get("num_beams", 1) != 1:
            raise UserError(f"task '{request.task_name}' wants sampling or beams; only greedy")
        (image,) = media["visual"]
        limit = int(options.get("max_gen_toks", 32))
        until = options.get("until") or ()
        until = (until,) if isinstance(until, str) else tuple(until)
        key = answer_key(
            model=self.cell.fingerprint,
            task=request.task_name,
            doc=request.doc_id,
            prompt=context,
            image=image["sha256"],
            limit=limit,
            until=until,
        )
        return _Asked(key, request.task_name, request.doc_id, context, image, limit, until)

    def _batches(self, asked: list[_Asked]) -> Iterator[list[_Asked]]:
        """Equal token limits together, all questions of an image side by side."""
        ordered = sorted(asked, key=lambda item: (item.limit, item.image["sha256"]))
        start = 0
        while start < len(ordered):
            end = start + 1
            while (
                end < len(ordered)
                and end - start < self.batch_size
                and ordered[end].limit == ordered[start].limit
            ):
                end += 1
            yield ordered[start:end]
            start = end

    def _answer(self, batch: list[_Asked]) -> None:
        images = {item.image["sha256"]: item.image for item in batch}
        prefixes = dict(zip(images, self.prefix_of(list(images.values())), strict=True))
        usable = {name: p for name, p in prefixes.items() if not isinstance(p, str)}
        for item in batch:
            if item.image["sha256"] not in usable:
                reason = f"{item.image['path']}: {prefixes[item.image['sha256']]}"
                self.failed[item.task, item.doc_id] = reason
        todo = [item for item in batch if item.image["sha256"] in usable]
        if not todo:
            return
        order = {name: number for number, name in enumerate(usable)}
        found = generate(
            self.llm,
            list(usable.values()),
            [order[item.image["sha256"]] for item in todo],
            [self.llm.encode(item.prompt) for item in todo],
            todo[0].limit,
        )
        rows = []
        for item, generation in zip(todo, found, strict=True):
            text, cut = generation.text, False
            for stop in item.until:
                text, stopped, _ = text.partition(stop)
                cut = cut or bool(stopped)
            rows.append(
                Answer(
                    key=item.key,
                    column=self.cell.column,
                    seed=self.cell.seed,
                    task=item.task,
                    doc_id=item.doc_id,
                    answer=text.strip(),
                    truncated=generation.truncated and not cut,
                )
            )
        self.computed += len(rows)
        self.journal.append(rows)
