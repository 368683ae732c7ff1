"""Finds and loads the frozen language model: shipped, a folder, a GGUF file or a hub id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gvt.errors import UserError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
"""Language models that come with the package, one Hugging Face folder each."""

_GGUF = ".gguf"
_PATHS = ("/", "./", "../", "~")


@dataclass(frozen=True)
class Source:
    """Where a model lies: ``place`` is a folder or hub id, at ``revision``, in a ``gguf`` file."""

    place: str
    revision: str | None = None
    gguf: str | None = None

    @property
    def arguments(self) -> dict[str, str]:
        """What ``from_pretrained`` takes beside the place."""
        given = {"revision": self.revision, "gguf_file": self.gguf}
        return {key: value for key, value in given.items() if value}


def resolve(name: str) -> Source:
    """What a name means: a shipped model, a folder, ``….gguf`` in either, or a hub id.

    ``local:`` says that it is a folder, ``@REVISION`` behind a hub id pins it. Raises UserError.
    """
    if (SHIPPED / name).is_dir():
        return Source(str(SHIPPED / name))
    path = Path(name.removeprefix("local:")).expanduser()
    if path.is_dir():
        return Source(str(path))
    if path.suffix == _GGUF and path.is_file():
        return Source(str(path.parent), gguf=path.name)
    if name.startswith(_PATHS):
        raise UserError(f"language model '{name}': there is no such folder or file")
    place, _, revision = name.partition("@")
    gguf = None
    if place.endswith(_GGUF) and place.count("/") == 2:  # owner/model/file.gguf
        place, _, gguf = place.rpartition("/")
    if name.startswith("local:") or place.count("/") != 1 or place.endswith(_GGUF):
        known = ", ".join(sorted(p.name for p in SHIPPED.glob("*") if p.is_dir())) or "none"
        raise UserError(
            f"unknown language model '{name}'",
            f"Give a folder, a .gguf file, a hub id (owner/model) or a shipped one ({known}).",
        )
    return Source(place, revision or None, gguf)


def load(name: str, device: torch.device, dtype: torch.dtype) -> tuple[PreTrainedModel, Any]:
    """The language model, causal or encoder–decoder, and its tokenizer. Raises UserError.

    Weights come from safetensors or GGUF, which is dequantised; never from pickles.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import is_gguf_available, logging

    logging.disable_progress_bar()  # the run has its own
    source = resolve(name)
    if source.gguf and not is_gguf_available():
        raise UserError(
            f"language model '{name}' is a GGUF file, which needs the package gguf",
            "pip install 'gvt[gguf]'",
        )
    # On CPUs the explicit attention is the faster one at the lengths of the mini suite.
    attention = {"attn_implementation": "eager"} if device.type == "cpu" else {}
    weights = {} if source.gguf else {"use_safetensors": True}
    own = {"trust_remote_code": False}  # transformers would ask on the terminal
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.place, **own, **source.arguments)
        config = AutoConfig.from_pretrained(source.place, **own, **source.arguments)
        if not source.gguf:
            _need_safetensors(source)
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model, info = kind.from_pretrained(
            source.place,
            config=config,
            dtype=dtype,
            output_loading_info=True,
            **own,
            **weights,
            **attention,
            **source.arguments,
        )
        if info["missing_keys"]:
            # transformers would draw them at random and go on.
            raise ValueError(f"weights missing: {', '.join(sorted(info['missing_keys'])[:3])}")
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"cannot load language model '{name}': {reason}",
            "A hub id can be pinned to a revision with safetensors: owner/model@refs/pr/1"
            if "/" in name and "safetensors" in reason
            else None,
        ) from error
    return model.to(device), tokenizer


def _need_safetensors(source: Source) -> None:
    """Raise OSError where a hub id has none: transformers would ask a public service for them."""
    from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME, cached_file

    if Path(source.place).is_dir():
        return  # transformers says itself what is missing there
    for name in (SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_INDEX_NAME):
        found = cached_file(
            source.place,
            name,
            revision=source.revision,
            _raise_exceptions_for_missing_entries=False,
        )
        if found:
            return
    raise OSError(f"{source.place} has no safetensors at revision {source.revision or 'main'}")
