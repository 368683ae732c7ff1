"""Whether a card fits the checkpoint it names; what does not is one clear CardError."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tokenizers_zoo.card import Card, CardError
from tokenizers_zoo.families import families

if TYPE_CHECKING:
    import torch


def shape(card: Card) -> tuple[int, int] | None:
    """Tokens and width of the features as `architecture` says; None where a card has none.

    Raises CardError if the image size fits no whole number of patches, or for a layer too many.
    """
    known = card.architecture
    if known is None:
        return None
    layer(card, known.depth)
    kept, _ = families()[card.family].kept(card.features.drop)
    return len(kept) + side(card, known.native, known.patch) ** 2, known.width


def agree(card: Card, **found: int) -> None:
    """Raise CardError where the card's `architecture` contradicts its checkpoint."""
    for key, value in found.items() if card.architecture else ():
        if getattr(card.architecture, key) != value:
            raise CardError(
                f"{card.path}: architecture.{key} is {getattr(card.architecture, key)}, "
                f"but the checkpoint's is {value}"
            )


def final_norm(card: Card, model: torch.nn.Module, name: str) -> torch.nn.Module:
    """The layer `name` (dotted) of `model`. Raises CardError if there is none that acts."""
    norm = dict(model.named_modules()).get(name)
    # BEiT puts an Identity where its configuration wants no norm, and so does timm.
    if norm is None or type(norm).__name__ == "Identity":
        raise CardError(
            f"{card.path}: features.final_norm is true, but the checkpoint has no norm '{name}' "
            f"(family '{card.family}')"
        )
    return norm


def side(card: Card, native: int, patch: int) -> int:
    """Patches along an edge of `card.image.size` pixels.

    native: pixels that the checkpoint was made for. There a border that fills no patch is never
    seen (SigLIP so400m: 384 = 27 · 14 + 6); at any other size it would be a mistake.
    Raises CardError.
    """
    size = card.image.size
    if size != native and size % patch:
        below = size - size % patch
        near = f"{below} or {below + patch}" if below else str(patch)
        raise CardError(
            f"{card.path}: image.size is {size}, which is no multiple of the encoder's "
            f"patches of {patch} pixels; take {near}, or {native} as in the checkpoint"
        )
    return size // patch


def layer(card: Card, depth: int) -> int:
    """`features.layer` counted from 0 (the embeddings) to `depth`. Raises CardError."""
    states = depth + 1
    if not -states <= card.features.layer < states:
        raise CardError(
            f"{card.path}: features.layer is {card.features.layer}, "
            f"but the encoder has hidden states {-states} to {states - 1}"
        )
    return card.features.layer % states


def cannot_load(card: Card, exc: Exception) -> CardError:
    """The error for what a library raised, in one line; they raise dozens of unrelated classes."""
    reason = " ".join(str(exc).split())[:300] or type(exc).__name__
    source = card.folder or card.checkpoint
    return CardError(f"{card.path}: cannot load checkpoint {source}: {reason}")


def refuse_gaps(card: Card, missing: Iterable[str], mismatched: Iterable[str] = ()) -> None:
    """Libraries fill missing and misshapen weights at random and go on; we do not.

    Unexpected weights (heads, decoder, text tower) are no gap. Raises CardError.
    """
    for problem, names in (
        ("weights of another shape", sorted(mismatched)),
        ("weights missing", sorted(missing)),
    ):
        if names:
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            raise CardError(f"{card.path}: {problem}: {', '.join(names[:2])}{more}")
