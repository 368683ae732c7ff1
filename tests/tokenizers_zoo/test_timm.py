"""Families that only timm has: features equal timm's own; without timm, one line says so."""

import importlib
import json

import pytest
import torch

from tokenizers_zoo import CardError, feature_shape, load_tokenizer

try:
    import timm
except Exception as exc:  # a torchvision made for another torch raises RuntimeError
    timm, why = None, f"timm cannot be imported: {exc}"
needs_timm = pytest.mark.skipif(timm is None, reason="" if timm else why)

TOY = {"img_size": 28, "patch_size": 7, "embed_dim": 24, "depth": 3, "num_heads": 2}
ARCHITECTURES = {
    "eva": "eva02_base_patch14_224",
    "eva-clip": "eva02_base_patch16_clip_224",
    "beit2": "beitv2_base_patch16_224",
    "vit-timm": "vit_base_patch16_224",
}
NORM = {"eva": "fc_norm", "eva-clip": "norm", "beit2": "fc_norm", "vit-timm": "norm"}


@pytest.fixture
def publish(tmp_path):
    """A random toy in timm's own folder layout, head included; its folder."""

    def save(architecture):
        from timm.models import save_for_hf

        torch.manual_seed(3)
        model = timm.create_model(architecture, **TOY)
        with torch.no_grad():
            for weight in model.parameters():
                weight += 0.2 * torch.randn_like(weight)
        save_for_hf(model, tmp_path / "toy", safe_serialization=True)
        return tmp_path / "toy"

    return save


@pytest.fixture
def timm_card(make_card):
    """A card of the toy at some size."""

    def make(family, size=28, layer=-1, final_norm=True, drop=("cls",), **changes):
        image = {"size": size, "resize": "stretch", "interpolation": "bicubic"}
        return make_card(
            family=family,
            checkpoint="local:toy",
            image=image | {"mean": [0.5] * 3, "std": [0.5] * 3},
            features={"layer": layer, "final_norm": final_norm, "drop": list(drop)},
            **changes,
        )

    return make


def pixels(size):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))


@needs_timm
@pytest.mark.parametrize("family", ARCHITECTURES)
@pytest.mark.filterwarnings("ignore:torch.searchsorted", "ignore:Using a non-tuple")
@torch.no_grad()
def test_features_equal_timm(publish, timm_card, family):
    folder = publish(ARCHITECTURES[family])
    for size in (28, 42):
        source = f"local-dir:{folder}"
        theirs = timm.create_model(source, pretrained=True, num_classes=0, img_size=size).eval()
        for layer, final_norm, drop in ((-1, True, ["cls"]), (-2, False, []), (1, True, ["cls"])):
            card = timm_card(family, size, layer, final_norm, drop)
            tokenizer = load_tokenizer(card)
            tokens = tokenizer.encode(pixels(size))
            [(patches, cls)] = theirs.forward_intermediates(
                pixels(size),
                indices=[layer + 3 if layer < 0 else layer - 1],
                return_prefix_tokens=True,
                output_fmt="NLC",
                intermediates_only=True,
            )
            wanted = patches if drop else torch.cat([cls, patches], dim=1)
            if final_norm:
                wanted = theirs.get_submodule(NORM[family])(wanted)
            assert torch.allclose(tokens.features, wanted, atol=1e-5)
            side = size // 7
            assert tokens.grid == tokenizer.grid == (side, side)
            assert tokens.prefix == 1 - len(drop)
            assert feature_shape(card) == (tokenizer.tokens, tokenizer.dim)
            assert (tokenizer.tokens, tokenizer.dim) == tokens.features.shape[1:]
            assert tokenizer.parameters == sum(p.numel() for p in theirs.parameters())


@needs_timm
@pytest.mark.parametrize("family", ARCHITECTURES)
def test_several_layers_out_of_one_pass_are_those_of_a_pass_each(publish, timm_card, family):
    publish(ARCHITECTURES[family])
    choices = ((-1, True, ["cls"]), (1, False, []), (-1, False, []), (2, True, ["cls"]))
    cards = [timm_card(family, 28, *choice) for choice in choices]
    assert len({card.pass_hash() for card in cards}) == 1
    assert timm_card(family, 42).pass_hash() != cards[0].pass_hash()
    together = load_tokenizer(cards[0]).encode_each(pixels(28), cards)
    for card, tokens in zip(cards, together, strict=True):
        alone = load_tokenizer(card).encode(pixels(28))
        assert torch.equal(tokens.features, alone.features)
        assert (tokens.grid, tokens.prefix) == (alone.grid, alone.prefix)


@needs_timm
@torch.no_grad()
def test_the_last_normed_layer_is_what_timm_calls_features(publish, timm_card):
    folder = publish(ARCHITECTURES["eva-clip"])
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
    ours = load_tokenizer(timm_card("eva-clip", drop=[])).encode(pixels(28)).features
    assert torch.allclose(ours, theirs.forward_features(pixels(28)), atol=1e-5)


@needs_timm
def test_what_does_not_fit_is_one_line(publish, timm_card):
    folder = publish(ARCHITECTURES["eva"])

    def error(*args, **changes):
        with pytest.raises(CardError) as caught:
            load_tokenizer(timm_card(*args, **changes))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "'beit2' is Beit, the checkpoint Eva" in error("beit2")
    assert "no norm 'norm'" in error("eva-clip")
    assert "no multiple" in error("eva", size=30)
    assert "hidden states -4 to 3" in error("eva", layer=4)
    assert "gives no embeddings" in error("eva", layer=0)
    sizes = {"width": 24, "depth": 12, "patch": 7, "native": 28}
    assert "architecture.depth is 12, but the checkpoint's is 3" in error("eva", architecture=sizes)
    config = json.loads((folder / "config.json").read_text())
    config["model_args"]["depth"] = 4
    (folder / "config.json").write_text(json.dumps(config))
    assert "weights missing: blocks.3." in error("eva")
    (folder / "model.safetensors").write_bytes(b"no weights at all")
    assert "cannot load checkpoint" in error("eva")


@needs_timm
def test_random_weights_come_from_the_seed_alone(publish, timm_card):
    (publish(ARCHITECTURES["eva"]) / "model.safetensors").unlink()

    def encode(seed):
        card = timm_card("eva", init="random", seed=seed)
        return load_tokenizer(card).encode(pixels(28)).features

    first = encode(0)
    torch.manual_seed(9)
    assert torch.equal(first, encode(0))
    assert not torch.allclose(first, encode(1), atol=1e-3)


def test_without_timm_one_line_says_how_to_get_it(make_card, monkeypatch):
    def broken(name, *_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(CardError) as caught:
        load_tokenizer(make_card(family="eva", checkpoint="owner/model"))
    line = str(caught.value)
    assert "\n" not in line and "pip install 'gvt[timm]'" in line and "torchvision::nms" in line
