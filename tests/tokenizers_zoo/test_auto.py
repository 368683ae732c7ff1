"""Automatic cards: features and pixels as the library has them, what was assumed is marked."""

import json
import re

import pytest
import torch
from transformers import AutoImageProcessor

from tests.tokenizers_zoo.test_families import HELD, library, pixels
from tokenizers_zoo import Card, CardError, auto, load_tokenizer
from tokenizers_zoo.auto import automatic_card
from tokenizers_zoo.families import families

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MEAN, STD = [0.1, 0.2, 0.3], [0.6, 0.7, 0.8]
SHAPES = [((20, 9), "RGB"), ((9, 31), "L"), ((12, 12), "RGBA"), ((1, 1), "RGB"), ((3, 2), "P")]
# What preprocessor_config.json looks like: of transformers 4.0 (feature extractors, plain numbers),
# 4.30 and 5, for every way of resizing that the published families use.
PROCESSORS = {
    "stretch-5": {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 12, "width": 12},
        "resample": 3,
        "image_mean": MEAN,
        "image_std": STD,
    },
    "stretch-fast": {
        "image_processor_type": "SiglipImageProcessorFast",
        "size": {"height": 12, "width": 12},
        "resample": 2,
        "do_convert_rgb": True,
        "crop_size": None,
        "image_mean": MEAN,
        "image_std": STD,
    },
    "stretch-4.0": {"feature_extractor_type": "ViTFeatureExtractor", "size": 12, "resample": 2},
    "crop-5": {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 12},
        "crop_size": {"height": 12, "width": 12},
        "resample": 3,
        "image_mean": MEAN,
        "image_std": STD,
    },
    "crop-4.0": {
        "feature_extractor_type": "CLIPFeatureExtractor",
        "size": 12,
        "crop_size": 12,
        "resample": 3,
        "image_mean": MEAN,
        "image_std": STD,
    },
    "wider-crop": {
        "image_processor_type": "BitImageProcessor",
        "size": {"shortest_edge": 16},
        "crop_size": {"height": 12, "width": 12},
        "resample": 3,
        "image_mean": MEAN,
        "image_std": STD,
    },
    "stretch-crop-4.0": {
        "feature_extractor_type": "DeiTFeatureExtractor",
        "size": 16,
        "crop_size": 12,
        "do_center_crop": True,
        "resample": 3,
        "image_mean": MEAN,
        "image_std": STD,
    },
    "raw": {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 12, "width": 12},
        "resample": 0,
        "do_normalize": False,
    },
    "unscaled": {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 12, "width": 12},
        "resample": 2,
        "rescale_factor": 0.5,
        "image_mean": MEAN,
        "image_std": STD,
    },
}


@pytest.fixture
def card_of(tmp_path):
    """card_of(name): the automatic card; card_of.told: what was printed."""

    def make(name):
        return automatic_card(str(name), tmp_path / "cards", make.told.append)

    make.told = []
    return make


def write(folder, name="preprocessor_config.json", **content):
    (folder / name).write_text(json.dumps(content))


@pytest.mark.parametrize("family", HELD)
@torch.no_grad()
def test_features_equal_the_library_for_every_family(checkpoint, card_of, family):
    folder, model = checkpoint(HELD[family][0])
    card = card_of(f"local:{folder}")
    assert card.family == family
    tokenizer = load_tokenizer(card)
    assert card.parameters == tokenizer.parameters
    wanted = library(family, model, 12, card.features.layer, card.features.final_norm)
    patches = wanted[:, sum(families()[family].prefix.values()) :]
    assert torch.allclose(tokenizer.encode(pixels(12)).features, patches, atol=1e-5)


@pytest.mark.parametrize("kind", PROCESSORS)
def test_pixels_equal_the_checkpoints_own_processor(checkpoint, card_of, photo, kind):
    folder, _ = checkpoint("vit")
    write(folder, **PROCESSORS[kind])
    spec = card_of(f"local:{folder}").image
    tokenizer = load_tokenizer(card_of(f"local:{folder}"))
    theirs = AutoImageProcessor.from_pretrained(folder, backend="pil")
    for size, mode in SHAPES:
        image = photo(size, mode)
        # Other modes than RGB are turned as the library's own do_convert_rgb does.
        wanted = theirs([image], return_tensors="pt", do_convert_rgb=True)["pixel_values"]
        assert torch.equal(tokenizer.preprocess([image]), wanted), (size, mode)
    assert spec.size == 12
    assert (spec.resize_to, spec.resize) == {
        "wider-crop": (16, "shortest_edge_center_crop"),
        "stretch-crop-4.0": (16, "stretch"),
    }.get(kind, (None, "shortest_edge_center_crop" if "crop" in kind else "stretch"))


def test_a_processor_may_lie_among_those_of_other_inputs(checkpoint, card_of):
    folder, _ = checkpoint("siglip")
    write(folder, "processor_config.json", image_processor=PROCESSORS["stretch-fast"])
    assert card_of(f"local:{folder}").image.mean == tuple(MEAN)


