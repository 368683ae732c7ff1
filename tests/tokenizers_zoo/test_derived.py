"""Derived tokenizers: what settings change, and tokens chosen and joined as torch would do it.

The oracle is the library's own hidden states and torch's own pooling, resampling and cat.
"""

import pytest
import torch
from torch.nn import functional

from tests.tokenizers_zoo.test_families import library, pixels
from tokenizers_zoo import Card, CardError, combine, feature_shape, load_tokenizer
from tokenizers_zoo.combining import pooled_grid
from tokenizers_zoo.derived import Fusion, Selection, resolve
from tokenizers_zoo.expression import parse

# Toys of conftest: name in expressions → (family, what its card drops).
TOYS = {
    "vit": ("vit", "vit-head", ["cls"]),
    "dino": ("dinov2", "dinov2", ["cls"]),
    "regs": ("dinov2-reg", "dinov2-reg", ["cls", "registers"]),
    "deit": ("deit", "deit-head", ["distillation"]),
}


@pytest.fixture
def toys(checkpoint, make_card, request):
    """toys("expression"): the derived card; toys.models: what the library has of each toy."""
    cards, models = {}, {}
    for name in getattr(request, "param", TOYS):
        family, kind, drop = TOYS[name]
        _, models[name] = checkpoint(kind)
        features = {"layer": -1, "final_norm": True, "drop": drop}
        cards[name] = make_card(name, family=family, checkpoint=f"local:{kind}", features=features)
    cards["blind"] = make_card(
        "blind", family="blind", checkpoint=None, image=None, features=None, parameters=0
    )

    def make(text):
        return resolve(parse(text), cards.__getitem__)

    make.models, make.cards = models, cards
    return make


def encode(card):
    """Features of two images; every encoder sees its own pixels, by its image size."""
    encoded = {}
    for one in card.encoders:
        tokenizer = load_tokenizer(one)
        size = one.image.size if one.image else 1
        encoded[one] = tokenizer.encode(pixels(size))
    tokens = combine(card, encoded)
    assert feature_shape(card) == tokens.features.shape[1:]
    return tokens


def states(toys, name, size=12, layer=-1, norm=True):
    """The library's hidden states float[2, N, 16], prefix included."""
    return library(TOYS[name][0], toys.models[name], size, layer, norm)


def near(tokens, wanted, grid, prefix=0):
    assert tokens.features.shape == wanted.shape
    assert torch.allclose(tokens.features, wanted, atol=1e-5)
    assert (tokens.grid, tokens.prefix) == (grid, prefix)


def pooled(patches, side, to):
    """float[2, side², D] → float[2, to², D] by torch's own average pooling."""
    grid = patches.reshape(2, side, side, -1).permute(0, 3, 1, 2)
    return functional.adaptive_avg_pool2d(grid, to).permute(0, 2, 3, 1).reshape(2, to * to, -1)


@torch.no_grad()
def test_layer_norm_and_resolution_are_those_of_the_library(toys):
    card = toys("vit[layer=-2,norm=no,res=20]")
    assert isinstance(card, Card) and card.encoders == (card,)
    near(encode(card), states(toys, "vit", 20, -2, False)[:, 1:], (5, 5))
    near(encode(toys("vit[layer=1]")), states(toys, "vit", 12, 1)[:, 1:], (3, 3))


@torch.no_grad()
def test_tokens_that_are_kept(toys):
    vit, regs, deit = states(toys, "vit"), states(toys, "regs"), states(toys, "deit")
    near(encode(toys("vit[tokens=patch+cls]")), vit, (3, 3), 1)
    near(encode(toys("vit[tokens=cls]")), vit[:, :1], None)
    near(encode(toys("regs[tokens=registers+patch]")), regs[:, 1:], (3, 3), 4)
    near(encode(toys("regs[tokens=registers+cls]")), regs[:, :5], None)
    # Its card keeps CLS: nothing but patches is a part of what it gives.
    near(encode(toys("deit[tokens=patch]")), deit[:, 2:], (3, 3))
    near(encode(toys("deit[tokens=distillation+patch]")), deit[:, 1:], (3, 3), 1)
    near(encode(toys("deit[tokens=cls]")), deit[:, :1], None)


