"""Streams: an order that the seed fixes, every row once an epoch, and going on from any place."""

import io
import json
import tarfile
from collections import Counter
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from gvt.align.data import source
from gvt.data.training_files import TrainingFiles
from gvt.errors import UserError
from tests.align.data.conftest import captioned, encoded, number_of


def read(path, kind="webdataset", **options):
    options = {"shuffle_buffer": 8, **options}
    return source.__wrapped__(TrainingFiles(kind, str(path), **options))


def answers(items):
    return [item.all_pairs[0][1] for item in items]


@pytest.fixture
def tars(make_tars):
    return make_tars(*(captioned(range(first, first + 20)) for first in (0, 20, 40)))


def test_every_row_once_an_epoch_with_its_own_image(tars):
    items = list(islice(read(tars).stream(0), 120))
    wanted = {f"image {i}" for i in range(60)}
    assert set(answers(items[:60])) == set(answers(items[60:])) == wanted
    assert answers(items[:60]) != answers(items[60:])
    for item in items[:60]:
        assert f"image {number_of(item.image())}" == item.all_pairs[0][1]
        assert f"{number_of(item.image()):04}" in item.name


def test_datasets_reads_the_same_samples(tars):
    """The loader of `datasets` for the same layout is the oracle."""
    files = sorted(map(str, tars.glob("*.tar")))
    theirs = load_dataset("webdataset", data_files=files, split="train", streaming=True)
    known = {row["txt"]: row["jpg"].tobytes() for row in theirs}
    ours = {
        item.all_pairs[0][1]: item.image().tobytes() for item in islice(read(tars).stream(1), 60)
    }
    assert ours == known


def test_the_seed_alone_fixes_the_order(tars):
    one, again, other = (answers(islice(read(tars).stream(seed), 60)) for seed in (0, 0, 1))
    assert one == again != other
    assert one != sorted(one, key=lambda text: int(text.split()[1]))


@pytest.mark.parametrize("behind", [0, 6, 7, 8, 33, 59, 60, 71])
def test_it_goes_on_behind_any_item(tars, behind):
    items = list(islice(read(tars).stream(3), 100))
    state = json.loads(json.dumps(items[behind].state))
    left = list(islice(read(tars).stream(3, state), 100 - behind - 1))
    assert [item.name for item in left] == [item.name for item in items[behind + 1 :]]
    assert [item.state for item in left] == [item.state for item in items[behind + 1 :]]


def test_what_is_beside_an_image(make_tars):
    talk = [{"from": "human", "value": "<image> Q?"}, {"from": "gpt", "value": "A"}]
    members = [
        ("a/0.png", encoded(0, "PNG")),
        ("a/0.json", json.dumps({"conversations": talk}).encode()),
        ("b/0.JPG", encoded(1)),
        ("b/0.json", b'{"caption": "from json"}'),
        ("2.webp", encoded(2, "WEBP")),
        ("2.txt", b"one\ntwo\n"),
    ]
    items = islice(read(make_tars(members)).stream(0), 3)
    found = {number_of(item.image()): item.all_pairs for item in items}
    assert found[0] == [("Question: Q? Answer:", "A")]
    assert [answer for _, answer in found[1]] == ["from json"]
    assert [answer for _, answer in found[2]] == ["one", "two"]


def test_parquet_as_datasets_writes_it_and_as_plain_bytes(tmp_path):
    for name, image in (("hub", lambda b: {"bytes": b, "path": None}), ("plain", lambda b: b)):
        (tmp_path / name).mkdir()
        for shard in range(2):
            numbers = range(shard * 10, shard * 10 + 10)
            columns = {"picture": [image(encoded(i)) for i in numbers]}
            columns["text"] = [[f"image {i}", f"again {i}"] for i in numbers]
            pq.write_table(pa.table(columns), tmp_path / name / f"{shard}.parquet")
        data = read(tmp_path / name, "parquet", image_column="picture", text_column="text")
        items = list(islice(data.stream(0), 20))
        assert {number_of(item.image()) for item in items} == set(range(20))
        for item in items:
            number = number_of(item.image())
            assert answers([item]) == [f"image {number}"]
            assert len(item.pairs(1, np.random.default_rng(0))) == 1
    with pytest.raises(UserError, match="no column 'caption'") as caught:
        next(read(tmp_path / "hub", "parquet", image_column="picture").stream(0))
    assert "picture, text" in caught.value.hint


