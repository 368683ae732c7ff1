"""lm-eval's requests as far as the journal knows: their keys, and the answers under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from gvt.data.prompts import Reference
from gvt.engine.generate import Decoding
from gvt.engine.journal import ANSWERS_VERSION, Answer, Journal, answer_key
from gvt.errors import UserError
from gvt.progress import Counter
from leaderboard.schema import Column, Run

NO_ANSWER = "the journal has no answer to this question"
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


def fingerprint(run: Run, column: Column, seed: int) -> str:
    """Fingerprint of a column of a finished run, from what ``run.json`` tells. Raises UserError."""
    config, name = run["config"], column["name"]
    llm = config.get("llm", {}).get("hash", "")
    if column["kind"] == "ceiling":
        return text_fingerprint(llm)
    for one in run["alignment"]:
        if (one["column"], one["seed"]) == (name, seed):
            return connector_fingerprint(one["connector_hash"], llm)
    if name in config.get("models", {}):
        return answer_key(model=config["models"][name]["hash"])
    raise UserError(
        f"run.json does not tell the hash of model '{name}', so its answers cannot be found in the "
        "journal: the run was made by an earlier version",
        "Repeat the run: what is answered is not computed again, and the hash is kept.",
    )


@dataclass(frozen=True)
class Asked:
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


class JournalLM(LM):
    """Answers requests ``(context, …, {"visual": [reference]})`` of one column and seed.

    It needs no model, so what the journal lacks stays without an answer. ``failed`` maps (task,
    doc_id) to the reason why a sample has none, those in ``lost`` to what is said there;
    ``truncated`` holds those whose answer the token limit cut.
    """

    MULTIMODAL = True

    def __init__(
        self,
        cell: Cell,
        journal: Journal,
        counter: Counter | None = None,
        lost: Mapping[tuple[str, int], str] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.cell, self.journal, self.lost = cell, journal, lost
        self.counter = counter or Counter()
        self.failed: dict[tuple[str, int], str] = {}
        self.truncated: set[tuple[str, int]] = set()

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

    def known(self, requests: list[Instance]) -> list[Answer | None]:
        """What the journal holds of likelihood requests, in their order."""
        asked = [self._asked_likelihood(request) for request in requests]
        return [self.journal.answers.get(item.key) for item in asked]

    def _rows(self, asked: list[Asked]) -> list[Answer | None]:
        known = self.journal.answers
        missing = list({item.key: item for item in asked if item.key not in known}.values())
        self.counter.skip(len(asked) - len(missing))
        if missing:
            self._compute(missing)
        rows = [known.get(item.key) for item in asked]
        for item, row in zip(asked, rows, strict=True):
            if row is None:
                self.failed.setdefault(item.sample, self._reason(item))
            elif row.get("truncated"):
                self.truncated.add(item.sample)
        return rows

    def _compute(self, asked: list[Asked]) -> None:
        """Put into the journal what it lacks."""

    def _reason(self, item: Asked) -> str:
        """Why the journal still lacks it."""
        return self.lost.get(item.sample, NO_ANSWER)

    def _asked_text(self, request: Instance) -> Asked:
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

    def _asked_likelihood(self, request: Instance) -> Asked:
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
    ) -> Asked:
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
        return Asked(key, request.task_name, request.doc_id, context, image, **rest)


def _parts(request: Instance) -> tuple[Any, ...]:
    if len(request.args) != 3 or "visual" not in request.args[-1]:
        raise UserError(f"task '{request.task_name}' has no image")
    return request.args
