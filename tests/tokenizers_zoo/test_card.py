"""Cards: read strictly, found in folders, hashed by what affects features, without torch."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from tokenizers_zoo import BUILTIN_CARDS, Card, CardError, find_cards
from tokenizers_zoo.families import families

OBJECTIVES = ("mini-clip", "mini-deit", "mini-dino", "mini-mae")
MINI = {"blind", "mini-gvt", "mini-gvt-masked", "mini-random", *OBJECTIVES}
MINI |= {f"{name}-100k" for name in OBJECTIVES}


def fails(path, *words):
    """The one line that loading `path` raises, which names file and the given words."""
    with pytest.raises(CardError) as caught:
        Card.load(path)
    line = str(caught.value)
    assert "\n" not in line
    for word in (str(path), *words):
        assert word in line, line


def test_builtin_cards_load():
    found = find_cards([BUILTIN_CARDS])
    assert set(found) >= MINI
    for name, path in found.items():
        card = Card.load(path)
        assert card.name == name
        assert card.licence and card.source and card.description
        assert card.citation.startswith("@") or name == "blind"


def test_mini_cards_see_alike():
    cards = [Card.load(BUILTIN_CARDS / f"{name}.yaml") for name in MINI - {"blind"}]
    assert len({card.image for card in cards}) == 1
    assert cards[0].image.size == 72 and cards[0].image.rescale == 1 / 255
    for card in cards:
        assert set(card.features.drop) == set(families()[card.family].prefix)


def test_listing_cards_leaves_torch_alone():
    code = (
        "import sys, tokenizers_zoo as z\n"
        "[z.Card.load(p) for p in z.find_cards([z.BUILTIN_CARDS]).values()]\n"
        "bad = {'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_public_names_resolve():
    import tokenizers_zoo

    for name in tokenizers_zoo.__all__:
        assert getattr(tokenizers_zoo, name) is not None
    with pytest.raises(AttributeError):
        _ = tokenizers_zoo.nothing


def test_broken_yaml_names_the_line(write_card):
    path = write_card()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], "licence: [unclosed", *lines[3:]]))
    with pytest.raises(CardError, match=r"toy\.yaml:\d+: broken YAML: "):
        Card.load(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("licence:", "license:", ["'license'", "did you mean 'licence'?"]),
        ("size: 12", "sizes: 12", ["'sizes'", "did you mean 'size'?"]),
        ("size: 12", "size: large", ["image.size", "whole number", "'large'"]),
        ("size: 12", "size: yes", ["image.size", "True"]),
        ("size: 12", "size: 0", ["image.size"]),
        ("size: 12", "size: 12\n  resize_to: 11", ["image.resize_to", "below image.size"]),
        ("final_norm: true", "final_norm: 1", ["final_norm", "true or false"]),
        ("resize: stretch", "resize: strech", ["did you mean 'stretch'?"]),
        ("interpolation: bicubic", "interpolation: cubic", ["did you mean 'bicubic'?"]),
        ("title: Toy", "title: 7", ["title must be text", "quotes"]),
        ("title: Toy", "name: toy", ["stands twice"]),
        ("title: Toy", "title: !function a.b", ["title"]),
        ("family: vit", "family: vitt", ["did you mean 'vit'?", "clip"]),
        ("  - cls", "  - distillation", ["no token 'distillation'", "valid: cls"]),
        ("  - 0.3", "  - dark", ["image.mean", "'dark'"]),
        ("name: toy", "name: other", ["toy.yaml"]),
        ("title: Toy", "title: Toy\nseed: 4", ["seed", "init: random"]),
        ("title: Toy", "title: Toy\ninit: random", ["seed"]),
        ("family: vit", "family: blind", ["'checkpoint'", "no meaning"]),
        ("title: Toy", "title: Toy\ncitation: he2023mae", ["citations.bib", "'he2022mae'"]),
        ("title: Toy", "title: Toy\nunverified: {licens: x}", ["did you mean 'licence'?"]),
        ("title: Toy", "title: Toy\nunverified: {image.mean: 1}", ["image.mean", "says why"]),
        ("title: Toy", "title: Toy\narchitecture: {width: 8}", ["'architecture.depth'"]),
        (
            "title: Toy",
            "title: Toy\npretraining_data: [COCO 2017]",
            ["'COCO 2017'", "coco/val2014"],
        ),
        ("title: Toy", "title: Toy\npretraining_data: [a/b/c]", ["'a/b/c'"]),
        (
            "title: Toy",
            "title: Toy\ninit: random\nseed: 1\npretraining_data: [coco]",
            ["no meaning for 'init: random'"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(write_card, old, new, words):
    path = write_card()
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    fails(path, *words)
    with pytest.raises(CardError, match=r"toy\.yaml:\d+: "):
        Card.load(path)


def test_the_line_is_the_right_one(write_card):
    path = write_card()
    path.write_text(path.read_text().replace("  size: 12", "  size: big"))
    line = next(i for i, s in enumerate(path.read_text().splitlines(), 1) if "size: big" in s)
    fails(path, f"toy.yaml:{line}: ")


@pytest.mark.parametrize("key", ["title", "checkpoint", "image", "features"])
def test_a_missing_key_is_named(write_card, key):
    fails(write_card(**{key: None}), f"key '{key}' is missing")


def test_a_missing_inner_key_and_a_short_list_are_named(write_card):
    fails(write_card(features={"layer": -1, "drop": []}), "key 'features.final_norm' is missing")
    path = write_card()
    path.write_text(path.read_text().replace("  - 0.3\n", "", 1))
    fails(path, "image.mean must be a list of 3")


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"just text", b"\xff\xfe\x00x"])
def test_files_that_are_no_card(tmp_path, content):
    path = tmp_path / "toy.yaml"
    path.write_bytes(content)
    fails(path)


def test_absent_file(tmp_path):
    fails(tmp_path / "none.yaml", "cannot be read")


def test_find_cards_skips_other_yaml_and_keeps_broken_cards(tmp_path, write_card):
    write_card("mine", tmp_path / "deep")
    (tmp_path / "task.yaml").write_text("task: mini_vqa\ndoc_to_text: !function gvt.a.b\n")
    (tmp_path / "broken.yaml").write_text("name: broken\nfamily: [vit\n")
    found = find_cards([tmp_path])
    assert list(found) == ["broken", "mine"]
    assert found["mine"] == tmp_path / "deep" / "mine.yaml"


def test_find_cards_refuses_two_of_a_name_in_one_tree(tmp_path, write_card):
    write_card("mine", tmp_path / "a")
    write_card("mine", tmp_path / "b")
    with pytest.raises(CardError, match="second card 'mine'"):
        find_cards([tmp_path])
    # Two trees are an order: the later one wins.
    assert find_cards([tmp_path / "a", tmp_path / "b"])["mine"].parent.name == "b"
    with pytest.raises(CardError, match="no such folder"):
        find_cards([tmp_path / "c"])


def test_hash_changes_with_features_and_with_nothing_else(checkpoint, make_card, tmp_path):
    folder, _ = checkpoint("vit")
    card = make_card()
    assert card.hash() == card.hash() and len(card.hash()) == 64
    for same in (
        make_card("other"),
        make_card(pretraining_data=["coco/train2017", "web/laion-2b"]),
        make_card(title="New", description="New", citation="@x", parameters=2, source="y"),
        make_card(checkpoint=f"local:{folder}"),
    ):
        assert same.hash() == card.hash()
    image, features = dataclasses.asdict(card.image), dataclasses.asdict(card.features)
    image = {k: list(v) if isinstance(v, tuple) else v for k, v in image.items()}
    features["drop"] = list(features["drop"])
    others = {
        make_card(image=image | {"interpolation": "box"}).hash(),
        make_card(image=image | {"mean": [0.5, 0.4, 0.2]}).hash(),
        make_card(features=features | {"layer": 1}).hash(),
        make_card(features=features | {"final_norm": False}).hash(),
        make_card(init="random", seed=0).hash(),
        make_card(init="random", seed=1).hash(),
        make_card(checkpoint="owner/model").hash(),
        make_card(checkpoint="owner/model", revision="abc").hash(),
        card.hash(),
    }
    assert len(others) == 9


def test_a_citation_is_bibtex_or_the_key_of_a_paper(make_card):
    assert make_card(citation="@misc{mine, title = {Mine}}").citation.startswith("@misc{mine")
    paper = make_card(citation="he2022mae").citation
    assert paper.startswith("@inproceedings{he2022mae,") and paper.count("{") == paper.count("}")
    assert "\n@" not in paper


def test_keys_that_came_later_leave_older_hashes_alone(make_card):
    """Shipped caches and published results hang on these: the value is of the first release."""
    hub = {"checkpoint": "owner/model", "revision": "abc"}
    card = make_card(**hub)
    first = "e4e38070f00cfdc0e2105719c2538f9ad6222648fdcfd42e4a6893e7bec24547"
    assert card.hash() == first
    image = dataclasses.replace(card.image, resize_to=16)
    assert dataclasses.replace(card, image=image).hash() != first
    assert make_card(**hub, family="dinov2").hash() != first


def test_hash_follows_the_content_of_local_weights(checkpoint, make_card):
    folder, _ = checkpoint("vit")
    card, drawn = make_card(), make_card("drawn", init="random", seed=0)
    before, drawn_before = card.hash(), drawn.hash()
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    stat = weights.stat()
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert card.hash() != before
    assert drawn.hash() == drawn_before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 0.5}))
    assert drawn.hash() != drawn_before


def test_hash_names_missing_files(checkpoint, make_card):
    card = make_card()
    with pytest.raises(CardError, match="does not exist"):
        card.hash()
    folder, _ = checkpoint("vit")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CardError, match="no weights"):
        card.hash()
    assert make_card(init="random", seed=0).hash()
    (folder / "config.json").unlink()
    with pytest.raises(CardError, match=r"no config\.json"):
        card.hash()
