"""One loader for all Hugging Face vision transformers; what differs is in `families.yaml`."""

import contextlib
import inspect
from collections.abc import Iterator, Sequence

import torch
import transformers
from PIL import Image

from tokenizers_zoo import fit, hub
from tokenizers_zoo.card import Card, CardError, FeatureSpec
from tokenizers_zoo.families import Family, families
from tokenizers_zoo.preprocess import preprocess_images
from tokenizers_zoo.protocol import VisualTokens
from tokenizers_zoo.readout import Readout, readout

# One file, or the index of several.
WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


class HFViT:
    """A LayeredTokenizer (see `protocol.py`) around a frozen transformers model."""

    def __init__(self, card: Card, device: torch.device, dtype: torch.dtype):
        self.card = card
        self._family = families()[card.family]
        self.model = _load_model(card, self._family, device, dtype)
        config = self.model.config
        native, patch = _edge(card, config.image_size), _edge(card, config.patch_size)
        depth = config.num_hidden_layers
        fit.agree(card, width=config.hidden_size, depth=depth, patch=patch, native=native)
        side = _side(card, self._family, config)
        self._readouts: dict[FeatureSpec, Readout] = {}
        kept = self._readout(card).kept
        self._arguments = {}
        if card.image.size != native and self._family.positions == "argument":
            self._arguments["interpolate_pos_encoding"] = True
        self.grid = (side, side)
        self.dim = config.hidden_size
        self.tokens = len(kept) + side * side
        self.parameters = sum(p.numel() for p in self.model.parameters())

    def preprocess(self, images: list[Image.Image]) -> torch.Tensor:
        """B images → float32[B, 3, size, size] as the card's `image` says."""
        return preprocess_images(images, self.card.image)

    @torch.no_grad()
    def encode(self, pixels: torch.Tensor) -> VisualTokens:
        """float[B, 3, size, size] → features[B, N, D] in the model's dtype, on its device."""
        return self.trace(pixels)

    def trace(self, pixels: torch.Tensor) -> VisualTokens:
        """As `encode`, with gradients: for those who train the model."""
        [tokens] = self._pass(pixels, [self.card])
        return tokens

    @torch.no_grad()
    def encode_each(self, pixels: torch.Tensor, cards: Sequence[Card]) -> list[VisualTokens]:
        """See `protocol.LayeredTokenizer`."""
        return self._pass(pixels, cards)

    def _pass(self, pixels: torch.Tensor, cards: Sequence[Card]) -> list[VisualTokens]:
        readouts = [self._readout(card) for card in cards]
        arguments = dict(self._arguments)
        if self._family.shuffles:
            # The model sorts its patches by noise; rising noise leaves them in spatial order.
            rising = torch.arange(self.grid[0] * self.grid[1], device=self.model.device)
            arguments["noise"] = rising.expand(len(pixels), -1)
        states = self.model(
            pixels.to(self.model.device, self.model.dtype),
            # Only the layers asked for are kept: all of a ViT-L would be 26 MB an image.
            output_hidden_states=sorted({one.layer for one in readouts}),
            **arguments,
        ).hidden_states
        return [self._tokens(states[one.layer], one) for one in readouts]

    def _readout(self, card: Card) -> Readout:
        if card.features not in self._readouts:
            layer = fit.layer(card, self.model.config.num_hidden_layers)
            self._readouts[card.features] = readout(card, layer, self.model)
        return self._readouts[card.features]

    def _tokens(self, state: torch.Tensor, one: Readout) -> VisualTokens:
        features = one.norm(state)
        wanted = one.patches + self.grid[0] * self.grid[1]
        if features.shape[1] != wanted:
            # Another number of registers, say: the prefix would pass for patches.
            raise CardError(
                f"{self.card.path}: the model gives {features.shape[1]} tokens, but family "
                f"'{self.card.family}' at {self.card.image.size} pixels has {wanted}"
            )
        prefix = features[:, one.kept]
        features = torch.cat([prefix, features[:, one.patches :]], dim=1)
        return VisualTokens(features, self.grid, prefix=len(one.kept))


