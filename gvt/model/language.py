"""The frozen language model: any LM of transformers, read and prompted through one frame."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gvt.errors import UserError
from gvt.model.frame import PLAIN, Turn, frame_label
from gvt.model.load import load
from gvt.model.prompts import Prompts

_SCALED = 32_768  # embeddings that are looked at to learn their scale


class LanguageModel(Prompts):
    """A frozen ``AutoModelForCausalLM`` or ``AutoModelForSeq2SeqLM`` with its tokenizer."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Any,
        name: str,
        device: torch.device,
        turn: Turn = PLAIN,
    ) -> None:
        end = tokenizer.eos_token_id
        eos = int(end if end is not None else model.config.eos_token_id)
        super().__init__(tokenizer, turn, eos, seq2seq=model.config.is_encoder_decoder)
        self.name, self.device = name, device
        self.model = model.eval().requires_grad_(False)
        self._half: torch.nn.Module | None = None
        # What ends an answer of its own: in a chat perhaps another token than a text's.
        ending = self.encode(turn.ending)
        self._end = ending[0] if ending else self.eos
        self.ends = self._ends() | {self._end}

    @classmethod
    def load(
        cls,
        name: str,
        device: torch.device | str = "cpu",
        *,
        chat: bool = False,
        half: bool = False,
    ) -> LanguageModel:
        """A shipped model by name, a folder, a GGUF file or a hub id (see ``load.py``).

        chat: prompts go through its chat template. half: held in bfloat16. Raises UserError.
        """
        device = torch.device(device)
        model, tokenizer = load(name, device, torch.bfloat16 if half else torch.float32)
        turn = Turn.of(tokenizer, name) if chat else PLAIN
        return cls(model, tokenizer, frame_label(name, chat), device, turn)

    def over(self, model: PreTrainedModel) -> LanguageModel:
        """The same tokenizer and frame around another model of its vocabulary."""
        return LanguageModel(model, self.tokenizer, self.name, self.device, self.turn)

    def framed(self, frame: str) -> LanguageModel:
        """The same model in another frame: ``plain``, ``chat``, or ``suite`` for the one it has.

        Raises UserError where it has no chat template.
        """
        if frame == "suite":
            return self
        turn = Turn.of(self.tokenizer, self.name) if frame == "chat" else PLAIN
        return LanguageModel(self.model, self.tokenizer, self.name, self.device, turn)

    def pair(self, prompt: str, answer: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Token ids of a prompt and of the whole answer to it, its end included."""
        return self.prompt(prompt), (*self.follow(prompt, self.turn.gap + answer), self._end)

    @cached_property
    def positions(self) -> float:
        """Tokens of the longest text it reads; of encoder–decoders no bound is known."""
        most = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return math.inf if self.seq2seq or not most else most

    def need_room(self, tokens: int, what: str) -> None:
        """Raise UserError if a text of so many tokens is longer than the model has positions."""
        if tokens > self.positions:
            raise UserError(
                f"language model '{self.name}' has {self.positions:,} positions,"
                f" but {what} takes {tokens:,}",
                "Fewer visual tokens fit: a resampler, or tokens=N behind the tokenizer's name.",
            )

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self.model.get_input_embeddings().embedding_dim

    @cached_property
    def scale(self) -> float:
        """Standard deviation of the token embeddings, as the layers read them.

        Some models (Gemma 3) multiply in the embedding itself. Of large vocabularies a sample.
        """
        size = self.model.get_input_embeddings().num_embeddings
        ids = torch.arange(0, size, -(-size // _SCALED), device=self.device)
        return float(self.embed(ids).float().std())

    @cached_property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(weight.numel() for weight in self.model.parameters())

    @cached_property
    def hash(self) -> str:
        """Hash of weights, tokenizer, end tokens and frame; equal ones give the same answers."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        words = backend.to_str() if backend else sorted(self.tokenizer.get_vocab().items())
        special = [self._begin, self.eos, self.pad, sorted(self.ends)]
        made_of = [state_hash(self.model), words, special, str(self.turn)]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    def in_precision(self, precision: str) -> torch.nn.Module:
        """The model to train connectors through: with ``bf16`` a copy in bfloat16, made once.

        Autocast would cast the frozen weights anew at every step; answers still come from the
        float32 model.
        """
        if precision != "bf16" or self.model.dtype == torch.bfloat16:
            return self.model
        if self._half is None:
            self._half = copy.deepcopy(self.model).to(torch.bfloat16)
        return self._half

    def decode(self, ids: list[int], strip: bool = True) -> str:
        """Text of generated ids, without special tokens and, with ``strip``, outer spaces."""
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text.strip() if strip else text

    @lru_cache(maxsize=16)  # noqa: B019 - models live as long as the run
    def tokens_with(self, characters: tuple[str, ...]) -> frozenset[int]:
        """Ids of the tokens whose text holds one of ``characters``."""
        if not characters:
            return frozenset()
        pieces = self.tokenizer.batch_decode([[i] for i in range(len(self.tokenizer))])
        return frozenset(
            i for i, piece in enumerate(pieces) if any(one in piece for one in characters)
        )

    def special(self, texts: tuple[str, ...]) -> frozenset[int]:
        """Ids of those texts that are one special token, which no decoded text shows."""
        added = self.tokenizer.get_added_vocab()
        return frozenset(added[text] for text in texts if text in added)

    def _ends(self) -> frozenset[int]:
        """Tokens that end an answer: chat models have more than the tokenizer's one."""
        more = getattr(self.model.generation_config, "eos_token_id", None)
        listed = more if isinstance(more, list) else [] if more is None else [more]
        return frozenset({self.eos, *listed})

    def embed(self, ids: Tensor) -> Tensor:
        """int64[...] → float[..., dim]."""
        return self.model.get_input_embeddings()(ids)

    def embed_ids(self, ids: Sequence[int]) -> Tensor:
        """n token ids → float[n, dim]."""
        return self.embed(torch.tensor(ids, dtype=torch.long, device=self.device))

    def visual_prefix(self, visual: Tensor) -> Tensor:
        """Visual embeddings float[B, L, dim] framed as float[B, head + L + tail, dim]."""
        ends = (
            self.embed(torch.tensor(ids, device=visual.device)).expand(len(visual), -1, -1)
            for ids in (self.head, self.tail)
        )
        head, tail = ends
        return torch.cat([head, visual.to(head.dtype), tail], dim=1)

    def placeholder(self, width: int) -> tuple[int, ...]:
        """Token ids as long as ``visual_prefix`` of ``width`` embeddings."""
        return (*self.head, *(self.pad,) * width, *self.tail)


def state_hash(model: PreTrainedModel) -> str:
    """Hash of a model's configuration and weights; equal ones compute the same."""
    digest = hashlib.sha256()
    config = model.config.to_diff_dict()
    for key in ("_name_or_path", "transformers_version", "dtype"):
        config.pop(key, None)
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    for name, weight in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()
