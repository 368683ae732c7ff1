"""Our model as lm-eval sees it: what the journal does not know is computed."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from gvt.data.prompts import Reference
from gvt.engine.batching import MAX_ROWS, Group, Job, batches, group, halving, token_budget
from gvt.engine.features import share_of
from gvt.engine.generate import generate
from gvt.engine.journal import Answer, Journal
from gvt.engine.readers import Reader
from gvt.engine.replay import Asked, Cell, JournalLM
from gvt.engine.score import score
from gvt.errors import UserError
from gvt.progress import Counter


class ImageLM(JournalLM):
    """Answers requests of one column and seed by ``reader``, unless the journal knows them."""

    def __init__(
        self,
        reader: Reader,
        cell: Cell,
        journal: Journal,
        batch_size: int | None = None,
        counter: Counter | None = None,
        accelerator: Accelerator | None = None,
    ) -> None:
        super().__init__(cell, journal, counter)
        self.reader, self.accelerator = reader, accelerator
        self.rows = batch_size or MAX_ROWS
        self._new: list[Answer] = []
        self._reasons: dict[str, str] = {}

    def _compute(self, asked: list[Asked]) -> None:
        """Answer what the journal lacks, batch by batch, each written as it is done."""
        jobs, images = [], {}
        for number, item in enumerate(asked):
            before, after = self.reader.split(item.prompt)
            if not after:
                raise UserError(f"task '{item.task}': a prompt with nothing after its image")
            reserve = item.decoding.limit if item.decoding else len(self._ids(item))
            if not reserve:
                raise UserError(f"task '{item.task}': {item.continuation!r} has no tokens to score")
            beams = item.decoding.beams if item.decoding else 1
            images[item.image["sha256"]] = item.image
            alone = self.reader.llm.seq2seq
            need = len(before) + self.reader.width + len(after) + reserve
            self.reader.llm.need_room(need, f"a question of task '{item.task}' with its image")
            jobs.append(Job(number, item.image["sha256"], before, after, reserve, beams, alone))
        rank, world = self._place()
        # By content: what each process knows from journals may differ.
        share = [one for one in group(jobs) if share_of(one.image, world) == rank]
        budget = token_budget(self.reader.llm)
        for batch in batches(share, self.reader.width, budget, self.rows):
            self._compute_batch(batch, asked, images)
            self.counter.advance(world * sum(len(one.jobs) for one in batch))
        self._exchange()

    def _reason(self, item: Asked) -> str:
        return self._reasons.get(item.key, "never answered")

    def _place(self) -> tuple[int, int]:
        if self.accelerator is None:
            return 0, 1
        return self.accelerator.process_index, self.accelerator.num_processes

    def _exchange(self) -> None:
        """Every process learns what the others answered and what failed them."""
        if self._place()[1] > 1:
            for rows, reasons in gather_object([(self._new, self._reasons)]):
                self.journal.know(rows)
                self._reasons |= reasons
        self._new = []

    def _compute_batch(
        self, batch: list[Group], asked: list[Asked], images: dict[str, Reference]
    ) -> None:
        references = [images[one.image] for one in batch]
        visual = dict(
            zip((one.image for one in batch), self.reader.visual(references), strict=True)
        )
        usable = []
        for one in batch:
            if isinstance(visual[one.image], str):
                self._fail(one, asked, visual[one.image])
            else:
                usable.append(one)
        if not usable:
            return
        for part, rows in halving(usable, lambda part: self._answer(part, asked, visual)):
            if isinstance(rows, str):
                for one in part:
                    self._fail(one, asked, rows)
            else:
                self.journal.append(rows)
                self._new += rows

    def _fail(self, one: Group, asked: list[Asked], reason: str) -> None:
        for job in one.jobs:
            item = asked[job.number]
            self._reasons[item.key] = f"{item.image['path']}: {reason}"

    def _answer(
        self, groups: list[Group], asked: list[Asked], visual: dict[str, torch.Tensor]
    ) -> list[Answer]:
        llm = self.reader.llm
        prefixes = [
            torch.cat(
                [
                    llm.embed_ids(one.before),
                    visual[one.image].to(llm.model.dtype),
                    llm.embed_ids(one.shared),
                ]
            )
            for one in groups
        ]
        pairs = [(owner, job) for owner, one in enumerate(groups) for job in one.jobs]
        owners = [owner for owner, _ in pairs]
        items = [asked[job.number] for _, job in pairs]
        prompts = [job.after[len(groups[owner].shared) :] for owner, job in pairs]
        if items[0].decoding is not None:
            found = generate(llm, prefixes, owners, prompts, [item.decoding for item in items])
            values = [{"answer": one.text, "truncated": one.truncated} for one in found]
        else:
            wanted = [self._ids(item) for item in items]
            scored = score(llm, prefixes, owners, prompts, wanted)
            values = [{"logprob": one.logprob, "greedy": one.greedy} for one in scored]
        return [
            Answer(
                key=item.key,
                column=self.cell.column,
                seed=self.cell.seed,
                task=item.task,
                doc_id=item.doc_id,
                **value,
            )
            for item, value in zip(items, values, strict=True)
        ]

    def _ids(self, item: Asked) -> tuple[int, ...]:
        return self.reader.follow(item.prompt, item.continuation)
