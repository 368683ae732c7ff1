"""Rows from official files: what is in them, and what is told when something is not there."""

import csv
import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from gvt.cli import main
from gvt.data.official import load
from gvt.data.official.sources import sources
from gvt.data.reach import reaching
from gvt.errors import UserError

COUNTS = {
    "vqav2_train": 36,
    "coco_caption_train": 4,
    "vqav2_val": 36,
    "vqav2_testdev": 36,
    "coco_caption_val": 4,
    "coco_caption_test": 4,
    "oc_coco": 12,
    "mci_coco": 24,
    "oc_coco_balanced": 7,
    "mci_coco_balanced": 50,
    "oc_vcr": 12,
    "mci_vcr": 24,
    "pope_random": 24,
    "pope_popular": 24,
    "pope_adversarial": 24,
    "mmvp": 12,
    "gqa": 36,
    "textvqa": 36,
}


def text(root, path):
    return (root / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sources())
def test_every_source_has_its_rows_with_hashed_images(name, data_root):
    found = load.dataset(name)["test"]
    assert len(found) == COUNTS[name]
    assert len(set(found["doc_id"])) == len(found)
    for row in found:
        content = Path(row["image"]).read_bytes()
        assert row["image_sha256"] == hashlib.sha256(content).hexdigest()
        assert row["image"].startswith(f"{data_root}/{sources()[name].images.split('{')[0]}")


def test_vqav2_joins_questions_and_answers(data_root):
    annotations = json.loads(text(data_root, "vqav2/v2_mscoco_val2014_annotations.json"))
    by_id = {one["question_id"]: one for one in annotations["annotations"]}
    asked = json.loads(text(data_root, "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"))
    for row, question in zip(load.rows("vqav2_val"), asked["questions"], strict=True):
        annotation = by_id[question["question_id"]]
        assert row["question"] == question["question"]
        assert row["answers"] == [answer["answer"] for answer in annotation["answers"]]
        assert row["category"] == row["answer_type"] == annotation["answer_type"]
        assert row["image"].endswith(f"/val2014/COCO_val2014_{question['image_id']:012d}.jpg")
    for row, question in zip(load.rows("vqav2_testdev"), asked["questions"], strict=True):
        assert (row["question_id"], row["answers"]) == (question["question_id"], [])


def test_captions_are_those_of_the_split(data_root):
    images = json.loads(text(data_root, "coco/dataset_coco.json"))["images"]
    for split in ("val", "test"):
        wanted = [
            (str(image["cocoid"]), [sentence["raw"] for sentence in image["sentences"]])
            for image in images
            if image["split"] == split
        ]
        found = [(row["image_id"], row["answers"]) for row in load.rows(f"coco_caption_{split}")]
        assert found == wanted


def test_the_others_keep_question_and_answer(data_root):
    lines = text(data_root, "pope/coco_pope_random.json").splitlines()
    wanted = [(one["text"], [one["label"]]) for one in map(json.loads, lines)]
    assert [(row["text_in"], row["answers"]) for row in load.rows("pope_random")] == wanted
    asked = json.loads(text(data_root, "gqa/testdev_balanced_questions.json"))
    wanted = [(one["question"], [one["answer"]]) for one in asked.values()]
    assert [(row["question"], row["answers"]) for row in load.rows("gqa")] == wanted
    with (data_root / "mmvp/Questions.csv").open(newline="") as file:
        wanted = [
            (f"{one['Question']} {one['Options']}", [one["Correct Answer"]])
            for one in csv.DictReader(file)
        ]
    found = load.rows("mmvp")
    assert [(row["text_in"], row["answers"]) for row in found] == wanted
    assert [row["image_id"] for row in found[:4]] == ["1+2", "1+2", "3+4", "3+4"]
    data = json.loads(text(data_root, "textvqa/TextVQA_0.5.1_val.json"))["data"]
    assert [row["answers"] for row in load.rows("textvqa")] == [one["answers"] for one in data]


def test_gvtbench_is_mended_unless_it_is_wanted_as_published(data_root):
    published = json.loads(text(data_root, "gvtbench/vcr_mci.json"))
    legacy, mended = load.rows("mci_vcr", "legacy"), load.rows("mci_vcr")
    assert [row["text_in"] for row in legacy] == [one["text_in"] for one in published]
    verbs = Counter((row["text_in"].split()[-4], row["text_out"]) for row in legacy)
    assert verbs == {("exist", "Yes."): 13, ("exis", "No."): 12}
    verbs = Counter((row["text_in"].split()[-4], row["text_out"]) for row in mended)
    assert verbs == {("exist", "Yes."): 12, ("exist", "No."): 12}
    assert [row["doc_id"] for row in mended] == [row["doc_id"] for row in legacy[:-1]]
    path = data_root / "gvtbench" / "vcr_oc.json"
    rows = json.loads(path.read_text())
    rows[0]["text_in"] = "How many wineglasses are there in the image?"
    os.environ["GVT_ACCEPT"] += f",{_write(path, rows)[:12]}"
    assert load.rows("oc_vcr")[0]["text_in"] == "How many wine glasses are there in the image?"
    assert load.rows("oc_vcr", "legacy")[0]["text_in"] == rows[0]["text_in"]


