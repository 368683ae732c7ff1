"""Captions and conversations about images in a folder; what cannot be used is counted."""

import hashlib
import json
from contextlib import suppress

import numpy as np
import pytest
from PIL import features

from gvt.align.data import images_from, source
from gvt.data.images import READ_ERRORS
from gvt.data.training_files import TrainingFiles
from gvt.errors import UserError
from gvt.mini.texts import CAPTION_PROMPT
from tests.align.data.conftest import encoded


def read(kind, path, **options):
    return source.__wrapped__(TrainingFiles(kind, str(path), **options))


def texts(data):
    """Image file → all its answers."""
    rng = np.random.default_rng(0)
    paths = [path.rpartition("/")[2] for path in data.images.paths]
    return {path: {a for _, a in data.pairs(i, 99, rng)} for i, path in enumerate(paths)}


def said(*turns):
    speakers = ("human", "gpt")
    return [{"from": speakers[i % 2], "value": turn} for i, turn in enumerate(turns)]


def test_llava_conversations_are_questions_with_the_turns_before(folder, write_json):
    talk = said("<image>\nWhat is it?", "A cat.", "Which colour?", "Black.")
    path = write_json("t.json", [{"id": "1", "image": "3.jpg", "conversations": talk}])
    data = read("llava", path, images=str(folder))
    assert dict(data.pairs(0, 9, np.random.default_rng(0))) == {
        "Question: What is it? Answer:": "A cat.",
        "Question: What is it? Answer: A cat.\nQuestion: Which colour? Answer:": "Black.",
    }
    assert len(data.pairs(0, 1, np.random.default_rng(0))) == 1
    assert data.images.hashes == [hashlib.sha256((folder / "3.jpg").read_bytes()).hexdigest()]
    assert data.warnings == []


def test_rows_about_one_image_share_it(folder, write_json):
    rows = [{"image": f"{i % 2}.jpg", "conversations": said("Q?", f"a{i}")} for i in range(4)]
    data = read("llava", write_json("t.json", rows), images=str(folder))
    assert texts(data) == {"0.jpg": {"a0", "a2"}, "1.jpg": {"a1", "a3"}}


CAPTIONS = {
    "coco.json": {
        "images": [{"id": 7, "file_name": "1.jpg"}, {"id": 9, "file_name": "2.jpg"}],
        "annotations": [
            {"image_id": 7, "caption": "one"},
            {"image_id": 9, "caption": "two"},
            {"image_id": 7, "caption": "uno"},
        ],
    },
    "genome.json": [
        {"id": 1, "regions": [{"phrase": "one"}, {"phrase": "uno"}]},
        {"id": 2, "regions": [{"phrase": "two"}]},
    ],
    "list.json": [
        {"image": "1.jpg", "caption": ["one", "uno"]},
        {"image": "2.jpg", "caption": " two\n"},
    ],
}
LINES = {
    "t.tsv": "1.jpg\tone\n2.jpg\ttwo\n1.jpg\tuno\n",
    "headed.tsv": "caption\timage\none\t1.jpg\ntwo\t2.jpg\nuno\t1.jpg\n",
    "t.jsonl": '{"image": "1.jpg", "caption": ["one", "uno"]}\n\n'
    '{"image": "2.jpg", "caption": "two"}\n',
} | {name: json.dumps(content) for name, content in CAPTIONS.items()}


@pytest.mark.parametrize("name", LINES)
def test_captions_in_the_usual_files(folder, tmp_path, name):
    (tmp_path / name).write_text(LINES[name])
    data = read("captions", tmp_path / name, images=str(folder))
    assert texts(data) == {"1.jpg": {"one", "uno"}, "2.jpg": {"two"}}
    prompts = {prompt for prompt, _ in data.pairs(0, 9, np.random.default_rng(0))}
    assert prompts == {CAPTION_PROMPT}


def test_captions_beside_their_images(folder):
    for number in range(11):
        (folder / f"{number}.txt").write_text(f"image {number}\nnumber {number}\n")
    (folder / "11.json").write_text('{"caption": "image 11", "width": 16}')
    (folder / "12.jpg").write_bytes((folder / "11.jpg").read_bytes())
    (folder / "12.json").write_text('["a list"]')
    data = read("captions", folder)
    found = texts(data)
    assert len(found) == 12
    assert "12.jpg (broken JSON)" in data.warnings[0]
    assert found["4.jpg"] == {"image 4", "number 4"}
    assert found["11.jpg"] == {"image 11"}


def test_a_table_of_any_program(folder, tmp_path):
    """A byte order mark, Windows' ends of lines, an empty last line, a caption without end."""
    endless = "very " * 30_000 + "long"
    lines = ["caption\timage", f"{endless}\t1.jpg", 'a "quote\t2.jpg', "", ""]
    (tmp_path / "t.tsv").write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    data = read("captions", tmp_path / "t.tsv", images=str(folder), max_bad=0.0)
    assert texts(data) == {"1.jpg": {endless}, "2.jpg": {'a "quote'}}


@pytest.mark.skipif(not features.check("avif"), reason="this PIL reads no AVIF")
def test_a_broken_avif_is_unreadable_as_any_other(folder, write_json):
    """PIL raises RuntimeError for some of them; what is called .jpg on the web may be one."""
    path = write_json("t.json", [{"image": f"{i}.jpg", "caption": "c"} for i in range(12)])
    whole = encoded(3, "AVIF")
    refused = 0
    for place in range(0, 300, 7):
        (folder / "1.jpg").write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        data = read("captions", path, images=str(folder))
        if len(data.images) == 11:
            refused += 1
            assert "1 unreadable image" in data.warnings[0]
        else:
            with suppress(*READ_ERRORS):
                data.images.load(1)
    assert refused


