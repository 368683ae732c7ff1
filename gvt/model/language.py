"""The frozen language model: any causal LM of transformers, read and prompted through one frame."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gvt.errors import UserError
from gvt.model.frame import CLOSE, OPEN

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
"""Language models that come with the package, one Hugging Face folder each."""


class LanguageModel:
    """A frozen ``AutoModelForCausalLM`` with its tokenizer.

    A prompt around an image is ``head`` + visual embeddings + ``tail`` + the prompt's own tokens;
    head and tail are the paper's ``<Img>`` and ``</Img>``.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Any, name: str, device: torch.device
    ) -> None:
        self.name, self.tokenizer, self.device = name, tokenizer, device
        self.model = model.eval().requires_grad_(False)
        self._half: torch.nn.Module | None = None
        self._ids: dict[str, tuple[int, ...]] = {}
        begin = self.tokenizer.bos_token_id
        self._begin = () if begin is None else (begin,)
        self.head = self.head_after("")
        self.tail = self.encode(CLOSE)
        end = self.tokenizer.eos_token_id
        self.eos = int(end if end is not None else self.model.config.eos_token_id)
        self.ends = self._ends()
        pad = self.tokenizer.pad_token_id
        self.pad = int(pad if pad is not None else self.eos)

    @classmethod
    def load(cls, name: str, device: torch.device | str = "cpu") -> LanguageModel:
        """A shipped model by name, a local folder or a hub id. Raises UserError."""
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()  # the run has its own
        source = resolve(name)
        device = torch.device(device)
        # On CPUs the explicit attention is the faster one at the lengths of the mini suite.
        attention = {"attn_implementation": "eager"} if device.type == "cpu" else {}
        try:
            tokenizer = AutoTokenizer.from_pretrained(source)
            model, info = AutoModelForCausalLM.from_pretrained(
                source,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                **attention,
            )
            if info["missing_keys"]:
                # transformers would draw them at random and go on.
                raise ValueError(f"weights missing: {', '.join(sorted(info['missing_keys'])[:3])}")
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"cannot load language model '{name}': {reason}") from error
        return cls(model.to(device), tokenizer, name, device)

    def head_after(self, text: str) -> tuple[int, ...]:
        """The head of a prompt that has ``text`` before its image."""
        return (*self._begin, *(self.encode(text) if text else ()), *self.encode(OPEN))

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return self.model.get_input_embeddings().embedding_dim

    @cached_property
    def scale(self) -> float:
        """Standard deviation of the token embeddings."""
        return float(self.model.get_input_embeddings().weight.float().std())

    @cached_property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(weight.numel() for weight in self.model.parameters())

    @cached_property
    def hash(self) -> str:
        """Hash of configuration and weights; two models with one hash give the same answers."""
        return state_hash(self.model)

    def in_precision(self, precision: str) -> torch.nn.Module:
        """The model to train connectors through: with ``bf16`` a copy in bfloat16, made once.

        Autocast would cast the frozen weights anew at every step; answers still come from the
        float32 model.
        """
        if precision != "bf16":
            return self.model
        if self._half is None:
            self._half = copy.deepcopy(self.model).to(torch.bfloat16)
        return self._half

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text without any special token added; remembered."""
        ids = self._ids.get(text)
        if ids is None:
            ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            self._ids[text] = ids
        return ids

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


def resolve(name: str) -> str:
    """A shipped model by name, a local folder, or else the id of a hub repository."""
    if (SHIPPED / name).is_dir():
        return str(SHIPPED / name)
    path = Path(name.removeprefix("local:")).expanduser()
    if path.is_dir():
        return str(path)
    if name.startswith("local:") or "/" not in name:
        known = ", ".join(sorted(p.name for p in SHIPPED.glob("*") if p.is_dir())) or "none"
        raise UserError(
            f"unknown language model '{name}'",
            f"Give a folder, a hub id (owner/model) or a shipped one ({known}).",
        )
    return name
