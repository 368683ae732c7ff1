"""Connectors against attention written out by hand, and what surrounds their bodies."""

import math

import pytest
import torch

from gvt.config import Connector as Config
from gvt.model.connector import Connector, ConnectorShape, Resampler, build_connector, sincos_2d

SMALL = {"latents": 3, "depth": 2, "heads": 2, "head_dim": 5, "ffn_mult": 2}


def shape(**changes):
    keys = {"dim": 10, "tokens": 7, "grid": (2, 3), "prefix": 1, "llm_dim": 8, "scale": 0.5}
    return ConnectorShape(**{**keys, **changes})


def made(seed=0, **config):
    torch.manual_seed(seed)
    return build_connector(Config(**{**SMALL, **config}), shape())


def norm(vector, weights, name):
    centred = vector - vector.mean()
    scaled = centred / torch.sqrt((centred**2).mean() + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def affine(vector, weights, name):
    return weights[f"{name}.weight"] @ vector + weights.get(f"{name}.bias", 0.0)


def resampled(weights, features, heads, head_dim, depth):
    """Flamingo's resampler for one image, a vector at a time."""
    features = [feature + weights["media"] for feature in features]
    state = list(weights["latents"])
    for layer in range(depth):
        part = f"layers.{layer}"
        normed = [norm(s, weights, f"{part}.0.norm_state") for s in state]
        source = [norm(f, weights, f"{part}.0.norm_features") for f in features] + normed
        both = [affine(x, weights, f"{part}.0.key_value") for x in source]
        width = heads * head_dim
        after = []
        for latent, query_input in zip(state, normed, strict=True):
            query = affine(query_input, weights, f"{part}.0.query")
            mixed = torch.zeros(width)
            for head in range(heads):
                place = slice(head * head_dim, (head + 1) * head_dim)
                scores = [float(query[place] @ x[:width][place]) for x in both]
                raised = [math.exp(score / math.sqrt(head_dim)) for score in scores]
                for weight, x in zip(raised, both, strict=True):
                    mixed[place] += weight / sum(raised) * x[width:][place]
            latent = latent + affine(mixed, weights, f"{part}.0.out")
            hidden = affine(norm(latent, weights, f"{part}.1.0"), weights, f"{part}.1.1")
            hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
            after.append(latent + affine(hidden, weights, f"{part}.1.3"))
        state = after
    return torch.stack([affine(norm(s, weights, "out.0"), weights, "out.1") for s in state])


@torch.no_grad()
def test_the_resampler_is_flamingos():
    torch.manual_seed(1)
    body = Resampler(10, 8, **SMALL)
    for weight in body.parameters():
        weight += 0.3 * torch.randn_like(weight)
    features = torch.randn(2, 7, 10)
    found = body(features)
    assert found.shape == (2, 3, 8)
    for image, wanted in zip(features, found, strict=True):
        by_hand = resampled(body.state_dict(), image, heads=2, head_dim=5, depth=2)
        torch.testing.assert_close(wanted, by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "tokens"), [("perceiver", 3), ("linear", 7), ("mlp", 7)])
def test_as_many_embeddings_as_it_says(kind, tokens):
    connector = made(type=kind)
    found = connector(torch.randn(2, 7, 10))
    assert connector.tokens == tokens
    assert found.shape == (2, tokens, 8)


def test_features_are_whitened_and_brought_to_scale():
    connector = Connector(torch.nn.Identity(), shape(scale=0.25), positions=False)
    torch.manual_seed(0)
    mixed = torch.randn(80, 7, 10) @ (torch.eye(10) + 0.3 * torch.randn(10, 10))
    features = mixed * torch.logspace(-3, 3, 10) + torch.arange(10.0)
    features[..., 4] = 6.0  # a channel that says nothing
    flat = features.flatten(0, 1)
    connector.whiten(flat.mean(0), flat.T.cov())
    with torch.autocast("cpu", torch.bfloat16):
        found = connector(features).flatten(0, 1)
    # Every direction of variance v (the channels scaled to one) has v / (v + 0.0001) of it left.
    live = [channel for channel in range(10) if channel != 4]
    left, before = (
        found[:, live].T.cov() / 0.25**2,
        torch.linalg.eigvalsh(flat[:, live].T.corrcoef()),
    )
    assert before.max() / before.min() > 10
    torch.testing.assert_close(
        torch.linalg.eigvalsh(left), before / (before + 1e-4), atol=1e-3, rtol=0
    )
    # Each channel stays itself: of all whitenings, the one that moves features least.
    both = torch.cat([flat[:, live].T, found[:, live].T])
    assert torch.corrcoef(both)[:9, 9:].diagonal().min() > 0.7
    torch.testing.assert_close(found.mean(0), torch.zeros(10), atol=1e-3, rtol=0)
    assert found[:, 4].abs().max() < 1e-4
    # Should it speak up on other images, it is not blown up.
    features[..., 4] += 1
    torch.testing.assert_close(
        connector(features)[..., 4], torch.full((80, 7), 0.25), rtol=1e-3, atol=1e-3
    )


def test_a_linear_connector_is_a_matrix():
    connector = made(type="linear")
    weights = connector.state_dict()
    connector.whiten(torch.full((10,), 2.0), 16 * torch.eye(10))
    features = torch.randn(2, 7, 10)
    by_hand = ((features - 2) / 4 / 1.0001**0.5) @ weights["body.weight"].T + weights["body.bias"]
    torch.testing.assert_close(connector(features), 0.5 * by_hand)


@pytest.mark.parametrize("dim", [2, 10, 16, 19])
def test_sincos_positions_tell_all_places_apart(dim):
    table = sincos_2d(2, 3, dim)
    assert table.shape == (6, dim)
    quarter = dim // 4
    assert not table[:, 4 * quarter :].any()
    for place, row in enumerate(table[:, : 4 * quarter]):
        y, x = divmod(place, 3)
        wanted = [
            f(axis / 10000 ** (i / quarter))
            for axis in (x, y)
            for f in (math.sin, math.cos)
            for i in range(quarter)
        ]
        torch.testing.assert_close(row, torch.tensor(wanted))
    if quarter:
        assert len({tuple(row) for row in table.tolist()}) == 6


def test_positions_are_added_to_patches_and_not_to_the_prefix():
    plain = Connector(torch.nn.Identity(), shape(scale=1.0), positions=False)
    placed = Connector(torch.nn.Identity(), shape(scale=1.0), positions=True)
    features = torch.randn(1, 7, 10)
    difference = (placed(features) - plain(features))[0]
    assert not difference[0].any()
    torch.testing.assert_close(difference[1:], sincos_2d(2, 3, 10))


def test_without_a_grid_there_are_no_positions():
    connector = Connector(torch.nn.Identity(), shape(scale=1.0, grid=None), positions=True)
    features = torch.randn(1, 7, 10)
    assert torch.equal(connector(features), features)


def test_equal_seeds_give_equal_weights():
    one, two, other = (made(seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["body.latents"], other["body.latents"])