def test_bad_rows_are_left_out_and_counted(make_tars):
    members = list(captioned(range(30)))
    members += [("x0.jpg", b"junk"), ("x0.txt", b"c"), ("x1.txt", b"no image")]
    members += [("x2.jpg", encoded(1)), ("x2.txt", b" \n"), ("x3.jpg", encoded(2))]
    members += [("x4.jpg", encoded(3, side=64)[:-200]), ("x4.txt", b"torn")]
    png = bytearray(encoded(4, "PNG"))
    png[len(png) // 2] ^= 255
    members += [("x5.png", bytes(png)), ("x5.txt", b"flipped")]
    data = read(make_tars(members))
    found = Counter(answers(islice(data.stream(0), 30)))
    assert found == Counter(f"image {i}" for i in range(30))
    list(islice(data.stream(0), 90))  # the bad rows of later epochs are no other ones
    (warning,) = data.warnings
    assert "6 of 36 rows left out" in warning
    assert "3 unreadable image" in warning
    assert "1 missing image" in warning
    assert "1 empty caption" in warning


def test_too_many_bad_rows_end_the_stream(make_tars):
    members = [("a.jpg", encoded(0)), ("a.txt", b"one")]
    members += [(f"x{i}.txt", b"no image") for i in range(12)]
    tars = make_tars(members)
    with pytest.raises(UserError, match=r"missing image.*max_bad.*first: 000\.tar:x0"):
        list(islice(read(tars, shuffle_buffer=1).stream(0), 5))
    assert answers(islice(read(tars, max_bad=0.95).stream(0), 2)) == ["one", "one"]


def test_a_torn_tar_and_an_empty_one_are_named(make_tars, tmp_path):
    tars = make_tars(captioned(range(5)))
    whole = (tars / "000.tar").read_bytes()
    (tars / "000.tar").write_bytes(whole[: 512 + 700])
    with pytest.raises(UserError, match=r"000\.tar"):
        list(islice(read(tars).stream(0), 9))
    empty = make_tars([], folder="empty")
    with pytest.raises(UserError, match="no row that can be used"):
        next(read(empty).stream(0))
    with pytest.raises(UserError, match=r"no \.tar file at '.*gone'"):
        read(tmp_path / "gone")


@pytest.mark.parametrize("harm", ["damaged header", "cut between two files"])
def test_a_tar_that_seems_to_end_early_is_named(make_tars, harm):
    """tarfile takes both for the end: all that follows would be left out unsaid."""
    shard = make_tars(captioned(range(5))) / "000.tar"
    with tarfile.open(shard) as tar:
        third = tar.getmembers()[4].offset
    content = bytearray(shard.read_bytes())
    if harm == "damaged header":
        content[third + 150] ^= 1  # within its check sum
    else:
        del content[third:]
    shard.write_bytes(content)
    with pytest.raises(UserError, match=rf"000\.tar: cannot .*at byte {third:,}") as caught:
        list(islice(read(shard).stream(0), 9))
    assert "\n" not in caught.value.message


def test_parquet_images_that_are_no_bytes_are_bad_rows(tmp_path):
    values = [["a.jpg", "b.jpg"], [1, 2], [[encoded(0)], [encoded(1)]], [None, None]]
    for number, images in enumerate(values):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"image": images, "caption": ["one", "two"]}), path)
        with pytest.raises(UserError, match=r"2 of 2 .*: 2 missing image.*no row that"):
            next(read(path, "parquet").stream(0))


def test_the_hash_notices_other_files(tars):
    before = read(tars).hash
    assert read(tars).hash == before
    (tars / "002.tar").rename(tars / "003.tar")
    renamed = read(tars).hash
    assert renamed != before
    content = bytearray((tars / "003.tar").read_bytes())
    content[3] ^= 1
    (tars / "003.tar").write_bytes(content)
    assert read(tars).hash != renamed


def test_an_image_is_shown_upright(make_tars):
    from PIL import Image

    file = io.BytesIO()
    picture = Image.new("RGB", (8, 16))
    exif = picture.getexif()
    exif[0x0112] = 6  # lies on its side
    picture.save(file, "JPEG", exif=exif)
    (item,) = islice(read(make_tars([("a.jpg", file.getvalue()), ("a.txt", b"c")])).stream(0), 1)
    assert item.image().size == (16, 8)