def feature_shape(card: Card) -> tuple[int, int]:
    """Tokens and width of the features that a card's encoder gives, from its configuration alone.

    Raises CardError.
    """
    family = families()[card.family]
    config = _load_config(card, family)
    fit.layer(card, config.num_hidden_layers)
    kept, _ = family.kept(card.features.drop)
    return len(kept) + _side(card, family, config) ** 2, config.hidden_size


def _side(card: Card, family: Family, config: transformers.PreTrainedConfig) -> int:
    """Patches along an edge. Raises CardError if the class cannot take the card's image size."""
    native = _edge(card, config.image_size)
    if card.image.size != native and family.positions == "argument":
        forward = getattr(transformers, family.model).forward
        if "interpolate_pos_encoding" not in inspect.signature(forward).parameters:
            raise CardError(
                f"{card.path}: image.size is {card.image.size}, but the checkpoint takes {native} "
                f"pixels and transformers cannot interpolate positions of {family.model}"
            )
    return fit.side(card, native, _edge(card, config.patch_size))


def _edge(card: Card, value: int | list[int]) -> int:
    """Edge of a square, which some configurations write as [height, width]."""
    edges = {value} if isinstance(value, int) else set(value)
    if len(edges) > 1:
        raise CardError(f"{card.path}: the checkpoint's images or patches are no squares: {value}")
    return edges.pop()


def _load_config(card: Card, family: Family) -> transformers.PreTrainedConfig:
    """The checkpoint's configuration, as the family changes it. Raises CardError."""
    card.weight_files()
    if card.folder is None:
        hub.fetch(card, ["config.json"])
    config_class = getattr(transformers, family.model).config_class
    source, revision = _where(card)
    try:
        with _quiet():
            config = config_class.from_pretrained(source, **revision)
        config.update(family.config)
    except Exception as exc:
        raise fit.cannot_load(card, exc) from exc
    return config


def _where(card: Card) -> tuple[str, dict[str, str]]:
    """What transformers' `from_pretrained` wants to know."""
    return str(card.folder or card.checkpoint), {"revision": card.revision or "main"}


def _load_model(
    card: Card, family: Family, device: torch.device, dtype: torch.dtype
) -> transformers.PreTrainedModel:
    """The bare encoder, in eval mode, without gradients. Raises CardError."""
    model_class = getattr(transformers, family.model)
    # On CPUs the explicit attention is the faster one (measured with 66 tokens in bfloat16).
    attention = "eager" if device.type == "cpu" else "sdpa"
    common = {"attn_implementation": attention} | family.arguments
    config = _load_config(card, family)
    source, revision = _where(card)
    if card.init == "pretrained" and card.folder is None:
        hub.fetch(card, WEIGHTS)
    try:
        with _quiet():
            if card.init == "random":
                # Drawn in float32 on the CPU whatever the device, so that a seed is one encoder.
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(card.seed)
                    model = model_class._from_config(config, dtype=torch.float32, **common)
            else:
                model, info = model_class.from_pretrained(
                    source,
                    config=config,
                    dtype=dtype,
                    use_safetensors=True,
                    output_loading_info=True,
                    # Not to accept them: to name them ourselves, in one line.
                    ignore_mismatched_sizes=True,
                    **revision,
                    **common,
                )
                mismatched = (
                    f"{name} is {list(found)}, should be {list(wanted)}"
                    for name, found, wanted in info["mismatched_keys"]
                )
                fit.refuse_gaps(card, info["missing_keys"], mismatched)
    except CardError:
        raise
    except Exception as exc:
        raise fit.cannot_load(card, exc) from exc
    return model.eval().requires_grad_(False).to(device, dtype)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No load report, no progress bar: what matters in them becomes a CardError."""
    log = transformers.utils.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()
