"""Loads vision transformers that only timm has (EVA-02, EVA-CLIP, BEiT v2); timm is an extra."""

import functools
import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import safetensors.torch
import torch
from PIL import Image

from tokenizers_zoo import fit, hub
from tokenizers_zoo.card import Card, CardError, FeatureSpec
from tokenizers_zoo.families import families
from tokenizers_zoo.preprocess import preprocess_images
from tokenizers_zoo.protocol import VisualTokens
from tokenizers_zoo.readout import Readout, readout

WEIGHTS = ("model.safetensors",)


class TimmViT:
    """A LayeredTokenizer (see `protocol.py`) around a frozen timm model."""

    def __init__(self, card: Card, device: torch.device, dtype: torch.dtype):
        self.card = card
        model = _load_model(card)
        self.model = model.eval().requires_grad_(False).to(device, dtype)
        self._readouts: dict[FeatureSpec, Readout] = {}
        one = self._readout(card)
        if one.patches != model.num_prefix_tokens:
            raise CardError(
                f"{card.path}: the model puts {model.num_prefix_tokens} tokens before its patches, "
                f"family '{card.family}' {one.patches}"
            )
        side = _side(card, model)
        self.grid = (side, side)
        self.dim = model.embed_dim
        self.tokens = len(one.kept) + side * side
        self.parameters = sum(p.numel() for p in model.parameters())

    def preprocess(self, images: list[Image.Image]) -> torch.Tensor:
        """B images → float32[B, 3, size, size] as the card's `image` says."""
        return preprocess_images(images, self.card.image)

    def encode(self, pixels: torch.Tensor) -> VisualTokens:
        """float[B, 3, size, size] → features[B, N, D] in the model's dtype, on its device."""
        [tokens] = self.encode_each(pixels, [self.card])
        return tokens

    @torch.no_grad()
    def encode_each(self, pixels: torch.Tensor, cards: Sequence[Card]) -> list[VisualTokens]:
        """See `protocol.LayeredTokenizer`."""
        readouts = [self._readout(card) for card in cards]
        layers = sorted({one.layer for one in readouts})
        weight = next(self.model.parameters())
        found = self.model.forward_intermediates(
            pixels.to(weight.device, weight.dtype),
            # timm counts blocks from 0; its hidden state 0, the embeddings, has no number.
            indices=[layer - 1 for layer in layers],
            return_prefix_tokens=True,
            output_fmt="NLC",
            intermediates_only=True,
            stop_early=True,
        )
        states = dict(zip(layers, found, strict=True))
        return [self._tokens(*states[one.layer], one) for one in readouts]

    def _readout(self, card: Card) -> Readout:
        if card.features not in self._readouts:
            layer = _layer(card, self.model)
            self._readouts[card.features] = readout(card, layer, self.model)
        return self._readouts[card.features]

    def _tokens(self, patches: torch.Tensor, prefix: torch.Tensor, one: Readout) -> VisualTokens:
        features = one.norm(torch.cat([prefix[:, one.kept], patches], dim=1))
        return VisualTokens(features, self.grid, prefix=len(one.kept))


def feature_shape(card: Card) -> tuple[int, int]:
    """Tokens and width of the features, from the checkpoint's configuration alone.

    Raises CardError.
    """
    _, native = _architecture(card)
    _layer(card, native)
    kept, _ = families()[card.family].kept(card.features.drop)
    return len(kept) + _side(card, native) ** 2, native.embed_dim


def _load_model(card: Card) -> torch.nn.Module:
    """The bare encoder, built for the card's image size. Raises CardError."""
    make, native = _architecture(card)
    found, wanted = type(native).__name__, families()[card.family].model
    if found != wanted:
        raise CardError(f"{card.path}: family '{card.family}' is {wanted}, the checkpoint {found}")
    fit.agree(
        card,
        width=native.embed_dim,
        depth=len(native.blocks),
        patch=native.patch_embed.patch_size[0],
        native=native.patch_embed.img_size[0],
    )
    _side(card, native)
    # Drawn in float32 on the CPU whatever the device, so that a seed is one encoder.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(card.seed or 0)
        model = make(img_size=card.image.size)
    if card.init == "random":
        return model
    path = card.folder / WEIGHTS[0] if card.folder else hub.fetch(card, WEIGHTS)
    # Each of timm's files of models has this function: it renames older keys and interpolates
    # positions to the size that the model was built for.
    adapt = importlib.import_module(type(model).__module__).checkpoint_filter_fn
    try:
        weights = adapt(safetensors.torch.load_file(path), model)
        missing = model.load_state_dict(weights, strict=False).missing_keys
    except Exception as exc:
        raise fit.cannot_load(card, exc) from exc
    fit.refuse_gaps(card, missing)
    return model


def _architecture(card: Card) -> tuple[Callable[..., torch.nn.Module], torch.nn.Module]:
    """What makes the checkpoint's model without its head; and one at native size, on `meta`.

    Raises CardError.
    """
    timm = _timm(card)
    card.weight_files()
    path = card.folder / "config.json" if card.folder else hub.fetch(card, ["config.json"])
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
        arguments = config.get("model_args", {}) | families()[card.family].arguments
        name = config["architecture"]
        make = functools.partial(timm.create_model, name, **arguments | {"num_classes": 0})
        with torch.device("meta"):
            return make, make()
    except Exception as exc:
        raise fit.cannot_load(card, exc) from exc


def _timm(card: Card) -> ModuleType:
    try:
        return importlib.import_module("timm")
    except Exception as exc:
        # Not ImportError alone: a torchvision made for another torch raises RuntimeError.
        reason = " ".join(str(exc).split())[:200]
        raise CardError(
            f"{card.path}: family '{card.family}' is loaded by timm, which cannot be imported "
            f"({reason}); pip install 'gvt[timm]', with the torchvision that belongs to your torch"
        ) from exc


def _layer(card: Card, model: torch.nn.Module) -> int:
    layer = fit.layer(card, len(model.blocks))
    if layer == 0:
        raise CardError(f"{card.path}: features.layer is 0, but timm gives no embeddings")
    return layer


def _side(card: Card, native: torch.nn.Module) -> int:
    embed = native.patch_embed
    return fit.side(card, embed.img_size[0], embed.patch_size[0])