def test_bad_rows_are_counted_by_reason(folder, tmp_path):
    (folder / "5.jpg").write_bytes(b"no image")
    good = [json.dumps({"image": f"{i}.jpg", "caption": f"c{i}"}) for i in range(5)]
    bad = ['{"image": "1.jpg", "cap', '{"image": "5.jpg", "caption": "c"}', '{"caption": "c"}']
    bad += [
        '{"image": "99.jpg", "caption": "c"}',
        r'{"image": "\u0000", "caption": "c"}',
        '{"image": "1.jpg", "caption": " "}',
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(good + bad))
    data = read("captions", tmp_path / "t.jsonl", images=str(folder))
    assert texts(data) == {f"{i}.jpg": {f"c{i}"} for i in range(5)}
    (warning,) = data.warnings
    assert "6 of 11 rows left out" in warning
    assert "2 missing image" in warning
    for reason in ("broken JSON", "unreadable image", "empty caption"):
        assert f"1 {reason}" in warning
    assert "1 row without image" in warning
    assert "t.jsonl:6 (broken JSON)" in warning


BROKEN = {
    "coco.json": {
        "images": [
            {"id": 7, "file_name": "1.jpg"},
            {"id": 8},
            {"file_name": "2.jpg"},
            "3.jpg",
        ],
        "annotations": [
            {"image_id": 7, "caption": "good"},
            {"caption": "whose?"},
            {"image_id": [7], "caption": "of several?"},
            {"image_id": 8, "caption": "of an image without a file"},
            {"image_id": 9, "caption": "of no image"},
            {"image_id": 7},
            "a caption",
        ],
    },
    "genome.json": [
        "1.jpg",
        {"id": 1, "regions": [{"phrase": "good"}, {}, "a phrase", {"phrase": 5}]},
        {"regions": [{"phrase": "whose?"}, {"phrase": "and this?"}]},
        {"id": 2},
    ],
}
REASONS = {
    "coco.json": {
        "annotation without image_id": 2,
        "image without file_name": 1,
        "annotation of an image that is not listed": 1,
        "caption that is no text": 1,
        "annotation that is no object": 1,
    },
    "genome.json": {
        "image without regions": 2,
        "region without phrase": 2,
        "caption that is no text": 1,
        "image without id": 2,
    },
}


@pytest.mark.parametrize("name", BROKEN)
def test_bad_entries_of_coco_and_visual_genome_are_counted(folder, write_json, name):
    data = read("captions", write_json(name, BROKEN[name]), images=str(folder))
    assert texts(data) == {"1.jpg": {"good"}}
    (warning,) = data.warnings
    bad = sum(REASONS[name].values())
    assert f"{bad} of {bad + 1} rows left out" in warning
    for reason, count in REASONS[name].items():
        assert f"{count} {reason}" in warning


def test_too_many_bad_rows_are_an_error_with_examples(folder, tmp_path):
    good = [f"{i % 12}.jpg\tcaption {i}" for i in range(200)]
    for bad, allowed in ((12, True), (13, False)):  # ten, and one of a hundred
        lines = good[: 200 - bad] + [f"gone{i}.jpg\tx" for i in range(bad)]
        (tmp_path / "t.tsv").write_text("\n".join(lines))
        data = read("captions", tmp_path / "t.tsv", images=str(folder))
        if allowed:
            assert len(data.images) == 12
        else:
            with pytest.raises(UserError, match=r"13 of 200 rows.*t\.tsv:188 \(missing image\)"):
                data.images  # noqa: B018
    lax = read("captions", tmp_path / "t.tsv", images=str(folder), max_bad=0.02)
    assert len(lax.images) == 12
    strict = read("captions", tmp_path / "t.tsv", images=str(folder), max_bad=0.0)
    with pytest.raises(UserError, match="13 of 200"):
        strict.hash  # noqa: B018


def test_the_hash_is_of_contents_not_of_places(folder, write_json, tmp_path):
    rows = [{"image": "1.jpg", "caption": "one"}]
    before = read("captions", write_json("a.json", rows), images=str(folder)).hash
    moved = tmp_path / "moved"
    folder.rename(moved)
    path = write_json("b.json", rows)
    assert read("captions", path, images=str(moved)).hash == before
    (moved / "1.jpg").write_bytes((moved / "2.jpg").read_bytes())
    assert read("captions", path, images=str(moved)).hash != before
    other = write_json("c.json", [{"image": "1.jpg", "caption": "two"}])
    assert read("captions", other, images=str(moved)).hash != before


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("llava", '[{"image": "1.jpg",\n', r"t\.json:2: broken JSON"),
        ("llava", '{"image": "1.jpg"}', "must hold a list"),
        ("captions", '{"a": 1}', "neither a list of rows nor COCO"),
        ("captions", '{"images": {}, "annotations": []}', "must be lists"),
        ("captions", "[]", "no row that can be used"),
    ],
)
def test_files_that_are_something_else(folder, tmp_path, kind, content, message):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(UserError, match=message):
        read(kind, tmp_path / "t.json", images=str(folder)).images  # noqa: B018


def test_what_is_missing_is_named(folder, tmp_path, write_json):
    with pytest.raises(UserError, match=r"no file '.*gone\.json'"):
        read("llava", tmp_path / "gone.json")
    path = write_json("t.json", [])
    with pytest.raises(UserError, match=r"no image folder '.*gone'"):
        read("llava", path, images=str(tmp_path / "gone"))


def test_contamination_knows_what_the_user_says(folder):
    files = TrainingFiles("captions", str(folder), images_from=("coco/train2017",))
    assert images_from(files) == ("coco/train2017",)
    assert images_from("vqav2") == ("coco/train2014",)
