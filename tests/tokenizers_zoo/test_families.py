"""Every published family: features equal the library's own, at native and interpolated size."""

import itertools
from pathlib import Path

import pytest
import torch
import transformers

import tokenizers_zoo.families as table
from tokenizers_zoo import CardError, feature_shape, load_tokenizer
from tokenizers_zoo.families import families
from tokenizers_zoo.portable import from_dict, has_weights, with_weights

# What the hub's checkpoint holds: toy of conftest, its bare encoder, its final norm.
HELD = {
    "deit": ("deit-head", "deit", "deit.layernorm"),
    "clip": ("clip", "vision_model", "vision_model.post_layernorm"),
    "mae": ("mae", "vit", "vit.layernorm"),
    "vit": ("vit-head", "vit", "vit.layernorm"),
    "dinov2": ("dinov2", "", "layernorm"),
    "dinov2-reg": ("dinov2-reg", "", "layernorm"),
    "dinov3": ("dinov3", "", "norm"),
    "siglip": ("siglip", "vision_model", "vision_model.post_layernorm"),
    "beit-pt": ("beit-pt", "beit", "layernorm"),
    "beit-ft": ("beit-ft", "beit", "beit.pooler.layernorm"),
    "data2vec": ("data2vec", "", "layernorm"),
    "owlvit": ("owlvit", "owlvit.vision_model", "owlvit.vision_model.post_layernorm"),
}
ITSELF = {"dinov2", "dinov2-reg", "dinov3"}  # classes without the argument


def pixels(size):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))


def image(size):
    return {"size": size, "resize": "stretch", "interpolation": "bicubic"} | {
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }


def library(family, model, size, layer, final_norm):
    """The library's hidden state, prefix included, by the library's own means alone."""
    _, encoder, norm = HELD[family]
    encoder = model.get_submodule(encoder)
    arguments = {"output_hidden_states": True}
    if family not in ITSELF and size != 12:
        arguments["interpolate_pos_encoding"] = True
    if family == "mae":
        encoder.config.mask_ratio = 0.0
    output = encoder(pixels(size), **arguments)
    state = output.hidden_states[layer]
    if family == "mae":
        # Whatever order the model drew, its own indices put the patches back into place.
        order = output.ids_restore.unsqueeze(-1).expand(-1, -1, 16)
        state = torch.cat([state[:, :1], state[:, 1:].gather(1, order)], dim=1)
    return model.get_submodule(norm)(state) if final_norm else state


@pytest.mark.parametrize("family", HELD)
@torch.no_grad()
def test_features_equal_the_library(checkpoint, make_card, family):
    kind = HELD[family][0]
    _, model = checkpoint(kind)
    prefix = families()[family].prefix
    before = sum(prefix.values())
    reads = ((-1, True, list(prefix)), (-2, False, []), (0, False, list(prefix)))
    for size, (layer, final_norm, drop) in itertools.product((12, 20), reads):
        card = make_card(
            family=family,
            checkpoint=f"local:{kind}",
            image=image(size),
            features={"layer": layer, "final_norm": final_norm, "drop": drop},
        )
        tokenizer = load_tokenizer(card)
        tokens = tokenizer.encode(pixels(size))
        wanted = library(family, model, size, layer, final_norm)
        first = before if drop else 0
        side = size // 4
        assert tokens.features.shape == (2, side * side + before - first, 16)
        assert torch.allclose(tokens.features, wanted[:, first:], atol=1e-5)
        assert tokens.grid == tokenizer.grid == (side, side)
        assert tokens.prefix == before - first
        assert feature_shape(card) == (tokenizer.tokens, tokenizer.dim)
        assert (tokenizer.tokens, tokenizer.dim) == tokens.features.shape[1:]


@pytest.mark.parametrize("family", HELD)
def test_a_trained_network_comes_back_from_a_folder(checkpoint, make_card, tmp_path, family):
    kind = HELD[family][0]
    checkpoint(kind)
    prefix = list(families()[family].prefix)
    for init in ({}, {"init": "random", "seed": 0}):
        card = make_card(
            family=family,
            checkpoint=f"local:{kind}",
            image=image(20),
            features={"layer": -1, "final_norm": True, "drop": prefix},
            **init,
        )
        trained = load_tokenizer(card)
        wanted = trained.encode(pixels(20)).features
        for weight in trained.model.parameters():
            weight.mul_(1.5)
        moved = trained.encode(pixels(20)).features
        assert not torch.allclose(moved, wanted, atol=1e-2)
        values = with_weights(card, tmp_path / "saved", "networks", {card: trained.model})
        assert has_weights(values)
        back = load_tokenizer(from_dict(values, tmp_path / "saved"))
        assert torch.equal(back.encode(pixels(20)).features, moved)


