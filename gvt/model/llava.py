"""A published LLaVA taken apart: vision tower, projector and language model for our engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from PIL import Image
from torch import Tensor

from gvt.errors import UserError
from gvt.model.frame import IMAGE, around_image
from gvt.model.language import LanguageModel, state_hash
from tokenizers_zoo import VisualTokens


@dataclass(frozen=True)
class TowerCard:
    """What the feature store needs to know of a tower: a name, and a hash of all it computes."""

    name: str
    digest: str

    def hash(self) -> str:
        return self.digest


class Tower:
    """A LLaVA's vision tower as a visual tokenizer: layers and tokens as its configuration says."""

    def __init__(self, model, processor, card: TowerCard) -> None:
        self.card = card
        self._model, self._process = model.model.vision_tower, processor.image_processor
        config = model.config
        layers = config.vision_feature_layer
        self._layers = [layers] if isinstance(layers, int) else list(layers)
        self._skip = 1 if config.vision_feature_select_strategy == "default" else 0
        vision = config.vision_config
        side = vision.image_size // vision.patch_size
        self.grid: tuple[int, int] | None = (side, side)
        self.prefix = 1 - self._skip
        self.tokens = side * side + self.prefix
        self.dim = vision.hidden_size * len(self._layers)
        self.parameters = sum(weight.numel() for weight in self._model.parameters())

    def preprocess(self, images: list[Image.Image]) -> Tensor:
        """B images of any size and mode → float32[B, 3, H, W], by the model's own processor."""
        rgb = [image.convert("RGB") for image in images]
        return self._process(rgb, return_tensors="pt")["pixel_values"]

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> VisualTokens:
        """float[B, 3, H, W] → the selected hidden states, side by side."""
        parameter = next(self._model.parameters())
        states = self._model(
            pixels.to(parameter.device, parameter.dtype), output_hidden_states=True
        ).hidden_states
        chosen = torch.cat([states[layer][:, self._skip :] for layer in self._layers], dim=-1)
        return VisualTokens(chosen, self.grid, self.prefix)


class Llava:
    """A ``LlavaForConditionalGeneration`` folder or hub id, loaded whole.

    Raises UserError where it cannot be loaded or is of another architecture.
    """

    def __init__(self, name: str, device: torch.device | str = "cpu") -> None:
        from transformers import AutoConfig, AutoProcessor, LlavaForConditionalGeneration

        source = name.removeprefix("local:")
        device = torch.device(device)
        try:
            kind = AutoConfig.from_pretrained(source).model_type
            if kind != "llava":
                raise UserError(f"model '{name}' is a '{kind}'; only LLaVA checkpoints so far")
            self.processor = AutoProcessor.from_pretrained(source, backend="pil")
            self.model = LlavaForConditionalGeneration.from_pretrained(
                source,
                use_safetensors=True,
                dtype=torch.float32 if device.type == "cpu" else torch.bfloat16,
                attn_implementation="sdpa",
            )
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"cannot load model '{name}': {reason}") from error
        self.model.eval().requires_grad_(False).to(device)
        self.name, self.device = name, device

    @cached_property
    def hash(self) -> str:
        """Hash of configuration and weights of all parts."""
        return state_hash(self.model)

    @cached_property
    def llm(self) -> LanguageModel:
        """The language model with its head, sharing the weights."""
        from transformers import AutoModelForCausalLM

        config = self.model.config.text_config
        with torch.device("meta"):
            causal = AutoModelForCausalLM.from_config(
                config, attn_implementation=self.model.config._attn_implementation
            )
        setattr(causal, causal.base_model_prefix, self.model.model.language_model)
        causal.lm_head = self.model.lm_head
        causal.generation_config = self.model.generation_config
        return LanguageModel(causal.eval(), self.processor.tokenizer, self.name, self.device)

    @cached_property
    def tower(self) -> Tower:
        """The vision tower."""
        vision = state_hash(self.model.model.vision_tower)
        config = self.model.config
        chosen = f"{config.vision_feature_layer} {config.vision_feature_select_strategy}"
        shown = self.processor.image_processor.to_json_string()
        digest = hashlib.sha256(f"{vision} {chosen} {shown}".encode()).hexdigest()
        label = self.name.rstrip("/").rsplit("/", 1)[-1]
        return Tower(self.model, self.processor, TowerCard(f"{label}-tower", digest))

    @property
    def precision(self) -> str:
        """What its features are computed and kept in: ``no`` (float32) on a CPU, else ``bf16``."""
        return "no" if self.device.type == "cpu" else "bf16"

    @lru_cache(maxsize=65_536)  # noqa: B019 - models live as long as the run
    def split(self, context: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Token ids before and after the image, of a task's prompt. Raises UserError."""
        ids = self.processor.tokenizer(self.render(context))["input_ids"]
        image = self.model.config.image_token_id
        if ids.count(image) != 1:
            raise UserError(f"{self.name}: not one image in the prompt {context!r}")
        place = ids.index(image)
        return tuple(ids[:place]), tuple(ids[place + 1 :])

    @lru_cache(maxsize=65_536)  # noqa: B019 - as above; asked when batching and when scoring
    def follow(self, context: str, continuation: str) -> tuple[int, ...]:
        """Token ids of an answer as they follow the prompt: encoded with it, then cut off it."""
        prompt = self.render(context)
        alone, whole = (
            self.processor.tokenizer(text)["input_ids"] for text in (prompt, prompt + continuation)
        )
        return tuple(whole[len(alone) :])

    def render(self, context: str) -> str:
        """The prompt as text: by the chat template if there is one, else as it stands."""
        before, after = around_image(context)
        if not self.processor.chat_template:
            gap = "" if IMAGE in context else "\n"
            return f"{before}{self.processor.image_token}{gap}{after}"
        texts = [[{"type": "text", "text": text}] if text else [] for text in (before, after)]
        content = [*texts[0], {"type": "image"}, *texts[1]]
        return self.processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True
        )

    @torch.no_grad()
    def project(self, features: Tensor) -> Tensor:
        """float[B, N, D] of the tower → float[B, N, llm_dim]."""
        projector = self.model.model.multi_modal_projector
        weight = next(projector.parameters())
        return projector(features.to(weight.device, weight.dtype))