def assumed(card):
    """Keys that the card says, and its file marks, as assumed."""
    marked = re.findall(r"^ *(\w+):.*# assumed$", card.path.read_text(), re.MULTILINE)
    assert [key.rpartition(".")[2] for key in card.unverified] == marked
    assert all(reason.startswith("assumed: ") for reason in card.unverified.values())
    return marked


def test_what_was_assumed_is_marked_and_told_once(checkpoint, card_of):
    folder, _ = checkpoint("clip")
    write(folder, **PROCESSORS["crop-5"])
    card = card_of(f"local:{folder}")
    guesses = ["layer", "final_norm", "drop"]
    assert assumed(card) == ["licence", *guesses]
    assert str(card.path) in card_of.told[0]
    assert all(word in " ".join(card_of.told) for word in guesses)
    told = len(card_of.told)
    assert card_of(f"local:{folder}") == card
    assert len(card_of.told) == told
    (folder / "preprocessor_config.json").unlink()
    other = card_of(f"local:{folder}")
    assert other.name != card.name
    everything = ["size", "resize", "interpolation", "mean", "std"]
    assert assumed(other) == ["licence", *everything, *guesses]
    assert other.image.size == 12  # the model's own, not the default of its class
    assert other.image.mean[0] == pytest.approx(0.48145466)


def test_a_user_may_edit_it(checkpoint, card_of):
    folder, _ = checkpoint("vit")
    card = card_of(f"local:{folder}")
    card.path.write_text(card.path.read_text().replace("layer: -1", "layer: 1"))
    assert card_of(f"local:{folder}").features.layer == 1
    moved = card.path.parent / "mine.yaml"
    moved.write_text(card.path.read_text().replace(card.name, "mine"))
    assert Card.load(moved).hash() == card_of(f"local:{folder}").hash() != card.hash()


def test_a_hub_id_is_pinned_to_the_commit_it_was_made_from(checkpoint, card_of, monkeypatch):
    folder, _ = checkpoint("vit")
    snapshot = folder.parent / COMMIT
    folder.rename(snapshot)
    (snapshot / "README.md").write_text("---\nlicense: cc-by-4.0\n---\nA model.\n")
    asked = []
    monkeypatch.setattr(auto, "download_config", lambda *args: asked.append(args) or str(snapshot))
    card = card_of("some/vit")
    assert (card.checkpoint, card.revision, card.title) == ("some/vit", COMMIT, "some/vit")
    assert card.licence == "cc-by-4.0" and "licence" not in assumed(card)
    card_of("some/vit@refs/pr/3")
    assert asked == [("some/vit", None), ("some/vit", "refs/pr/3")]


def test_a_hub_that_does_not_answer(card_of):
    line = error_of(card_of, "some/vit")
    assert "cannot be reached" in line


def error_of(card_of, name):
    with pytest.raises(CardError) as caught:
        card_of(name)
    assert not card_of.told
    line = str(caught.value)
    assert "\n" not in line and str(name) in line
    return line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"do_pad": True}, "asks for 'do_pad'"),
        ({"do_resize": False}, "does not resize"),
        ({"size": {"height": 12, "width": 8}}, "does not make squares"),
        ({"do_center_crop": False}, "cuts nothing off"),
        ({"crop_size": {"height": 24, "width": 24}}, "pads 12 pixels to 24"),
        ({"resample": 99}, "99 is not a valid Resampling"),
        ({"size": "large"}, "write a card by hand"),
        ({"image_mean": {"r": 1}}, "write a card by hand"),
    ],
)
def test_preprocessing_that_no_card_can_describe(checkpoint, card_of, content, words):
    folder, _ = checkpoint("vit")
    write(folder, **PROCESSORS["crop-5"] | content)
    assert words in error_of(card_of, f"local:{folder}")


def test_folders_and_configs_that_are_none(checkpoint, card_of, tmp_path):
    assert "there is no folder" in error_of(card_of, f"local:{tmp_path}/none")
    assert "has no config.json" in error_of(card_of, f"local:{tmp_path}")
    folder, _ = checkpoint("vit")
    config = folder / "config.json"
    whole = json.loads(config.read_text())
    for text, words in (
        ("{broken", "cannot be read as JSON"),
        ("[]", "must hold one JSON object"),
        ("{}", "names no model_type"),
        ('{"model_type": "swin"}', "no family takes its model_type 'swin'; there are deit (deit)"),
        (json.dumps(whole | {"patch_size": 0}), "makes no encoder"),
        (json.dumps(whole | {"image_size": "x"}), "makes no encoder"),
        (json.dumps(whole | {"num_register_tokens": 2}), "it has 2 register tokens, the family 0"),
    ):
        config.write_text(text)
        with pytest.raises(CardError) as caught:
            card_of(f"local:{folder}")
        assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_family_of_every_type_exists():
    """Each model type means one family alone."""
    types = [kind for family in families().values() for kind in family.types]
    assert len(types) == len(set(types))
