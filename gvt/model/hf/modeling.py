"""Encoder, connector and language model as one model of transformers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import GenerationConfig, GenerationMixin, PreTrainedModel

from gvt.config import Connector as ConnectorConfig
from gvt.errors import UserError
from gvt.model.connector import ConnectorShape, build_connector
from gvt.model.frame import PLAIN
from gvt.model.hf.configuration import GVTConfig
from gvt.model.hf.folder import HUB_OPTIONS, local_folder
from gvt.model.language import LanguageModel
from gvt.model.load import SHIPPED, resolve
from tokenizers_zoo import (
    Card,
    TokenizerCard,
    VisualTokenizer,
    VisualTokens,
    combine,
    load_tokenizer,
)
from tokenizers_zoo.portable import from_dict, has_weights, to_dict, with_weights

_WEIGHTS = "model.safetensors"
_LLM = "./llm"
_ENCODERS = "encoders"
_PREFIX = "connector."
_AUTO = frozenset({"trust_remote_code", "adapter_kwargs"})  # what the Auto classes may hand on
_NEW_TOKENS = 64  # where a caller sets no limit


class GVTForConditionalGeneration(PreTrainedModel, GenerationMixin):
    """Answers about an image: pixels → features → connector → language model.

    Here only the connector is trainable; the others are as the run's recipe left them, frozen or
    trained. ``assemble`` makes one of its parts, ``from_pretrained`` of a folder. ``processor()``
    makes what it takes.
    """

    config_class = GVTConfig
    main_input_name = "input_ids"
    _supports_sdpa = True

    def __init__(
        self,
        config: GVTConfig,
        card: TokenizerCard,
        encoders: Sequence[VisualTokenizer],
        llm: LanguageModel,
    ) -> None:
        super().__init__(config)
        self.card, self.encoders, self.llm = card, list(encoders), llm
        self._trained: dict[Card, PreTrainedModel] = {}
        shape = {**config.shape, "grid": config.shape["grid"] and tuple(config.shape["grid"])}
        self.connector = build_connector(
            ConnectorConfig(**config.connector), ConnectorShape(**shape)
        )
        networks = [getattr(encoder, "model", None) for encoder in encoders]
        self.vision = nn.ModuleList(network for network in networks if network is not None)
        self.language_model = llm.model
        # Its own may sample, which no comparison does; saved with it all the same.
        self._llm_generation = llm.model.generation_config
        self.generation_config = GenerationConfig(
            eos_token_id=sorted(llm.ends),
            pad_token_id=llm.pad,
            decoder_start_token_id=getattr(llm.model.config, "decoder_start_token_id", None),
            do_sample=False,
            max_new_tokens=_NEW_TOKENS,
        )
        self.language_model.generation_config = self.generation_config

    @classmethod
    def assemble(
        cls,
        card: TokenizerCard,
        connector: ConnectorConfig,
        weights: Mapping[str, Tensor],
        llm: LanguageModel,
        name: str | None,
        *,
        trained: Sequence[VisualTokenizer] | None = None,
        precision: str = "no",
    ) -> GVTForConditionalGeneration:
        """The model of a card, a trained connector's weights and a language model.

        name: what ``llm`` is loaded by; None where it was trained with the connector, so that it is
        saved with it. trained: the encoders of ``card``, where they were: likewise.
        Raises UserError and CardError for parts that cannot be loaded or do not fit.
        """
        encoders = trained or [load_tokenizer(encoder, llm.device) for encoder in card.encoders]
        layout = _layout(card, encoders)
        _, tokens, dim = layout.features.shape
        shape = ConnectorShape(dim, tokens, layout.grid, layout.prefix, llm.dim, llm.scale)
        config = GVTConfig(
            tokenizer=to_dict(card),
            tokenizer_hash=card.hash(),
            connector=dataclasses.asdict(connector),
            shape=dataclasses.asdict(shape),
            llm={
                "name": _lasting(name) if name else _LLM,
                "chat": llm.turn != PLAIN,
                "half": llm.model.dtype == torch.bfloat16,
                "hash": llm.hash,
            },
            precision=precision,
            architectures=[cls.__name__],
        )
        model = cls(config, card, encoders, llm)._filled(weights, llm.device)
        model._trained = {one.card: one.model for one in trained or ()}
        return model

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        device: str | torch.device = "cpu",
        config: GVTConfig | None = None,
        check_hashes: bool = True,
        **options: Any,
    ) -> GVTForConditionalGeneration:
        """The model of a folder or hub id, on ``device``; its other parts from where it says.

        check_hashes: whether tokenizer and language model must be the very ones that were saved or
        referred to; it reads all their weights once. options: of the hub (``revision``, ``token``,
        …). Raises UserError and CardError, also for options of transformers that say nothing here.
        """
        unknown = [k for k in options if k not in HUB_OPTIONS | _AUTO and not k.startswith("_")]
        if unknown:
            raise UserError(
                f"from_pretrained: unknown option '{unknown[0]}'",
                "Parts are held as the run held them; 'device' says where.",
            )
        hub = {key: options[key] for key in HUB_OPTIONS & options.keys()}
        folder = local_folder(pretrained_model_name_or_path, **hub)
        config = config or GVTConfig.from_pretrained(folder)
        card = from_dict(config.tokenizer, folder)
        name = config.llm["name"]
        place = str(folder / name) if name.startswith("./") else name
        llm = LanguageModel.load(place, device, chat=config.llm["chat"], half=config.llm["half"])
        if check_hashes:
            _same(folder, f"tokenizer '{card.name}'", card.hash(), config.tokenizer_hash)
            _same(folder, f"language model '{name}'", llm.hash, config.llm["hash"])
        encoders = [load_tokenizer(encoder, device) for encoder in card.encoders]
        path = folder / _WEIGHTS
        if not path.is_file():
            raise UserError(f"model '{folder}': there is no {_WEIGHTS} in it")
        stored = load_file(path)
        weights = {key.removeprefix(_PREFIX): value for key, value in stored.items()}
        return cls(config, card, encoders, llm)._filled(weights, device)

    def save_pretrained(
        self, save_directory: str | Path, *, everything: bool = False, **_: Any
    ) -> None:
        """Write the connector, what was trained with it, and references to the frozen parts.

        With ``everything`` those too: such a folder can be moved to another machine. What the
        model's own folder holds goes into this one as well. Raises CardError where it is gone, and
        UserError for a language model that transformers cannot save.
        """
        whole = everything or self.config.llm["name"] == _LLM
        if whole and getattr(self.language_model, "hf_quantizer", None):
            raise UserError(
                f"language model '{self.llm.name}' is read from a GGUF file, which cannot be saved",
                "Frozen it can be referred to: leave out --everything. To train and keep it, take"
                " its safetensors.",
            )
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        config = GVTConfig.from_dict(self.config.to_dict())
        if everything or self._trained or has_weights(config.tokenizer):
            config.tokenizer = with_weights(self.card, folder, _ENCODERS, self._trained)
            config.tokenizer_hash = from_dict(config.tokenizer, folder).hash()
        if whole:
            self._save_llm(folder / _LLM)
            config.llm = config.llm | {"name": _LLM}
        config.save_pretrained(folder)
        state = self.connector.state_dict()
        weights = {f"{_PREFIX}{key}": value.contiguous() for key, value in state.items()}
        save_file(weights, folder / _WEIGHTS, metadata={"format": "pt"})
        self.processor().save_pretrained(folder)

    def _save_llm(self, folder: Path) -> None:
        self.language_model.save_pretrained(folder)
        self._llm_generation.save_pretrained(folder)
        self.llm.tokenizer.save_pretrained(folder)

    def processor(self):
        """The processor that makes this model's inputs."""
        from gvt.model.hf.processing import GVTProcessor

        specs = [encoder.image for encoder in self.card.encoders]
        llm = self.llm
        return GVTProcessor(
            llm.tokenizer, specs, self.connector.tokens, llm.turn, llm.eos, llm.seq2seq
        )

    def get_input_embeddings(self) -> nn.Module:
        return self.language_model.get_input_embeddings()

    def get_image_features(self, pixel_values: Tensor | Sequence[Tensor]) -> Tensor:
        """float[B, 3, H, W], one of every encoder → visual embeddings float[B, L, llm_dim]."""
        pixels = [pixel_values] if isinstance(pixel_values, Tensor) else pixel_values
        precision = self.config.precision
        encoded = {}
        for encoder, own in zip(self.encoders, pixels, strict=True):
            with torch.autocast(own.device.type, torch.bfloat16, enabled=precision == "bf16"):
                tokens = encoder.encode(own)
            # What a run keeps of features, and the connector has learned to read.
            kept = tokens.features.to(torch.float32 if precision == "no" else torch.float16)
            place = self.connector.mean.device
            encoded[encoder.card] = VisualTokens(kept.to(place), tokens.grid, tokens.prefix)
        return self.connector(combine(self.card, encoded).features)

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | Sequence[Tensor],
        mm_token_type_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """What the language model says, loss included where there are ``labels``.

        ``mm_token_type_ids`` int64[B, T] is 1 where the L visual embeddings of a row's image stand.
        """
        embeds = self._embed(input_ids, pixel_values, mm_token_type_ids)
        return self.language_model(
            inputs_embeds=embeds, attention_mask=attention_mask, labels=labels, **kwargs
        )

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        pixel_values: Tensor | Sequence[Tensor],
        mm_token_type_ids: Tensor,
        attention_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """The new tokens int64[B, T] alone, greedy unless asked otherwise.

        kwargs: as transformers' ``generate`` takes them. Raises UserError for a prompt that is too
        long for the language model.
        """
        embeds = self._embed(input_ids, pixel_values, mm_token_type_ids)
        return self.language_model.generate(
            inputs_embeds=embeds, attention_mask=attention_mask, **kwargs
        )

    def _embed(self, ids: Tensor, pixels: Tensor | Sequence[Tensor], types: Tensor) -> Tensor:
        self.llm.need_room(ids.shape[1], "the prompt with its image")
        embeds = self.get_input_embeddings()(ids)
        visual = self.get_image_features(pixels).to(embeds.dtype)
        return embeds.masked_scatter((types == 1)[..., None], visual)

    def _filled(
        self, weights: Mapping[str, Tensor], device: str | torch.device
    ) -> GVTForConditionalGeneration:
        try:
            self.connector.load_state_dict(weights)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"the connector's weights do not fit its parts: {reason}") from error
        self.connector.to(device)
        return self.eval()


def _layout(card: TokenizerCard, encoders: Sequence[VisualTokenizer]) -> VisualTokens:
    """Features of one grey image: their shape and grid are those of any."""
    grey = [Image.new("RGB", (64, 64), (128, 128, 128))]
    encoded = {own.card: own.encode(own.preprocess(grey)) for own in encoders}
    return combine(card, encoded)


def _lasting(llm: str) -> str:
    """A language model's name that means the same in whatever folder one stands."""
    source = resolve(llm)
    if (SHIPPED / llm).is_dir() or not Path(source.place).is_dir():
        return llm
    return str(Path(source.place).resolve() / (source.gguf or ""))


def _same(folder: Path, what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise UserError(
            f"model '{folder}': {what} is not the one its connector was trained with",
            "Its files have changed since the model was saved; one saved with everything keeps its"
            " own.",
        )