@torch.no_grad()
def test_a_budget_is_average_pooling_over_the_grid(toys):
    vit, fine = states(toys, "vit"), states(toys, "vit", 20)
    for to in (1, 2, 3):
        wanted = pooled(vit[:, 1:], 3, to)
        near(encode(toys(f"vit[tokens={to * to}]")), wanted, (to, to))
        near(
            encode(toys(f"vit[tokens={to * to}+cls]")),
            torch.cat([vit[:, :1], wanted], dim=1),
            (to, to),
            1,
        )
    near(encode(toys("vit[res=20,tokens=9]")), pooled(fine[:, 1:], 5, 3), (3, 3))
    deit = states(toys, "deit")
    near(encode(toys("deit[tokens=4]")), pooled(deit[:, 2:], 3, 2), (2, 2))


@torch.no_grad()
def test_channels_stand_side_by_side_on_the_first_grid(toys):
    vit, dino = states(toys, "vit")[:, 1:], states(toys, "dino")[:, 1:]
    near(encode(toys("vit+dino")), torch.cat([vit, dino], dim=2), (3, 3))
    near(encode(toys("dino+vit+dino")), torch.cat([dino, vit, dino], dim=2), (3, 3))
    whole = torch.cat([states(toys, "vit"), states(toys, "dino")], dim=2)
    near(encode(toys("vit[tokens=patch+cls]+dino[tokens=patch+cls]")), whole, (3, 3), 1)
    fine = states(toys, "dino", 28)[:, 1:].reshape(2, 7, 7, 16).permute(0, 3, 1, 2)
    coarse = functional.interpolate(fine, (3, 3), mode="bilinear", antialias=True)
    coarse = coarse.permute(0, 2, 3, 1).reshape(2, 9, 16)
    near(encode(toys("vit+dino[res=28]")), torch.cat([vit, coarse], dim=2), (3, 3))


def test_a_coarser_grid_loses_no_patch(toys):
    """Every patch of a finer grid has a share in the coarser one, unlike bilinear point samples."""
    card = toys("vit+dino[res=28]")
    encoded = {one: load_tokenizer(one).encode(pixels(one.image.size)) for one in card.encoders}
    before = combine(card, encoded).features
    finer = card.encoders[1]
    for patch in range(49):
        encoded[finer].features[:, patch] += 100
        after = combine(card, encoded).features
        assert (after - before).abs().max() > 0.1
        before = after


@torch.no_grad()
def test_sequences_stand_behind_one_another_in_channels_of_their_own(toys):
    vit, dino = states(toys, "vit"), states(toys, "dino")[:, 1:]
    tokens = encode(toys("vit[tokens=patch+cls]++dino"))
    first = torch.cat([vit, torch.zeros(2, 10, 16)], dim=2)
    second = torch.cat([torch.zeros(2, 9, 16), dino], dim=2)
    near(tokens, torch.cat([first, second], dim=1), None)
    # One linear layer on that is one projection per encoder.
    weight = torch.randn(5, 32)
    wanted = torch.cat([vit @ weight[:, :16].T, dino @ weight[:, 16:].T], dim=1)
    assert torch.allclose(tokens.features @ weight.T, wanted, atol=1e-4)


@torch.no_grad()
def test_budgets_of_one_encoder_share_its_channels(toys):
    vit = states(toys, "vit")[:, 1:]
    both = torch.cat([pooled(vit, 3, 1), vit], dim=1)
    card = toys("vit[tokens=1]++vit")
    near(encode(card), both, None)
    assert len(card.encoders) == 1
    near(encode(toys("vit++blind")), functional.pad(vit, (0, 16, 0, 1)), None)


