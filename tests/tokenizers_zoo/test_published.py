"""Cards of published encoders: their figures are those of the library's class on no device."""

import functools
import importlib.util
import re
from pathlib import Path

import pytest
import torch
import transformers

from tokenizers_zoo import BUILTIN_CARDS, Card, feature_shape, find_cards
from tokenizers_zoo.citations import citations
from tokenizers_zoo.families import families
from tokenizers_zoo.objectives.distill import CITATION

CARDS = {name: Card.load(path) for name, path in find_cards([BUILTIN_CARDS]).items()}
HUB = {name: card for name, card in CARDS.items() if card.checkpoint and not card.folder}
TRANSFORMERS = {n: c for n, c in HUB.items() if families()[c.family].loader == "transformers"}
TIMM = {n: c for n, c in HUB.items() if families()[c.family].loader == "timm"}
# What the published configurations say beside width, depth, patch and size.
SHARED = {"use_mask_token": True, "use_shared_relative_position_bias": True}
CONFIG = {
    "dinov3": {"num_register_tokens": 4},
    "beit-pt": SHARED,
    "beit-ft": {"use_relative_position_bias": True},
    "data2vec": {"use_shared_relative_position_bias": True},
}


@functools.cache
def count(family, width, depth, patch, native):
    """Parameters of the library's class at these sizes, on no device."""
    known = families()[family]
    cls = getattr(transformers, known.model)
    # Giant is the only one of width 1536, so400m of 1152.
    special = {1536: {"use_swiglu_ffn": True}, 1152: {"intermediate_size": 4304}}.get(width, {})
    if not family.startswith("dinov2"):
        special = {"intermediate_size": 4 * width} | special
    config = cls.config_class(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=width // 64,
        patch_size=patch,
        image_size=native,
        **CONFIG.get(family, {}) | special | known.config,
    )
    with torch.device("meta"):
        model = cls(config, **known.arguments)
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_parameters_are_the_librarys(name):
    card = CARDS[name]
    sizes = card.architecture
    found = count(card.family, sizes.width, sizes.depth, sizes.patch, sizes.native)
    assert card.parameters == found


@pytest.mark.parametrize("name", TIMM)
def test_parameters_are_timms(name):
    try:
        import timm
    except Exception as exc:
        pytest.skip(f"timm cannot be imported: {exc}")
    card = CARDS[name]
    with torch.device("meta"):
        model = timm.create_model(card.checkpoint.split("/")[1].split(".")[0], num_classes=0)
    assert type(model).__name__ == families()[card.family].model
    assert card.parameters == sum(p.numel() for p in model.parameters())
    sizes, embed = card.architecture, model.patch_embed
    assert (sizes.width, sizes.depth) == (model.embed_dim, len(model.blocks))
    assert (sizes.patch, sizes.native) == (embed.patch_size[0], embed.img_size[0])
    published = timm.models.get_pretrained_cfg(card.checkpoint.split("/")[1])
    assert (card.image.mean, card.image.std) == (published.mean, published.std)


# Tokens that papers and model pages state.
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("clip-b32", (49, 768)),
        ("clip-l14-336", (576, 1024)),
        ("deit-b16-distilled", (196, 768)),
        ("dino-s8", (784, 384)),
        ("dinov2-g14-reg", (256, 1536)),
        ("dinov3-l16", (256, 1024)),
        ("mae-h14", (256, 1280)),
        ("siglip-so400m-384", (729, 1152)),
        ("owlvit-l14", (3600, 1024)),
        ("eva-clip-g14", (256, 1408)),
    ],
)
def test_shape_without_a_hub(name, shape):
    assert feature_shape(CARDS[name]) == shape


@pytest.mark.parametrize("name", HUB)
def test_what_is_not_known_is_said(name):
    card = CARDS[name]
    assert feature_shape(card)[1] == card.architecture.width
    assert card.source == f"https://huggingface.co/{card.checkpoint}"
    assert set(card.features.drop) == set(families()[card.family].prefix), "patches only"
    pinned = card.revision and re.fullmatch("[0-9a-f]{40}", card.revision)
    assert pinned or card.unverified["revision"]
    assert ("CC-BY-NC" in card.licence) == ("No commercial use." in card.description)


def test_there_are_many_and_every_paper_is_cited():
    assert len(CARDS) >= 45
    cited = {card.citation for card in CARDS.values()} | {citations()[CITATION]}
    assert cited - {""} == set(citations().values())


def test_the_table_of_the_docs_is_current():
    path = Path(__file__).parents[2] / "benchmarks" / "cards.py"
    spec = importlib.util.spec_from_file_location("cards", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = script.PAGE.read_text(encoding="utf-8")
    assert script.filled(text) == text, "fill it again: .venv/bin/python benchmarks/cards.py"
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    assert set(rows) == set(CARDS) - {"blind"}
    for name, row in rows.items():
        assert ("**CC-BY-NC-4.0**: no commercial use" in row) == name.startswith("mae-")


def test_hashes_tell_encoders_apart():
    same = [card.hash() for card in CARDS.values()]
    assert len(set(same)) == len(same)
    assert len(set(CARDS.values())) == len(CARDS), "cards serve as keys"
