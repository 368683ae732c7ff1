"""Tokenizers and language models that are trained with the connector: copies, kept beside it."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from gvt.errors import UserError
from gvt.model.language import LanguageModel
from tokenizers_zoo import TokenizerCard, VisualTokenizer, VisualTokens, combine, load_tokenizer

if TYPE_CHECKING:
    from gvt.config import Lora, Recipe

ENCODERS, LANGUAGE = "encoders", "language"
"""Parts that may be trained beside the connector, as their files are called too."""

LORA = "lora_"
"""In the names of the weights that peft adds."""


class FrozenEncoders:
    """The encoders of a card as they are, for images that are seen only once."""

    def __init__(self, card: TokenizerCard, device: torch.device) -> None:
        self._card = card
        self.tokenizers = [load_tokenizer(encoder, device) for encoder in card.encoders]

    def __call__(self, pixels: Sequence[Tensor]) -> Tensor:
        """float[B, 3, H, W] for every encoder → float[B, N, D]."""
        encoded = {
            tokenizer.card: _widened(tokenizer.encode(own))
            for tokenizer, own in zip(self.tokenizers, pixels, strict=True)
        }
        return combine(self._card, encoded).features


class Encoders(nn.Module):
    """The encoders of a card, run as a part of what is trained; never those of the store."""

    def __init__(self, card: TokenizerCard, device: torch.device) -> None:
        super().__init__()
        self._card = card
        self.tokenizers: list[VisualTokenizer] = [
            load_tokenizer(encoder, device) for encoder in card.encoders
        ]
        self.models = nn.ModuleList(tokenizer.model for tokenizer in self.tokenizers)

    def forward(self, pixels: Sequence[Tensor]) -> Tensor:
        """float[B, 3, H, W] for every encoder → float[B, N, D]."""
        encoded = {
            tokenizer.card: _widened(tokenizer.trace(own))
            for tokenizer, own in zip(self.tokenizers, pixels, strict=True)
        }
        return combine(self._card, encoded).features

    def used(self) -> list[nn.Parameter]:
        """Parameters that features depend on: not the layers behind the one that is read.

        Processes that train together need to know.
        """
        self.models.requires_grad_(True)
        edges = [tokenizer.card.image.size for tokenizer in self.tokenizers]
        parameters = list(self.parameters())
        device = parameters[0].device
        features = self([torch.zeros(1, 3, edge, edge, device=device) for edge in edges])
        found = torch.autograd.grad(features.sum(), parameters, allow_unused=True)
        self.models.requires_grad_(False)
        return [p for p, gradient in zip(parameters, found, strict=True) if gradient is not None]


def tunes_encoders(recipe: Recipe, card: TokenizerCard) -> bool:
    """Whether ``recipe`` trains the tokenizer and ``card`` has a network to train."""
    return recipe.tunes("tokenizer") and any(one.image is not None for one in card.encoders)


def live_encoders(
    recipe: Recipe, card: TokenizerCard, device: torch.device
) -> Encoders | FrozenEncoders | None:
    """Encoders to train, where ``recipe`` does so and ``card`` has a network at all; frozen ones
    where its images come as a stream.

    Raises:
        UserError: an encoder is of a library whose models are not trained here.
    """
    if not tunes_encoders(recipe, card):
        return FrozenEncoders(card, device) if recipe.streams else None
    made = Encoders(card, device)
    for tokenizer in made.tokenizers:
        if not hasattr(tokenizer, "trace"):
            raise UserError(
                f"recipe '{recipe.name}' trains the tokenizer, but '{tokenizer.card.name}' is"
                " loaded by timm; only transformers' can be trained"
            )
    return made


def tuned_language(recipe: Recipe, llm: LanguageModel, seed: int) -> LanguageModel | None:
    """A copy of ``llm`` to train, where ``recipe`` does so: whole in float32, or with LoRA.

    Raises:
        UserError: peft is not installed.
    """
    if recipe.tunes("llm"):
        return llm.over(copy.deepcopy(llm.model).float())
    if recipe.tunes("lora"):
        return llm.over(_with_lora(copy.deepcopy(llm.model), recipe.lora, seed))
    return None


def kept_state(recipe: Recipe, model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, dict]:
    """Of all of ``state``, what the files beside the connector hold: part → name → tensor.

    ``model`` has the parts as submodules, None where they are frozen.
    """
    found = {}
    for part in (ENCODERS, LANGUAGE):
        module = getattr(model, part)
        if module is None:
            continue
        # Without the second name of tied weights, which a file cannot hold.
        names = [name for name, _ in (*module.named_parameters(), *module.named_buffers())]
        if part == LANGUAGE and recipe.tunes("lora"):
            names = [name for name in names if LORA in name]
        own = {name: state[f"{part}.{name}"] for name in names if f"{part}.{name}" in state}
        found[part] = {name: tensor.contiguous() for name, tensor in own.items()}
    return found


def load_language(recipe: Recipe, llm: LanguageModel, path: Path) -> LanguageModel:
    """``llm`` with the weights of ``path``, in its own precision; LoRA is merged into them."""
    model, state = copy.deepcopy(llm.model), load_file(path)
    if recipe.tunes("lora"):
        model = _with_lora(model, recipe.lora, 0)
    _load(model, state)
    return llm.over(_merged(model))


def load_encoders(card: TokenizerCard, device: torch.device, path: Path) -> list[VisualTokenizer]:
    """The encoders of ``card`` with the weights of ``path``."""
    made = Encoders(card, device)
    _load(made, load_file(path))
    return made.tokenizers


def _load(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    unknown = module.load_state_dict(dict(state), strict=False).unexpected_keys
    if unknown:
        raise UserError(f"the cache holds '{unknown[0]}', which the model has not")


def _with_lora(model: PreTrainedModel, lora: Lora, seed: int) -> PreTrainedModel:
    """Adapters at every linear layer but the head (Hu et al. 2021; QLoRA's choice of layers)."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UserError(
            "a recipe that trains 'lora' needs peft", "pip install 'gvt[lora]'"
        ) from error
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return inject_adapter_in_model(config, model)


def _merged(model: PreTrainedModel) -> PreTrainedModel:
    """The plain model again, with what its adapters add in its weights."""
    for name, module in list(model.named_modules()):
        if hasattr(module, "get_base_layer"):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
    return model


def _widened(tokens: VisualTokens) -> VisualTokens:
    return VisualTokens(tokens.features.float(), tokens.grid, tokens.prefix)