def test_what_other_features_need_is_a_card_and_the_rest_is_selected(toys):
    """So that several token budgets, and patches beside CLS, cost one pass over the images."""
    plain = toys.cards["vit"]
    for text in ("vit[tokens=4]", "vit[tokens=9]", "vit[tokens=1]"):
        assert isinstance(toys(text), Selection)
        assert toys(text).encoders == (plain,)
    for text in ("deit[tokens=4]", "deit[tokens=patch]", "deit[tokens=cls]", "deit[tokens=4+cls]"):
        assert toys(text).encoders == (toys.cards["deit"],)
    assert toys("vit[tokens=cls]").encoders == toys("vit[tokens=4+cls]").encoders != (plain,)
    for text in ("vit[layer=-1]", "vit[norm=yes,res=12]", "vit[tokens=patch]"):
        assert toys(text) == plain
    assert isinstance(toys("vit+dino"), Fusion)
    assert toys("vit+vit[tokens=9]").encoders == (plain,)


def test_hashes_tell_tokenizers_apart_and_nothing_else(toys):
    texts = ["vit", "vit[layer=-2]", "vit[norm=no]", "vit[res=20]", "vit[tokens=cls]"]
    texts += ["vit[tokens=patch+cls]", "vit[tokens=4]", "vit[tokens=1]", "vit[tokens=4+cls]"]
    texts += ["vit+dino", "dino+vit", "vit++dino", "vit+dino[tokens=4]", "vit+dino++vit"]
    hashes = {toys(text).hash() for text in texts}
    assert len(hashes) == len(texts)
    same = [("vit[tokens=cls+patch]", "vit[tokens=patch+cls]"), ("vit[layer=-1]+dino", "vit+dino")]
    same += [("vit[tokens=4][layer=-2]", "vit[layer=-2,tokens=4]")]
    for one, other in same:
        assert toys(one).hash() == toys(other).hash()
        assert toys(one).name == toys(other).name


def test_a_fusion_costs_what_its_encoders_cost(toys):
    assert toys("vit+dino").parameters == 2  # the toys' cards say 1 each
    assert toys("vit[tokens=4]++vit[layer=1]").parameters == 1  # two layers of one network
    assert toys("vit+blind++dino").parameters == 2
    card = toys("vit+dino")
    assert (card.licence, card.source) == ("Apache-2.0", "a test")
    assert "vit and dino" in card.description


@pytest.mark.parametrize("toys", [["vit", "dino"]], indirect=True)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("blind[layer=1]", "'blind' looks at no image"),
        ("vit[tokens=registers]", "'vit' has no token 'registers'"),
        ("vit[tokens=pach]", "'vit' has no token 'pach'; did you mean 'patch'?"),
        (
            "vit[tokens=5]",
            "3 x 3 patches of 'vit' cannot be averaged to a grid of 5; nearest: 4 or 9",
        ),
        ("vit[tokens=16]", "nearest: 9"),
        ("vit[layer=9]", "hidden states -4 to 3"),
        ("vit[res=13]", "image.size is 13, which is no multiple"),
        ("vit+blind", "'blind' has no grid of patches"),
        ("vit[tokens=cls]+dino", "'vit[tokens=cls]' has no grid of patches"),
        ("vit[tokens=patch+cls]+dino", "keeps 1 tokens before its patches, 'dino' 0"),
    ],
)
def test_what_does_not_fit_is_one_line(toys, text, words):
    with pytest.raises(CardError) as caught:
        feature_shape(toys(text))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_grids_keep_their_proportions():
    assert [n for n in range(50) if pooled_grid((6, 6), n)] == [1, 4, 9, 16, 25, 36]
    assert [n for n in range(50) if pooled_grid((4, 6), n)] == [6, 24]
    assert pooled_grid((4, 6), 6) == (2, 3)
