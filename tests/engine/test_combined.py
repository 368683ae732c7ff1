"""Derived features out of cached ones: the encoder's own, pooled and joined, encoded only once."""

from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from gvt.data.images import FileImages
from gvt.engine import features
from gvt.engine.combined import CombinedStore
from gvt.files import sha256
from gvt.resolve import resolve
from tokenizers_zoo import load_tokenizer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(features, "_BATCH", 2)


@pytest.fixture
def encoded(monkeypatch):
    """How many images each card's encoder was given."""
    counts = Counter()
    load = features.load_tokenizer

    def counted(card, **options):
        tokenizer = load(card, **options)
        encode = tokenizer.encode

        def counting(pixels):
            counts[card.name] += len(pixels)
            return encode(pixels)

        tokenizer.encode = counting
        return tokenizer

    monkeypatch.setattr(features, "load_tokenizer", counted)
    return counts


@pytest.fixture
def photos(tmp_path):
    """Files of five noisy images; photos(3): the first three."""
    paths = []
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 256, (30, 20 + number, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(noise).save(paths[-1])
    hashes = [sha256(path) for path in paths]
    return lambda n=5: FileImages(paths[:n], hashes[:n])


@pytest.fixture
def read(write_vit, tmp_path):
    """read("expression over one and two", images): its features, whatever must be computed."""
    for seed, name in enumerate(("one", "two")):
        write_vit(name, seed, folder=tmp_path / "mine")

    def get(text, images, precision="no"):
        store = CombinedStore(resolve(text, [tmp_path / "mine"]), CPU, precision)
        return store.join([part.get(images) for part in store.stores])

    return get


def test_they_are_those_of_the_encoders(read, photos):
    one, two = read("one", photos()), read("two", photos())
    assert one.values.shape == (5, 10, 16)  # the toys' cards keep CLS
    both = read("one+two", photos())
    assert (both.values.shape, both.grid, both.prefix) == ((5, 10, 32), (3, 3), 1)
    wanted = np.concatenate([one.values[:], two.values[:]], axis=2)
    assert np.array_equal(both.values[:], wanted)
    assert both.gflops == one.gflops + two.gflops
    behind = read("one++two[tokens=patch]", photos())
    assert (behind.values.shape, behind.grid, behind.prefix) == ((5, 19, 32), None, 0)
    assert np.array_equal(behind.values[:][:, :10, :16], one.values[:])
    assert np.array_equal(behind.values[:][:, 10:, 16:], two.values[:][:, 1:])
    pooled = read("one[tokens=1+cls]", photos())
    assert (pooled.values.shape, pooled.grid, pooled.prefix) == ((5, 2, 16), (1, 1), 1)
    np.testing.assert_allclose(pooled.values[:][:, 1], one.values[:][:, 1:].mean(1), atol=1e-6)


def test_any_rows_can_be_asked_for(read, photos):
    pooled = read("one[tokens=4]+two[tokens=4]", photos())
    whole = pooled.values[:]
    assert len(pooled.values) == len(whole) == 5
    for index in ([3, 0, 3], np.array([4]), slice(1, 3)):
        assert np.array_equal(pooled.values[index], whole[index])


def test_an_image_is_encoded_once_for_all_that_is_made_of_it(read, photos, encoded):
    for text in ("one[tokens=1]", "one", "one[tokens=4]", "one[tokens=9+cls]", "one[tokens=cls]"):
        read(text, photos())
    assert encoded == {"one": 5}
    for text in ("one+two", "two++one[tokens=4]", "one+two[tokens=patch+cls]"):
        read(text, photos())
    assert encoded == {"one": 5, "two": 5}
    read("one[layer=0]", photos())
    assert encoded == {"one": 5, "two": 5, "one[layer=0]": 5}
    read("one[layer=-1]+one[tokens=patch+cls]", photos())  # both say what the card says
    assert encoded.total() == 15


def test_only_what_is_missing_is_encoded(read, photos, encoded, tmp_path):
    read("one", photos(3))
    store = CombinedStore(resolve("one+two", [tmp_path / "mine"]), CPU, "no")
    assert [len(part.missing(photos().hashes)) for part in store.stores] == [2, 5]
    read("one+two", photos())
    assert encoded == {"one": 5, "two": 5}


def test_an_image_that_one_of_them_could_not_read_is_lost_to_all(read, photos, tmp_path):
    images = photos()
    read("one", images)
    (tmp_path / "2.png").write_bytes(b"no image")
    both = read("one+two", images)
    assert set(both.failed) == {2} and "cannot identify" in both.failed[2]
    assert read("one[tokens=4]", images).failed == {}


def test_half_precision_is_pooled_in_full(read, photos):
    one = read("one", photos(), "bf16")
    assert one.values[:].dtype == np.float16
    pooled = read("one[tokens=1]", photos(), "bf16").values[:]
    assert pooled.dtype == np.float32
    exact = one.values[:][:, 1:].astype(np.float32).mean(1, keepdims=True)
    np.testing.assert_allclose(pooled, exact, atol=1e-6)


def test_a_plain_card_reads_as_before(read, photos, tmp_path):
    """Nothing is copied or converted where nothing is derived."""
    found = read("one", photos())
    assert isinstance(found.values, features.Rows)
    card = resolve("one", [tmp_path / "mine"])
    store = features.FeatureStore(card, CPU, "no")
    assert CombinedStore(card, CPU, "no").stores[0].folder == store.folder
    tokenizer = load_tokenizer(card)
    alone = tokenizer.encode(tokenizer.preprocess([photos().load(0)])).features.numpy()
    np.testing.assert_allclose(found.values[[0]], alone, atol=1e-5)


LAYERS = ("one", "one[layer=0]", "one[norm=no]", "one[tokens=patch]", "one[layer=-2,norm=no]")


@pytest.fixture
def together(read, tmp_path):
    """together(texts, images): features of each, where every store knows of all the encoders."""

    def get(texts, images, precision="no"):
        cards = [resolve(text, [tmp_path / "mine"]) for text in texts]
        beside = [encoder for card in cards for encoder in card.encoders]
        stores = [CombinedStore(card, CPU, precision, beside) for card in cards]
        return [store.join([part.get(images) for part in store.stores]) for store in stores]

    return get


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_layers_of_one_pass_are_bit_for_bit_those_of_their_own_pass(
    read, together, photos, forwards, monkeypatch, tmp_path, precision
):
    found = together(LAYERS, photos(), precision)
    assert len(forwards) == 1
    assert list(forwards["one"].values()) == [1] * 5
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "another"))
    for text, one in zip(LAYERS, found, strict=True):
        alone = read(text, photos(), precision)
        assert np.array_equal(one.values[:], alone.values[:]), text
        assert (one.grid, one.prefix, one.gflops) == (alone.grid, alone.prefix, alone.gflops)
    assert len({one.values[:][:, -9:].tobytes() for one in found}) == 4  # [tokens=patch] is "one"


