"""Features equal the library's own hidden states, for every family; what is amiss is an error."""

import json

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from tokenizers_zoo import (
    BUILTIN_CARDS,
    Card,
    CardError,
    VisualTokenizer,
    find_cards,
    load_tokenizer,
)

PIXELS = torch.randn(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
PREFIX = {"deit": ["cls", "distillation"], "clip": ["cls"], "mae": ["cls"], "vit": ["cls"]}


def encoder_of(model):
    """The bare encoder inside a saved model, however it is wrapped."""
    return getattr(model, "vision_model", model.base_model)


def library_states(model):
    """The library's hidden states, patches in spatial order, prefix included; and its norm."""
    encoder = encoder_of(model)
    if isinstance(encoder, transformers.ViTMAEModel):
        # Without the library's masking: its embeddings and layers by hand.
        embed = encoder.embeddings
        patches = embed.patch_embeddings(PIXELS) + embed.position_embeddings[:, 1:]
        cls = (embed.cls_token + embed.position_embeddings[:, :1]).expand(len(PIXELS), -1, -1)
        states = [torch.cat([cls, patches], dim=1)]
        for layer in encoder.layers:
            states.append(layer(states[-1]))
        return states, encoder.layernorm
    states = encoder(PIXELS, output_hidden_states=True).hidden_states
    norm = encoder.post_layernorm if hasattr(encoder, "post_layernorm") else encoder.layernorm
    return states, norm


@pytest.mark.parametrize("final_norm", [True, False])
@pytest.mark.parametrize("layer", [-1, -2, 0, 3])
@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("deit", "deit"),
        ("deit", "deit-head"),
        ("clip", "clip"),
        ("clip", "clip-vision"),
        ("mae", "mae"),
        ("mae", "mae-bare"),
        ("vit", "vit"),
    ],
)
@torch.no_grad()
def test_features_equal_the_library(checkpoint, make_card, family, kind, layer, final_norm):
    _, model = checkpoint(kind)
    drop = PREFIX[family]
    card = make_card(
        family=family,
        checkpoint=f"local:{kind}",
        features={"layer": layer, "final_norm": final_norm, "drop": drop},
    )
    tokenizer = load_tokenizer(card)
    states, norm = library_states(model)
    wanted = norm(states[layer]) if final_norm else states[layer]
    tokens = tokenizer.encode(PIXELS)
    assert tokens.features.shape == (2, 9, 16)
    assert torch.allclose(tokens.features, wanted[:, len(drop) :], atol=1e-5)
    assert (tokens.grid, tokens.prefix) == ((3, 3), 0)
    assert isinstance(tokenizer, VisualTokenizer)
    assert (tokenizer.dim, tokenizer.tokens, tokenizer.grid) == (16, 9, (3, 3))


@pytest.mark.parametrize("family", ["clip", "mae", "deit"])
def test_several_layers_out_of_one_pass_are_those_of_a_pass_each(checkpoint, make_card, family):
    checkpoint(family)
    cards = [
        make_card(
            family=family,
            checkpoint=f"local:{family}",
            features={"layer": layer, "final_norm": final_norm, "drop": drop},
        )
        for layer, final_norm, drop in ((-1, True, PREFIX[family]), (0, False, []), (-1, False, []))
    ]
    assert len({card.pass_hash() for card in cards}) == 1 < len({card.hash() for card in cards})
    together = load_tokenizer(cards[0]).encode_each(PIXELS, cards)
    for card, tokens in zip(cards, together, strict=True):
        alone = load_tokenizer(card).encode(PIXELS)
        assert torch.equal(tokens.features, alone.features)
        assert (tokens.grid, tokens.prefix) == (alone.grid, alone.prefix)


