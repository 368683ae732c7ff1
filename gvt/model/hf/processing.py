"""Images and prompts → what the model takes, framed as a run frames them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageOps
from transformers import AutoTokenizer, BatchFeature, ProcessorMixin

from gvt.data.images import read
from gvt.errors import UserError
from gvt.model.frame import Turn, around_image
from gvt.model.hf.folder import HUB_OPTIONS, local_folder
from gvt.model.prompts import Prompts
from tokenizers_zoo.card import ImageSpec
from tokenizers_zoo.preprocess import preprocess_images

_FILE = "processor_config.json"


class GVTProcessor(ProcessorMixin):
    """Pixels for every encoder (``specs``; None: it looks at nothing), and framed prompts.

    tokens: visual embeddings of an image. turn, eos, seq2seq: as of ``Prompts``.
    """

    def __init__(
        self,
        tokenizer: Any,
        specs: Sequence[ImageSpec | None],
        tokens: int,
        turn: Turn,
        eos: int,
        seq2seq: bool,
    ) -> None:
        self.tokenizer, self.specs, self.tokens = tokenizer, list(specs), tokens
        self.prompts = Prompts(tokenizer, turn, eos, seq2seq)
        self.chat_template = None  # ``turn`` was made of it

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        return_tensors: str = "pt",
        **_: Any,
    ) -> BatchFeature:
        """One prompt for every image: ``input_ids``, ``attention_mask`` and ``mm_token_type_ids``
        int64[B, T], and ``pixel_values`` float[B, 3, H, W], a list of them for several encoders.

        images: PIL images or paths, one or a list. text: prompts as a task writes them; an
        ``<image>`` in one says where its image goes, else it comes first. A question may stand in
        ``gvt.model.frame.vqa_prompt``. Raises UserError.
        """
        images = list(images) if isinstance(images, (list, tuple)) else [images]
        images = [image for image in images if image is not None]
        texts = [text] if isinstance(text, str) else list(text or ())
        if not texts or len(images) != len(texts):
            raise UserError(f"{len(texts)} prompts for {len(images)} images; each needs its own")
        if return_tensors != "pt":
            raise UserError(f"return_tensors='{return_tensors}': only 'pt' is known")
        loaded = [_load(image) for image in images]
        pixels = [self._pixels(loaded, spec) for spec in self.specs]
        return BatchFeature(
            {**self._rows(texts), "pixel_values": pixels[0] if len(pixels) == 1 else pixels}
        )

    @property
    def model_input_names(self) -> list[str]:
        """What ``__call__`` gives."""
        return ["input_ids", "attention_mask", "mm_token_type_ids", "pixel_values"]

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> None:
        """Write the tokenizer and ``processor_config.json``."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(folder)
        facts = {
            "processor_class": type(self).__name__,
            "images": [spec and dataclasses.asdict(spec) for spec in self.specs],
            "tokens": self.tokens,
            "turn": dataclasses.asdict(self.prompts.turn),
            "eos": self.prompts.eos,
            "seq2seq": self.prompts.seq2seq,
        }
        (folder / _FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, **options: Any
    ) -> GVTProcessor:
        """The processor of a folder or hub id. options: of the hub. Raises UserError."""
        hub = {key: options[key] for key in HUB_OPTIONS & options.keys()}
        folder = local_folder(pretrained_model_name_or_path, _FILE, **hub)
        facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        specs = [_spec(values) for values in facts["images"]]
        tokenizer = AutoTokenizer.from_pretrained(folder)
        turn = Turn(**facts["turn"])
        return cls(tokenizer, specs, facts["tokens"], turn, facts["eos"], facts["seq2seq"])

    def _rows(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        pad, tail, rows = self.prompts.pad, self.prompts.tail, []
        for text in texts:
            before, after = around_image(text)
            head = self.prompts.head_after(before)
            behind = (*tail, *self.prompts.prompt(after))
            types = [0] * len(head) + [1] * self.tokens + [0] * len(behind)
            rows.append(([*head, *[pad] * self.tokens, *behind], types))
        longest = max(len(ids) for ids, _ in rows)
        values: dict[str, list[list[int]]] = {}
        for ids, types in rows:
            fill = longest - len(ids)
            columns = (("input_ids", ids, pad), ("mm_token_type_ids", types, 0))
            for name, row, empty in (*columns, ("attention_mask", [1] * len(ids), 0)):
                padding = [empty] * fill
                # An answer goes on behind a decoder's row, and apart from an encoder's.
                padded = row + padding if self.prompts.seq2seq else padding + row
                values.setdefault(name, []).append(padded)
        return {name: torch.tensor(rows) for name, rows in values.items()}

    @staticmethod
    def _pixels(images: Sequence[Image.Image], spec: ImageSpec | None) -> torch.Tensor:
        if spec is None:
            return torch.zeros(len(images), 3, 1, 1)
        return preprocess_images(list(images), spec)


def _load(image: Any) -> Image.Image:
    if isinstance(image, (str, Path)):
        return read(str(image))
    if not isinstance(image, Image.Image):
        raise UserError(f"an image must be a path or of PIL, not {type(image).__name__}")
    return ImageOps.exif_transpose(image)


def _spec(values: dict[str, Any] | None) -> ImageSpec | None:
    if values is None:
        return None
    return ImageSpec(**values | {key: tuple(values[key]) for key in ("mean", "std")})
