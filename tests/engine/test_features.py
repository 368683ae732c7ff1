"""Features kept on disk: those of the encoder, computed once, with a reason for every failure."""

import numpy as np
import pytest
import torch
from PIL import Image

from gvt.data.images import FileImages
from gvt.engine import features
from gvt.engine.features import FeatureStore
from gvt.files import sha256
from tokenizers_zoo import Card, load_tokenizer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    # Borders between batches are met even by five images.
    monkeypatch.setattr(features, "_BATCH", 2)


@pytest.fixture
def photos(tmp_path):
    """Files of five noisy images."""
    paths = []
    for number in range(5):
        noise = np.random.default_rng(number).integers(0, 256, (30, 20 + number, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(noise).save(paths[-1])
    return paths


def images(paths):
    return FileImages(paths, [sha256(path) for path in paths])


def encoded(card, paths):
    """What the encoder says to each image alone."""
    tokenizer = load_tokenizer(card)
    pixels = [tokenizer.preprocess([Image.open(path)]) for path in paths]
    return np.concatenate([tokenizer.encode(one).features.numpy() for one in pixels])


def same(values, wanted):
    np.testing.assert_allclose(values, wanted, rtol=2e-3, atol=2e-3)  # half precision


def test_they_are_the_encoders(write_vit, photos):
    card = Card.load(write_vit("toy"))
    told = []
    found = FeatureStore(card, CPU, "no").get(images(photos), told.append)
    assert found.values.shape == (5, 10, 16)
    assert (found.grid, found.prefix, found.failed, found.cached) == ((3, 3), 1, {}, False)
    same(found.values, encoded(card, photos))
    assert np.ptp(found.values, axis=0).min() > 0.01  # no two images alike
    assert sum(told) == 5


def test_the_second_time_no_encoder_is_loaded(write_vit, photos, monkeypatch):
    card = Card.load(write_vit("toy"))
    first = FeatureStore(card, CPU, "no").get(images(photos))
    monkeypatch.setattr(features, "load_tokenizer", None)
    told = []
    second = FeatureStore(card, CPU, "no").get(images(photos), told.append)
    assert (second.cached, told) == (True, [])
    assert np.array_equal(first.values, second.values)
    assert (second.grid, second.prefix) == (first.grid, first.prefix)


def test_an_unreadable_image_is_told_and_the_others_are_right(write_vit, photos, tmp_path):
    card = Card.load(write_vit("toy"))
    (tmp_path / "1.png").write_text("no image")
    torn = tmp_path / "2.png"
    torn.write_bytes(torn.read_bytes()[:200])
    store = FeatureStore(card, CPU, "no")
    found = [store.get(images(photos)), FeatureStore(card, CPU, "no").get(images(photos))]
    good = [0, 3, 4]
    for one in found:
        assert set(one.failed) == {1, 2}
        assert "cannot identify image file" in one.failed[1]
        same(one.values[good], encoded(card, [photos[i] for i in good]))
    assert found[1].cached


def test_an_image_that_was_not_there_is_looked_for_again(write_vit, photos, tmp_path):
    card, found = Card.load(write_vit("toy")), images(photos)
    lost = tmp_path / "lost"
    (tmp_path / "3.png").rename(lost)
    assert set(FeatureStore(card, CPU, "no").get(found).failed) == {3}
    lost.rename(tmp_path / "3.png")
    again = FeatureStore(card, CPU, "no").get(found)
    assert again.failed == {}
    same(again.values, encoded(card, photos))


def test_a_crash_leaves_nothing_that_looks_whole(write_vit, photos, monkeypatch):
    card = Card.load(write_vit("toy"))
    store = FeatureStore(card, CPU, "no")
    encode, calls = store.tokenizer.encode, []

    def crash(pixels):
        calls.append(pixels)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(pixels)

    monkeypatch.setattr(store.tokenizer, "encode", crash)
    with pytest.raises(KeyboardInterrupt):
        store.get(images(photos))
    assert list(store.path(images(photos)).parent.iterdir()) == []
    same(FeatureStore(card, CPU, "no").get(images(photos)).values, encoded(card, photos))


def test_another_card_precision_or_set_lies_elsewhere(write_vit, photos):
    one, two = (Card.load(write_vit(name, seed)) for seed, name in enumerate(("one", "two")))
    paths = [
        FeatureStore(one, CPU, "no").path(images(photos)),
        FeatureStore(two, CPU, "no").path(images(photos)),
        FeatureStore(one, CPU, "bf16").path(images(photos)),
        FeatureStore(one, CPU, "no").path(images(photos[::-1])),
    ]
    assert len(set(paths)) == 4
    write_vit("one", seed=5)  # trained anew under its old name
    assert FeatureStore(Card.load(one.path), CPU, "no").path(images(photos)) not in paths