@torch.no_grad()
def test_last_layer_with_norm_is_the_librarys_own_output(checkpoint, make_card):
    for family, kind in (("deit", "deit"), ("vit", "vit")):
        _, model = checkpoint(kind)
        drop = PREFIX[family]
        features = {"layer": -1, "final_norm": True, "drop": drop}
        card = make_card(family=family, checkpoint=f"local:{kind}", features=features)
        wanted = model(PIXELS).last_hidden_state[:, len(drop) :]
        assert torch.allclose(load_tokenizer(card).encode(PIXELS).features, wanted, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("drop", [[], ["cls"], ["distillation"], ["cls", "distillation"]])
def test_deit_keeps_the_prefix_tokens_that_are_not_dropped(checkpoint, make_card, drop):
    _, model = checkpoint("deit")
    features = {"layer": -1, "final_norm": True, "drop": drop}
    tokenizer = load_tokenizer(make_card(family="deit", checkpoint="local:deit", features=features))
    stay = [i for i, kind in enumerate(PREFIX["deit"]) if kind not in drop] + list(range(2, 11))
    tokens = tokenizer.encode(PIXELS)
    assert tokens.prefix == 2 - len(drop) and tokenizer.tokens == tokens.features.shape[1]
    assert torch.allclose(tokens.features, model(PIXELS).last_hidden_state[:, stay], atol=1e-5)


@pytest.mark.parametrize("family", ["deit", "clip", "mae", "vit"])
def test_patches_come_out_in_spatial_order(checkpoint, make_card, family):
    """Before any attention, pixels of patch (row, column) change token row · 3 + column alone."""
    checkpoint(family)
    features = {"layer": 0, "final_norm": False, "drop": PREFIX[family]}
    card = make_card(family=family, checkpoint=f"local:{family}", features=features)
    tokenizer = load_tokenizer(card)
    before = tokenizer.encode(PIXELS).features
    for row in range(3):
        for column in range(3):
            changed = PIXELS.clone()
            changed[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 1
            moved = (tokenizer.encode(changed).features - before).abs().amax(dim=(0, 2))
            # CLIP's layer 0 is behind its first norm, which still acts token by token.
            assert (moved > 1e-4).nonzero().flatten().tolist() == [3 * row + column]


def test_mae_is_deterministic_and_equals_an_unmasked_vit(checkpoint, make_card):
    checkpoint("mae")
    mae = load_tokenizer(make_card("mae-card", family="mae", checkpoint="local:mae"))
    first = mae.encode(PIXELS).features
    assert torch.equal(first, mae.encode(PIXELS).features)
    # The same weights in the class that knows no masking.
    vit = load_tokenizer(make_card("vit-card", family="vit", checkpoint="local:mae"))
    assert torch.allclose(first, vit.encode(PIXELS).features, atol=1e-5)


def test_the_encoder_is_frozen(checkpoint, make_card):
    checkpoint("vit")
    tokenizer = load_tokenizer(make_card())
    assert not tokenizer.model.training
    assert not any(p.requires_grad for p in tokenizer.model.parameters())
    features = tokenizer.encode(PIXELS.clone().requires_grad_()).features
    assert not features.requires_grad
    # What comes out may feed a trained connector: it is an ordinary tensor, not an inference one.
    torch.nn.Linear(16, 4)(features).sum().backward()


def test_dtype(checkpoint, make_card):
    checkpoint("vit")
    tokenizer = load_tokenizer(make_card(), dtype=torch.bfloat16)
    features = tokenizer.encode(PIXELS).features
    assert features.dtype == torch.bfloat16
    exact = load_tokenizer(make_card()).encode(PIXELS).features
    assert (features.float() - exact).abs().mean() < 0.1


def test_pixels_to_features(checkpoint, make_card, photo):
    checkpoint("vit")
    tokenizer = load_tokenizer(make_card())
    pixels = tokenizer.preprocess([photo((30, 20)), photo((12, 12), "L")])
    assert pixels.shape == (2, 3, 12, 12)
    assert tokenizer.encode(pixels).features.isfinite().all()


@pytest.mark.parametrize("family", ["deit", "clip", "mae", "vit"])
def test_random_weights_come_from_the_seed_alone(checkpoint, make_card, family):
    folder, _ = checkpoint(family)
    (folder / "model.safetensors").unlink()

    def encode(seed):
        features = {"layer": -1, "final_norm": True, "drop": PREFIX[family]}
        changes = {"family": family, "checkpoint": f"local:{family}", "features": features}
        card = make_card(init="random", seed=seed, **changes)
        return load_tokenizer(card).encode(PIXELS).features

    torch.manual_seed(1)
    first, drawn = encode(0), torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(1), drawn)
    assert torch.equal(first, encode(0))
    assert not torch.allclose(first, encode(1), atol=1e-3)


def test_a_card_in_a_users_folder_needs_no_python(checkpoint, write_card, tmp_path):
    checkpoint("clip")
    write_card("fifth", tmp_path / "mine", family="clip", checkpoint="local:../clip")
    found = find_cards([BUILTIN_CARDS, tmp_path / "mine"])
    assert len(found) >= 7
    tokenizer = load_tokenizer(Card.load(found["fifth"]))
    assert tokenizer.encode(PIXELS).features.shape == (2, 9, 16)


def test_blind_looks_at_nothing():
    tokenizer = load_tokenizer(Card.load(BUILTIN_CARDS / "blind.yaml"))
    assert isinstance(tokenizer, VisualTokenizer)

    class Unreadable(Image.Image):
        def load(self):
            raise AssertionError("the blind control decoded an image")

    tokens = tokenizer.encode(tokenizer.preprocess([Unreadable(), Unreadable()]))
    assert tokens.features.shape == (2, tokenizer.tokens, tokenizer.dim) == (2, 1, 16)
    assert not tokens.features.any() and tokens.grid is None and tokenizer.parameters == 0


def error_of(card) -> str:
    with pytest.raises(CardError) as caught:
        load_tokenizer(card)
    line = str(caught.value)
    assert "\n" not in line and str(card.path) in line
    return line


def test_missing_folder_config_and_weights(checkpoint, make_card):
    assert "does not exist" in error_of(make_card())
    folder, _ = checkpoint("vit")
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"a pickle must never be opened")
    assert "no weights" in error_of(make_card())
    (folder / "config.json").write_text("{broken")
    assert "config.json" in error_of(make_card(init="random", seed=0))


