"""Features of a derived tokenizer out of those of its encoders: selected, pooled, fused."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from tokenizers_zoo.card import Card, CardError
from tokenizers_zoo.derived import Fusion, Selection
from tokenizers_zoo.families import families
from tokenizers_zoo.protocol import TokenizerCard, VisualTokens

Grid = tuple[int, int]


def combine(card: TokenizerCard, encoded: Mapping[Card, VisualTokens]) -> VisualTokens:
    """The features float[B, N, D] of `card`; `encoded` holds those of each of `card.encoders`.

    Raises CardError where the parts do not fit: a budget the grid does not allow, no grid, other
    prefix tokens.
    """
    if isinstance(card, Card):
        return encoded[card]
    if isinstance(card, Selection):
        return _select(card, encoded[card.base])
    parts = [combine(part, encoded) for part in card.parts]
    return (_channels if card.kind == "channels" else _sequence)(card, parts)


def pooled_grid(grid: Grid, budget: int) -> Grid | None:
    """The grid of `budget` places with the proportions of `grid`, and no finer; None: there is no
    such grid."""
    return next((g for g in _coarser(grid) if g[0] * g[1] == budget), None)


def resample(patches: Tensor, grid: Grid, to: Grid) -> Tensor:
    """Patches float[B, h·w, D] of one grid at the places of another (bilinear), float32."""
    # Antialiased: where a finer grid is made coarser, every patch has its share.
    places = functional.interpolate(
        _as_map(patches, grid), to, mode="bilinear", align_corners=False, antialias=True
    )
    return _as_sequence(places)


def _coarser(grid: Grid) -> list[Grid]:
    """Every grid with the proportions of `grid` that is not finer, coarsest first."""
    h, w = grid
    return [(i, i * w // h) for i in range(1, h + 1) if i * w % h == 0]


def _select(card: Selection, tokens: VisualTokens) -> VisualTokens:
    kept, base = card.kept, card.base
    positions, at = [], 0
    for kind, count in families()[base.family].prefix.items():
        if kind in base.features.drop:
            continue
        if kind in kept.prefix:
            positions += range(at, at + count)
        at += count
    prefix, patches = tokens.features[:, positions], tokens.features[:, tokens.prefix :]
    if not kept.patches:
        # What is left are tokens of no place: to a connector, a sequence without a grid.
        return VisualTokens(prefix, None)
    grid = tokens.grid
    if kept.budget:
        grid = _budget_grid(card, grid)
        patches = _as_sequence(functional.adaptive_avg_pool2d(_as_map(patches, tokens.grid), grid))
    return VisualTokens(torch.cat([prefix, patches], dim=1), grid, len(positions))


def _budget_grid(card: Selection, grid: Grid) -> Grid:
    found = pooled_grid(grid, card.kept.budget)
    if found is None:
        sizes = [h * w for h, w in _coarser(grid)]
        below = [n for n in sizes if n < card.kept.budget][-1:]
        above = [n for n in sizes if n > card.kept.budget][:1]
        near = " or ".join(map(str, below + above))
        raise CardError(
            f"'{card.name}': the {grid[0]} x {grid[1]} patches of '{card.base.name}' cannot be "
            f"averaged to a grid of {card.kept.budget}; nearest: {near}"
        )
    return found


def _channels(card: Fusion, parts: Sequence[VisualTokens]) -> VisualTokens:
    """Side by side, place by place; every grid is brought to the first one's."""
    first = parts[0]
    for part, tokens in zip(card.parts, parts, strict=True):
        if tokens.grid is None:
            raise CardError(
                f"'{card.name}': '{part.name}' has no grid of patches to put beside another; "
                "join it with '++'"
            )
        if tokens.prefix != first.prefix:
            raise CardError(
                f"'{card.name}': '{card.parts[0].name}' keeps {first.prefix} tokens before its "
                f"patches, '{part.name}' {tokens.prefix}; give both the same, e.g. [tokens=patch]"
            )
    fitted = []
    for tokens in parts:
        features = tokens.features
        if tokens.grid != first.grid:
            places = resample(features[:, tokens.prefix :], tokens.grid, first.grid)
            features = torch.cat([features[:, : tokens.prefix], places], dim=1)
        fitted.append(features)
    return VisualTokens(torch.cat(fitted, dim=-1), first.grid, first.prefix)


def _sequence(card: Fusion, parts: Sequence[VisualTokens]) -> VisualTokens:
    """One behind the other. Every encoder has channels of its own and zeros elsewhere: one linear
    layer behind it is then one projection per encoder, whatever their widths and scales. Parts
    that read the same encoder (other budgets of it) share its channels."""
    owners = [
        (part.encoders, tokens.features.shape[-1])
        for part, tokens in zip(card.parts, parts, strict=True)
    ]
    starts, width = {}, 0
    for owner in dict.fromkeys(owners):
        starts[owner] = width
        width += owner[1]
    padded = [
        functional.pad(tokens.features, (starts[owner], width - starts[owner] - owner[1]))
        for owner, tokens in zip(owners, parts, strict=True)
    ]
    return VisualTokens(torch.cat(padded, dim=1), None)


def _as_map(patches: Tensor, grid: Grid) -> Tensor:
    """float[B, h·w, D] → float32[B, D, h, w], to be averaged without loss."""
    return patches.float().transpose(1, 2).unflatten(2, grid)


def _as_sequence(places: Tensor) -> Tensor:
    """float[B, D, h, w] → float[B, h·w, D]."""
    return places.flatten(2).transpose(1, 2)