def test_all_families_of_transformers_are_compared():
    ours = {name for name, f in families().items() if f.model and f.loader == "transformers"}
    assert ours == set(HELD)


@torch.no_grad()
def test_swiglu_of_the_giant_loads(checkpoint, make_card):
    _, model = checkpoint("dinov2-giant")
    card = make_card(family="dinov2", checkpoint="local:dinov2-giant")
    wanted = model(pixels(12)).last_hidden_state[:, 1:]
    assert torch.allclose(load_tokenizer(card).encode(pixels(12)).features, wanted, atol=1e-5)


@torch.no_grad()
def test_a_border_that_fills_no_patch_is_taken_at_native_size_alone(checkpoint, make_card):
    _, model = checkpoint("siglip-border")
    features = {"layer": -1, "final_norm": True, "drop": []}
    same = {"family": "siglip", "checkpoint": "local:siglip-border", "features": features}
    tokenizer = load_tokenizer(make_card(**same, image=image(14)))
    wanted = model(pixels(14)).last_hidden_state
    tokens = tokenizer.encode(pixels(14)).features
    assert tokens.shape == (2, 9, 16) and torch.allclose(tokens, wanted, atol=1e-5)
    with pytest.raises(CardError, match=r"18, which is no multiple .* take 16 or 20, or 14"):
        load_tokenizer(make_card(**same, image=image(18)))


def test_siglip_is_built_without_its_pooling_head(checkpoint, make_card):
    _, model = checkpoint("siglip")
    features = {"layer": -1, "final_norm": True, "drop": []}
    card = make_card(family="siglip", checkpoint="local:siglip", features=features)
    tower = model.vision_model
    head = sum(p.numel() for p in tower.head.parameters())
    whole = sum(p.numel() for p in tower.parameters())
    assert load_tokenizer(card).parameters == whole - head < whole


def test_another_number_of_registers_does_not_pass_for_patches(make_card, tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.DINOv3ViTConfig(**sizes, image_size=12, patch_size=4)
    transformers.DINOv3ViTModel(config).save_pretrained(tmp_path / "none")
    tokenizer = load_tokenizer(make_card(family="dinov3", checkpoint="local:none"))
    with pytest.raises(CardError, match="gives 10 tokens, but family 'dinov3' at 12 pixels has 14"):
        tokenizer.encode(pixels(12))


@pytest.mark.parametrize("kind", ["beit-ft", "beit-pt"])
def test_the_two_beits_do_not_pass_for_one_another(checkpoint, make_card, kind):
    checkpoint(kind)
    other = {"beit-ft": "beit-pt", "beit-pt": "beit-ft"}[kind]
    with pytest.raises(CardError, match=r"weights missing: .*layernorm"):
        load_tokenizer(make_card(family=other, checkpoint=f"local:{kind}"))


@pytest.fixture
def add_family(tmp_path, monkeypatch):
    """Add a line to a copy of the table, for one test."""

    def add(line):
        lines = Path(table.__file__).with_name("families.yaml").read_text()
        (tmp_path / "families.yaml").write_text(f"{lines}{line}\n")
        monkeypatch.setattr(table, "__file__", str(tmp_path / "families.py"))
        families.cache_clear()

    yield add
    families.cache_clear()


@torch.no_grad()
def test_a_new_family_is_one_line_and_one_card(add_family, make_card, tmp_path):
    """I-JEPA (no prefix tokens at all), which no line of ours names."""
    add_family("ijepa: {model: IJepaModel, norm: layernorm}")
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.IJepaConfig(**sizes, intermediate_size=32, image_size=12, patch_size=4)
    model = transformers.IJepaModel(config).eval()
    model.save_pretrained(tmp_path / "jepa")
    features = {"layer": -1, "final_norm": True, "drop": []}
    for size in (12, 20):
        card = make_card(
            family="ijepa", checkpoint="local:jepa", features=features, image=image(size)
        )
        wanted = model(pixels(size), interpolate_pos_encoding=size != 12).last_hidden_state
        tokens = load_tokenizer(card).encode(pixels(size)).features
        assert tokens.shape[1] == (size // 4) ** 2
        assert torch.allclose(tokens, wanted, atol=1e-5)