def test_missing_keys(checkpoint, make_card):
    folder, _ = checkpoint("vit")
    weights = load_file(folder / "model.safetensors")
    gone = [name for name in weights if ".1." in name]
    for name in gone:
        del weights[name]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    line = error_of(make_card())
    assert "weights missing" in line and "layers.1." in line and f"{len(gone) - 2} more" in line


def test_weights_of_another_shape(checkpoint, make_card):
    folder, _ = checkpoint("vit")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 24}))
    line = error_of(make_card())
    assert "another shape" in line and "[16]" in line and "[24]" in line


def test_damaged_weights(checkpoint, make_card):
    folder, _ = checkpoint("vit")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot load" in error_of(make_card())


def test_weights_of_another_family(checkpoint, make_card):
    checkpoint("clip")
    assert "weights missing" in error_of(make_card(checkpoint="local:clip"))


def test_image_size_and_layer_that_the_encoder_has_not(checkpoint, make_card):
    checkpoint("vit")
    card = make_card(features={"layer": 4, "final_norm": True, "drop": ["cls"]})
    assert "hidden states -4 to 3" in error_of(card)
    image = {"resize": "stretch", "interpolation": "bicubic", "mean": [0.5] * 3, "std": [0.5] * 3}
    line = error_of(make_card(image=image | {"size": 18}))
    assert "image.size is 18" in line and "take 16 or 20, or 12" in line
    assert "take 4, or 12" in error_of(make_card(image=image | {"size": 3}))


@pytest.mark.parametrize(
    ("key", "value"), [("width", 32), ("depth", 4), ("patch", 6), ("native", 24)]
)
def test_an_architecture_that_is_not_the_checkpoints(checkpoint, make_card, key, value):
    checkpoint("vit")
    sizes = {"width": 16, "depth": 3, "patch": 4, "native": 12}
    assert load_tokenizer(make_card(architecture=sizes)).dim == 16
    line = error_of(make_card(architecture=sizes | {key: value}))
    assert f"architecture.{key} is {value}, but the checkpoint's is {sizes[key]}" in line


def test_a_class_that_cannot_interpolate_is_named(checkpoint, make_card, monkeypatch):
    checkpoint("vit")

    def forward(self, pixel_values, output_hidden_states=None):
        raise AssertionError

    monkeypatch.setattr(transformers.ViTModel, "forward", forward)
    image = {"size": 20, "resize": "stretch", "interpolation": "bicubic"}
    card = make_card(image=image | {"mean": [0.5] * 3, "std": [0.5] * 3})
    assert "takes 12 pixels and transformers cannot interpolate" in error_of(card)


def test_loading_says_nothing(checkpoint, make_card, capfd):
    checkpoint("clip")
    capfd.readouterr()
    load_tokenizer(make_card(family="clip", checkpoint="local:clip"))
    assert capfd.readouterr() == ("", "")


def test_mini_cards_state_their_parameters(tmp_path):
    t = transformers
    mini = {
        "hidden_size": 144,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 576,
        "image_size": 72,
        "patch_size": 12,
    }
    configs = {
        "mini-deit": t.DeiTConfig(**mini),
        "mini-clip": t.CLIPVisionConfig(**mini),
        "mini-mae": t.ViTMAEConfig(**mini),
        "mini-random": t.ViTConfig(**mini),
    }
    for name, config in configs.items():
        text = (BUILTIN_CARDS / f"{name}.yaml").read_text()
        folder = text.split("local:../weights/")[1].split()[0]
        config.save_pretrained(tmp_path / "weights" / folder)
        # As random weights: the shipped ones are not needed to count.
        if "init:" not in text:
            text = text.replace("parameters:", "init: random\nseed: 0\nparameters:", 1)
            text = text.replace("pretraining_data: [mini-world/pretrain]\n", "")
        path = tmp_path / "cards" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        card = Card.load(path)
        tokenizer = load_tokenizer(card)
        assert tokenizer.parameters == card.parameters
        assert (tokenizer.dim, tokenizer.tokens, tokenizer.grid) == (144, 36, (6, 6))
