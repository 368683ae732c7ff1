"""Features kept on disk: those of the encoder, computed once, with a reason for every failure."""

import errno
import json
import os
import time

import numpy as np
import pytest
import torch
from PIL import Image

from gvt.data.images import FileImages
from gvt.engine import features
from gvt.engine.features import FeatureStore
from gvt.files import sha256
from gvt.progress import Counter
from tokenizers_zoo import Card, load_tokenizer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    # Borders between batches are met even by five images.
    monkeypatch.setattr(features, "_BATCH", 2)
    monkeypatch.setattr(features, "_SHARD", 3)


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
    counter = Counter(told.append)
    found = FeatureStore(card, CPU, "no").get(images(photos), counter)
    assert found.values.shape == (5, 10, 16)
    assert (found.grid, found.prefix, found.failed) == ((3, 3), 1, {})
    same(found.values[:], encoded(card, photos))
    assert np.ptp(found.values[:], axis=0).min() > 0.01  # no two images alike
    assert (sum(told), counter.computed) == (5, 5)


def test_operations_are_those_counted_by_hand(write_vit, photos):
    card = Card.load(write_vit("toy"))
    config = json.loads((card.folder / "config.json").read_text())
    width, inner = config["hidden_size"], config["intermediate_size"]
    layers, patch = config["num_hidden_layers"], config["patch_size"]
    tokens = 1 + (config["image_size"] // patch) ** 2
    embedding = (tokens - 1) * 3 * patch**2 * width
    layer = tokens * (4 * width**2 + 2 * width * inner) + 2 * tokens**2 * width
    wanted = 2 * (embedding + layers * layer) / 1e9  # a multiplication and an addition
    assert FeatureStore(card, CPU, "no").get(images(photos)).gflops == pytest.approx(wanted)


def test_the_second_time_no_encoder_is_loaded(write_vit, photos, monkeypatch):
    card = Card.load(write_vit("toy"))
    first = FeatureStore(card, CPU, "no").get(images(photos))
    monkeypatch.setattr(features, "load_tokenizer", None)
    told = []
    counter = Counter(told.append)
    second = FeatureStore(card, CPU, "no").get(images(photos), counter)
    assert (sum(told), counter.computed) == (5, 0)
    assert second.gflops == first.gflops
    assert np.array_equal(first.values[:], second.values[:])
    assert (second.grid, second.prefix) == (first.grid, first.prefix)


def test_waiting_for_images_is_not_the_encoders_work(write_vit, photos, monkeypatch):
    slow, load = images(photos), FileImages.load
    monkeypatch.setattr(FileImages, "load", lambda *place: time.sleep(0.3) or load(*place))
    store, counter = FeatureStore(Card.load(write_vit("toy")), CPU, "no"), Counter()
    assert store.tokenizer  # its loading is not what is measured
    began = time.monotonic()
    store.get(slow, counter)
    assert 0 < counter.worked < time.monotonic() - began - 0.2


def test_an_unreadable_image_is_told_and_the_others_are_right(write_vit, photos, tmp_path):
    card = Card.load(write_vit("toy"))
    (tmp_path / "1.png").write_text("no image")
    torn = tmp_path / "2.png"
    torn.write_bytes(torn.read_bytes()[:200])
    store = FeatureStore(card, CPU, "no")
    counter = Counter()
    found = [store.get(images(photos)), FeatureStore(card, CPU, "no").get(images(photos), counter)]
    good = [0, 3, 4]
    for one in found:
        assert set(one.failed) == {1, 2}
        assert "cannot identify image file" in one.failed[1]
        same(one.values[good], encoded(card, [photos[i] for i in good]))
    assert counter.computed == 0


def test_an_image_that_was_not_there_is_looked_for_again(write_vit, photos, tmp_path):
    card, found = Card.load(write_vit("toy")), images(photos)
    lost = tmp_path / "lost"
    (tmp_path / "3.png").rename(lost)
    assert set(FeatureStore(card, CPU, "no").get(found).failed) == {3}
    lost.rename(tmp_path / "3.png")
    again = FeatureStore(card, CPU, "no").get(found)
    assert again.failed == {}
    same(again.values[:], encoded(card, photos))


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
    assert list(store.folder.iterdir()) == []
    same(FeatureStore(card, CPU, "no").get(images(photos)).values[:], encoded(card, photos))


def test_only_new_images_are_encoded_whatever_set_they_come_in(write_vit, photos, monkeypatch):
    card = Card.load(write_vit("toy"))
    FeatureStore(card, CPU, "no").get(images(photos[:3]))
    store, loaded = FeatureStore(card, CPU, "no"), []
    found = images([photos[4], photos[1], photos[4], photos[0], photos[3]])
    assert store.missing(found.hashes) == {found.hashes[0], found.hashes[4]}
    load = FileImages.load
    monkeypatch.setattr(
        FileImages, "load", lambda self, i: loaded.append(self.paths[i]) or load(self, i)
    )
    wanted = [photos[i] for i in (4, 1, 4, 0, 3)]
    values = store.get(found).values
    assert sorted(loaded) == [photos[3], photos[4]]
    same(values[:], encoded(card, wanted))
    same(values[np.array([3, 0])], encoded(card, [photos[0], photos[4]]))
    assert not store.missing(found.hashes)


def test_another_card_or_precision_lies_elsewhere(write_vit, photos):
    one, two = (Card.load(write_vit(name, seed)) for seed, name in enumerate(("one", "two")))
    folders = [
        FeatureStore(one, CPU, "no").folder,
        FeatureStore(two, CPU, "no").folder,
        FeatureStore(one, CPU, "bf16").folder,
    ]
    assert len(set(folders)) == 3
    write_vit("one", seed=5)  # trained anew under its old name
    assert FeatureStore(Card.load(one.path), CPU, "no").folder not in folders


def odd_images(folder):
    """Files of every kind that is met in the wild, with what a reader must see of them."""
    grey = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    colour = Image.fromarray(np.stack([grey, grey[::-1], grey[:, ::-1]], axis=-1))
    wanted = {}

    def save(name, image, seen, **options):
        image.save(folder / name, **options)
        wanted[name] = seen

    save("cmyk.tif", colour.convert("CMYK"), colour)
    save("palette.png", colour.quantize(200), colour.quantize(200).convert("RGB"))
    save("16bit.png", Image.fromarray(grey.astype(np.uint16) * 256), Image.fromarray(grey))
    save(
        "animated.gif",
        colour.quantize(250),
        colour.quantize(250).convert("RGB"),
        save_all=True,
        append_images=[Image.new("P", colour.size)],
    )
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    save("rotated.png", colour, colour.transpose(Image.Transpose.ROTATE_270), exif=exif)
    save("one.png", colour.crop((0, 0, 1, 1)), colour.crop((0, 0, 1, 1)))
    wide = Image.new("RGB", (30_000, 10), "red")
    save("wide.png", wide, wide)
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("no image")
    colour.resize((200, 200)).save(folder / "torn.jpg")
    whole = (folder / "torn.jpg").read_bytes()
    (folder / "torn.jpg").write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    return wanted, {"empty.png", "text.jpg", "torn.jpg", "bomb.png"}


def test_odd_images_are_read_as_they_look_or_counted_with_their_reason(write_vit, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    wanted, broken = odd_images(folder)
    names = [*wanted, *sorted(broken)]
    card = Card.load(write_vit("toy"))
    found = FeatureStore(card, CPU, "no").get(images([str(folder / name) for name in names]))
    assert {names[i] for i in found.failed} == broken
    assert all(reason.strip() and ":" in reason for reason in found.failed.values())
    assert "DecompressionBomb" in found.failed[names.index("bomb.png")]
    tokenizer = load_tokenizer(card)
    for number, image in enumerate(wanted.values()):
        alone = tokenizer.encode(tokenizer.preprocess([image.convert("RGB")])).features
        same(found.values[[number]], alone.numpy())


def test_what_the_system_could_not_do_is_tried_again(write_vit, photos, monkeypatch):
    card, found = Card.load(write_vit("toy")), images(photos)
    load = FileImages.load

    def busy(self, index):
        if index == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return load(self, index)

    with monkeypatch.context() as patch:
        patch.setattr(FileImages, "load", busy)
        assert set(FeatureStore(card, CPU, "no").get(found).failed) == {2}
    assert FeatureStore(card, CPU, "no").get(found).failed == {}


def test_no_image_at_all_is_no_error(write_vit, photos):
    card = Card.load(write_vit("toy"))
    FeatureStore(card, CPU, "no").get(images(photos))
    assert len(FeatureStore(card, CPU, "no").get(images([])).values) == 0


def test_a_limit_does_not_evict_what_is_asked_for(write_vit, photos, monkeypatch):
    card = Card.load(write_vit("toy"))
    FeatureStore(card, CPU, "no").get(images(photos[:4]))
    # As if another process had made them, long ago.
    for path in FeatureStore(card, CPU, "no").folder.iterdir():
        os.utime(path, (1, 1))
    monkeypatch.setenv("GVT_CACHE_LIMIT", "1K")
    assert FeatureStore(card, CPU, "no").get(images(photos)).failed == {}