def test_a_pass_fills_only_what_is_lacking(read, together, photos, forwards, monkeypatch):
    before = read("one[layer=0]", photos(3)).values[:]
    monkeypatch.setattr(features, "_SHARD", 2)
    first, second = together(("one", "one[layer=0]"), photos())
    assert list(forwards["one"].values()) == [1] * 5
    assert list(forwards["one[layer=0]"].values()) == [1] * 3
    assert first.failed == second.failed == {}
    assert np.array_equal(second.values[:3], before)
    for text, one in (("one", first), ("one[layer=0]", second)):
        wanted = [read(text, photos()).values[[n]] for n in range(5)]
        assert np.array_equal(one.values[:], np.concatenate(wanted))


def test_an_image_no_layer_can_be_read_of_is_lost_to_all(together, photos, forwards, tmp_path):
    images = photos()
    (tmp_path / "2.png").write_bytes(b"no image")
    found = together(("one", "one[layer=0]"), images)
    assert all("cannot identify" in one.failed[2] and len(one.failed) == 1 for one in found)
    assert len(forwards["one"]) == 4


def test_other_pixels_or_weights_are_another_pass(together, photos, forwards):
    together(("one", "one[res=16]", "two", "one[layer=0]"), photos())
    assert {name: len(seen) for name, seen in forwards.items()} == {
        "one": 5,
        "one[res=16]": 5,
        "two": 5,
    }


def test_two_layers_in_one_fusion_share_their_pass(read, photos, forwards):
    found = read("one[layer=0]+one", photos())
    assert list(forwards) == ["one[layer=0]"]
    assert np.array_equal(found.values[:][..., 16:], read("one", photos()).values[:])
