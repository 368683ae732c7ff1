"""Connectors: patch features of any encoder become embeddings that the language model reads."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gvt.config import Connector as ConnectorConfig

# Added to the eigenvalues of the correlation, whose mean is 1: ten times the rounding noise of
# features computed in bfloat16, so that directions of nothing but noise stay small.
_SHRINKAGE = 1e-4


@dataclass(frozen=True)
class ConnectorShape:
    """What a connector joins: ``tokens`` features of ``dim``, ``prefix`` of them before the
    patches of ``grid`` (None: no grid), to a language model of width ``llm_dim``.

    ``scale`` is the standard deviation of the language model's own embeddings.
    """

    dim: int
    tokens: int
    grid: tuple[int, int] | None
    prefix: int
    llm_dim: int
    scale: float


class Connector(nn.Module):
    """Whitened features (+ positions) → body → embeddings at the language model's scale.

    Features are centred and decorrelated (ZCA) with the statistics of the alignment images.
    Encoders differ in scale by orders of magnitude, and within one a few directions can hold most
    of the variance and little of what is asked for (in the mini MAE three of 144 hold more than
    half); one learning rate must suit them all. ``tokens`` is how many embeddings come out.
    """

    def __init__(self, body: nn.Module, shape: ConnectorShape, positions: bool) -> None:
        super().__init__()
        self.body = body
        self.scale = shape.scale
        self.tokens = body.tokens if isinstance(body, Resampler) else shape.tokens
        self.register_buffer("mean", torch.zeros(shape.dim))
        self.register_buffer("whitening", torch.eye(shape.dim))
        places = None
        if positions and shape.grid is not None:
            table = sincos_2d(*shape.grid, shape.dim)
            places = torch.cat([torch.zeros(shape.prefix, shape.dim), table])
        self.register_buffer("places", places, persistent=False)

    def whiten(self, mean: Tensor, covariance: Tensor) -> None:
        """Set the statistics float[D] and float[D, D]; a constant channel is only centred."""
        self.mean.copy_(mean)
        variance = covariance.diagonal().double()
        live = variance > 1e-12
        deviation = torch.where(live, variance.sqrt(), 1.0)
        correlation = covariance / deviation / deviation[:, None]
        correlation.diagonal()[~live] = 1.0
        values, vectors = torch.linalg.eigh(correlation)
        whitened = vectors * (values.clamp(min=0) + _SHRINKAGE).rsqrt() @ vectors.T
        self.whitening.copy_(whitened / deviation[:, None])

    def forward(self, features: Tensor) -> Tensor:
        """float[B, N, D] → float[B, L, llm_dim]."""
        # In bfloat16 the rounding of the large directions would drown the small ones.
        with torch.autocast(features.device.type, enabled=False):
            features = (features.float() - self.mean) @ self.whitening
        if self.places is not None:
            features = features + self.places
        return self.body(features) * self.scale


class Resampler(nn.Module):
    """Perceiver resampler: latents attend to features and themselves (Flamingo, 2022, app. A.1.1).

    One learned media embedding is added to the features; pre-norm; feed-forward of GELU.
    """

    def __init__(
        self,
        dim: int,
        llm_dim: int,
        *,
        latents: int,
        depth: int,
        heads: int,
        head_dim: int,
        ffn_mult: int,
    ) -> None:
        super().__init__()
        self.tokens = latents
        self.latents = nn.Parameter(torch.randn(latents, dim))
        self.media = nn.Parameter(0.02 * torch.randn(dim))
        self.layers = nn.ModuleList(
            nn.ModuleList([_CrossAttention(dim, heads, head_dim), _feed_forward(dim, ffn_mult)])
            for _ in range(depth)
        )
        self.out = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, llm_dim))

    def forward(self, features: Tensor) -> Tensor:
        """float[B, N, dim] → float[B, latents, llm_dim]."""
        features = features + self.media
        state = self.latents.expand(len(features), -1, -1)
        for attention, feed_forward in self.layers:
            state = state + attention(state, features)
            state = state + feed_forward(state)
        return self.out(state)


class _CrossAttention(nn.Module):
    def __init__(self, dim: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads, inner = heads, heads * head_dim
        self.norm_state, self.norm_features = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query = nn.Linear(dim, inner, bias=False)
        self.key_value = nn.Linear(dim, 2 * inner, bias=False)
        self.out = nn.Linear(inner, dim, bias=False)

    def forward(self, state: Tensor, features: Tensor) -> Tensor:
        state, features = self.norm_state(state), self.norm_features(features)
        query = self._split(self.query(state))
        source = torch.cat([features, state], dim=1)
        key, value = (self._split(part) for part in self.key_value(source).chunk(2, dim=-1))
        # Explicit attention: its backward is more than twice as fast on a CPU at these lengths.
        weights = (query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def _feed_forward(dim: int, mult: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, mult * dim), nn.GELU(), nn.Linear(mult * dim, dim)
    )


def _mlp(dim: int, llm_dim: int) -> nn.Sequential:
    """LLaVA-1.5's projector: every feature becomes one embedding."""
    return nn.Sequential(nn.Linear(dim, llm_dim), nn.GELU(), nn.Linear(llm_dim, llm_dim))


def build_connector(config: ConnectorConfig, shape: ConnectorShape) -> Connector:
    """The connector that a recipe describes, for ``shape``; weights are drawn from torch's seed."""
    if config.type == "perceiver":
        body = Resampler(
            shape.dim,
            shape.llm_dim,
            latents=config.latents,
            depth=config.depth,
            heads=config.heads,
            head_dim=config.head_dim,
            ffn_mult=config.ffn_mult,
        )
    elif config.type == "linear":
        body = nn.Linear(shape.dim, shape.llm_dim)
    else:
        body = _mlp(shape.dim, shape.llm_dim)
    return Connector(body, shape, positions=config.positions == "sincos")


def sincos_2d(height: int, width: int, dim: int) -> Tensor:
    """Fixed 2-D sine–cosine positions float[height · width, dim] (as in MAE, 2022, app. A.1)."""
    quarter = dim // 4
    rates = 1.0 / 10000 ** (torch.arange(quarter) / max(1, quarter))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = [axis.flatten()[:, None] * rates for axis in (x, y)]
    table = torch.cat([f(angle) for angle in angles for f in (torch.sin, torch.cos)], dim=1)
    return nn.functional.pad(table, (0, dim - table.shape[1]))
