"""Our model as lm-eval sees it: a request is answered from the journal or computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from gvt.data.prompts import Reference
from gvt.engine.batching import MAX_ROWS, Group, Job, batches, group, halving, token_budget
from gvt.engine.features import share_of
from gvt.engine.generate import Decoding, generate
from gvt.engine.journal import ANSWERS_VERSION, Answer, Journal, answer_key
from gvt.engine.readers import Reader
from gvt.engine.score import score
from gvt.errors import UserError
from gvt.progress import Counter

_DEFAULT_LIMIT = 256  # lm-eval's own
_LIMITS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_KNOWN = {*_LIMITS, "until", "do_sample", "num_beams", "length_penalty", "temperature", "top_p"}


@dataclass(frozen=True)
class Cell:
    """The column and seed a model answers for, and the fingerprint of all it consists of."""

    column: str
    seed: int
    fingerprint: str

    def name(self, task: str) -> str:
        """Its name in ``run.json``, for one task."""
        return f"{self.column}/seed{self.seed}/{task}"


def connector_fingerprint(connector: str, llm: str) -> str:
    """Fingerprint of a language model behind a connector, from the hashes of both."""
    return answer_key(connector=connector, llm=llm)


def text_fingerprint(llm: str) -> str:
    """Fingerprint of a language model that reads the scene in words."""
    return answer_key(text=True, llm=llm)


@dataclass(frozen=True)
class _Asked:
    key: str
    task: str
    doc_id: int
    prompt: str
    image: Reference
    decoding: Decoding | None = None
    continuation: str = ""

    @property
    def sample(self) -> tuple[str, int]:
        return self.task, self.doc_id


class ImageLM(LM):
    """Answers requests ``(context, …, {"visual": [reference]})`` for one column and seed.

    ``failed`` maps (task, doc_id) to the reason why a sample has no answer; ``truncated`` holds
    those whose answer the token limit cut.
    """

    MULTIMODAL = True

    def __init__(
        self,
        reader: Reader,
        cell: Cell,
        journal: Journal,
        batch_size: int | None = None,
        counter: Counter | None = None,
        accelerator: Accelerator | None = None,
    ) -> None:
        super().__init__()
        self.reader, self.cell, self.journal = reader, cell, journal
        self.accelerator = accelerator
        self.rows = batch_size or MAX_ROWS
        self.counter = counter or Counter()
        self.failed: dict[tuple[str, int], str] = {}
        self.truncated: set[tuple[str, int]] = set()
        self._new: list[Answer] = []
        self._reasons: dict[str, str] = {}

    def generate_until(self, requests: list[Instance], **_: Any) -> list[str]:
        """One answer per request, in their order; a failed one is empty and noted."""
        rows = self._rows([self._asked_text(request) for request in requests])
        return [row["answer"] if row else "" for row in rows]

    def loglikelihood(self, requests: list[Instance], **_: Any) -> list[tuple[float, bool]]:
        """Log-probability of every continuation behind its image, and whether it is greedy.

        That of a failed image is minus infinity.
        """
        rows = self._rows([self._asked_likelihood(request) for request in requests])
        return [(row["logprob"], row["greedy"]) if row else (-float("inf"), False) for row in rows]

    def loglikelihood_rolling(self, requests: list[Instance], **_: Any) -> list[float]:
        """Not offered: perplexity has no image. Raises UserError naming the task."""
        raise UserError(f"task '{requests[0].task_name}' asks for perplexity, which has no image")

    def _rows(self, asked: list[_Asked]) -> list[Answer | None]:
        known = self.journal.answers
        missing = list({item.key: item for item in asked if item.key not in known}.values())
        self.counter.skip(len(asked) - len(missing))
        if missing:
            self._compute(missing)
            self._exchange()
        rows = [known.get(item.key) for item in asked]
        for item, row in zip(asked, rows, strict=True):
            if row is None:
                self.failed.setdefault(item.sample, self._reasons.get(item.key, "never answered"))
            elif row.get("truncated"):
                self.truncated.add(item.sample)
        return rows

    def _asked_text(self, request: Instance) -> _Asked:
        context, options, media = _parts(request)
        unknown = sorted(options.keys() - _KNOWN)
        if unknown:
            raise UserError(f"task '{request.task_name}': {', '.join(unknown)} cannot be followed")
        if options.get("do_sample"):
            raise UserError(f"task '{request.task_name}' wants sampling; only greedy and beams")
        until = options.get("until") or ()
        decoding = Decoding(
            limit=next((int(options[n]) for n in _LIMITS if options.get(n)), _DEFAULT_LIMIT),
            until=(until,) if isinstance(until, str) else tuple(until),
            beams=int(options.get("num_beams") or 1),
            length_penalty=float(options.get("length_penalty", 1.0)),
        )
        extra = {"limit": decoding.limit, "until": decoding.until}
        if decoding.beams > 1:
            extra |= {"beams": decoding.beams, "length_penalty": decoding.length_penalty}
        return self._asked(request, context, media, extra, decoding=decoding)

    def _asked_likelihood(self, request: Instance) -> _Asked:
        context, continuation, media = _parts(request)
        if not continuation:
            raise UserError(f"task '{request.task_name}': an empty answer cannot be scored")
        # As lm-eval does: spaces belong to what follows them.
        stripped = context.rstrip()
        context, continuation = stripped, context[len(stripped) :] + continuation
        extra = {"continuation": continuation}
        return self._asked(request, context, media, extra, continuation=continuation)

    def _asked(
        self, request: Instance, context: str, media: dict, extra: dict, **rest: Any
    ) -> _Asked:
        if len(media["visual"]) != 1:
            raise UserError(
                f"task '{request.task_name}': {len(media['visual'])} images in a question; one only"
            )
        (image,) = media["visual"]
        key = answer_key(
            model=self.cell.fingerprint,
            task=request.task_name,
            doc=request.doc_id,
            prompt=context,
            image=image["sha256"],
            version=ANSWERS_VERSION,
            **extra,
        )
        return _Asked(key, request.task_name, request.doc_id, context, image, **rest)

    def _compute(self, asked: list[_Asked]) -> None:
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
        self, batch: list[Group], asked: list[_Asked], images: dict[str, Reference]
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

    def _fail(self, one: Group, asked: list[_Asked], reason: str) -> None:
        for job in one.jobs:
            item = asked[job.number]
            self._reasons[item.key] = f"{item.image['path']}: {reason}"

    def _answer(
        self, groups: list[Group], asked: list[_Asked], visual: dict[str, torch.Tensor]
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

    def _ids(self, item: _Asked) -> tuple[int, ...]:
        return self.reader.follow(item.prompt, item.continuation)


def _parts(request: Instance) -> tuple[Any, ...]:
    if len(request.args) != 3 or "visual" not in request.args[-1]:
        raise UserError(f"task '{request.task_name}' has no image")
    return request.args