def _write(path, content):
    path.write_text(json.dumps(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.skipif(
    not Path(os.environ.get("GVT_DATA", ""), "gvtbench", "vcr_mci.json").is_file(),
    reason="GVTBench's files are not in $GVT_DATA",
)
def test_the_published_files_have_the_counts_that_docs_state(monkeypatch):
    monkeypatch.delenv("GVT_ACCEPT", raising=False)
    counts = {}
    for name in ("oc_coco", "mci_coco", "oc_vcr", "mci_vcr"):
        with reaching(0):
            counts[name] = len(load.rows(name)), len(load.rows(name, "legacy"))
            mended = load.rows(name)
        assert not [row for row in mended if " exis " in row["text_in"]]
    assert counts == {
        "oc_coco": (10000, 10000),
        "mci_coco": (10000, 10000),
        "oc_vcr": (8274, 10000),
        "mci_vcr": (9646, 10000),
    }


def test_bins_are_those_of_the_paper(data_root):
    for row in load.rows("oc_coco"):
        third = int(row["text_out"]) // 3
        assert row["category"] == f"{3 * third}–{3 * third + 2}"
    assert {row["category"] for row in load.rows("mci_coco")} == {"<10 objects"}


def test_a_file_that_is_not_the_published_one_must_be_accepted(data_root, monkeypatch):
    monkeypatch.delenv("GVT_ACCEPT")
    found = hashlib.sha256((data_root / "gvtbench/coco_oc.json").read_bytes()).hexdigest()
    with pytest.raises(UserError, match=r"coco_oc\.json: not the published file") as caught:
        load.rows("oc_coco")
    assert f"GVT_ACCEPT={found[:12]}" in caught.value.hint
    monkeypatch.setenv("GVT_ACCEPT", found[:11])
    with pytest.raises(UserError, match="not the published file"):
        load.rows("oc_coco")
    monkeypatch.setenv("GVT_ACCEPT", f"{'0' * 12}, {found[:12]}")
    assert len(load.rows("oc_coco")) == 12


def test_missing_files_are_told_at_once_with_where_they_come_from(data_root):
    (data_root / "vqav2" / "v2_mscoco_val2014_annotations.json").unlink()
    with pytest.raises(UserError) as caught:
        load.rows("vqav2_val")
    assert "vqav2/v2_mscoco_val2014_annotations.json not found below" in caught.value.message
    assert "questions.json" not in caught.value.message
    assert "visualqa.org" in caught.value.hint
    assert "lmms-lab-encoder/VQAv2" in caught.value.hint
    (data_root / "vqav2" / "v2_OpenEnded_mscoco_val2014_questions.json").unlink()
    with pytest.raises(UserError, match=r"questions\.json, .*annotations\.json.*coco/val2014/"):
        load.rows("vqav2_val")


def test_no_data_root(monkeypatch):
    monkeypatch.delenv("GVT_DATA", raising=False)
    with pytest.raises(UserError, match="'oc_vcr' is not on the hub") as caught:
        load.rows("oc_vcr")
    assert "--data_root" in caught.value.hint
    with pytest.raises(UserError, match="lmms-lab-encoder/POPE cannot be loaded") as caught:
        load.rows("pope_random")  # tests are offline
    assert "--data_root" in caught.value.hint
    monkeypatch.setenv("GVT_DATA", "/no/such/folder")
    with pytest.raises(UserError, match="data root /no/such/folder: no such folder"):
        load.rows("oc_vcr")


def test_missing_images_are_counted_and_the_first_three_named(data_root):
    folder = data_root / "gqa" / "images"
    for path in sorted(folder.iterdir())[1:6]:
        path.unlink()
    with pytest.raises(UserError) as caught:
        load.rows("gqa")
    message = caught.value.message
    assert "'gqa': 5 of 12 images are missing" in message
    for number in (100002, 100003, 100004):
        entry = f"testdev_balanced_questions.json: question {number}000"
        assert f"{folder}/{number}.jpg ({entry})" in message
    assert "100005" not in message
    assert message.endswith("and 2 more")


def test_images_out_of_reach_are_not_needed(data_root):
    for path in sorted((data_root / "gqa" / "images").iterdir())[1:]:
        path.unlink()
    with reaching(3):
        rows = load.rows("gqa")
    assert [bool(row["image_sha256"]) for row in rows] == [True] * 3 + [False] * 33
    with reaching(0):
        assert len(load.rows("gqa")) == 36
    with reaching(0.1), pytest.raises(UserError, match="1 of 2 images"):
        load.rows("gqa")  # four rows


def test_the_flag_must_name_a_folder(capsys):
    command = "run --tokenizers mini-clip --tasks pope --data_root nowhere"
    assert main(command.split()) == 2
    assert "--data_root nowhere: no such folder" in capsys.readouterr().err
