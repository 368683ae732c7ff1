"""Broken official files: the message names file and entry, and no row comes out."""

import json
import re

import pytest

from gvt.data.official import load
from gvt.errors import UserError

QUESTIONS = "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "vqav2/v2_mscoco_val2014_annotations.json"
CAPTIONS = "coco/dataset_coco.json"
GQA = "gqa/testdev_balanced_questions.json"
TEXTVQA = "textvqa/TextVQA_0.5.1_val.json"


def set_in(*path, to):
    """A change: set what lies at the end of the path of keys."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return change


def drop(*path):
    """A change: take away what lies at the end of the path of keys."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return change


JSON_FILES = [
    (
        "vqav2_val",
        ANNOTATIONS,
        set_in("annotations", 2, "answer_type", to="foo"),
        "'answer_type' is 'foo', expected one of 'yes/no', 'number', 'other'",
    ),
    ("vqav2_val", ANNOTATIONS, drop("annotations", 2, "answers", 0), "'answers' holds 9, not 10"),
    ("textvqa", TEXTVQA, drop("data", 3, "answers", 0), ": data[3]: 'answers' must hold 10"),
    ("vqav2_val", QUESTIONS, drop("questions"), ": key 'questions' is missing"),
    ("vqav2_val", QUESTIONS, set_in("questions", to={}), ": 'questions' must be a list, not {}"),
    ("vqav2_val", QUESTIONS, set_in("questions", to=[]), "question_id 100001000 is not in"),
    (
        "vqav2_val",
        QUESTIONS,
        drop("questions", 3, "question"),
        ": questions[3]: key 'question' is missing",
    ),
    (
        "vqav2_val",
        QUESTIONS,
        set_in("questions", 4, "image_id", to="x"),
        ": questions[4]: 'image_id' must be a whole number, not 'x'",
    ),
    (
        "vqav2_val",
        QUESTIONS,
        set_in("questions", 4, "question_id", to=True),
        ": questions[4]: 'question_id' must be a whole number, not True",
    ),
    ("vqav2_val", QUESTIONS, set_in("questions", 5, to=7), ": questions[5]: expected an object"),
    (
        "vqav2_val",
        QUESTIONS,
        set_in("questions", 2, "question_id", to=100001000),
        ": questions[2]: question_id 100001000 appears twice, first in questions[0]",
    ),
    (
        "vqav2_val",
        ANNOTATIONS,
        set_in("annotations", 2, "question_id", to=100001000),
        ": annotations[2]: question_id 100001000 appears twice, first in annotations[0]",
    ),
    (
        "vqav2_val",
        ANNOTATIONS,
        set_in("annotations", 2, "image_id", to=5),
        ": annotations[2]: image_id is 5, but 100001 in",
    ),
    ("vqav2_val", ANNOTATIONS, drop("annotations", 2), "question_id 100001002 is not in"),
    (
        "vqav2_val",
        ANNOTATIONS,
        set_in("annotations", 1, "answers", to=[]),
        "[1]: 'answers' holds 0, not 10",
    ),
    (
        "vqav2_val",
        ANNOTATIONS,
        set_in("annotations", 1, "answers", 3, "answer", to=None),
        "[1].answers[3]: 'answer' must be text, not None",
    ),
    ("coco_caption_val", CAPTIONS, drop("images", 1, "split"), ": images[1]: key 'split' is missi"),
    (
        "coco_caption_val",
        CAPTIONS,
        set_in("images", 3, "sentences", to=[]),
        ": images[3]: 'sentences' must hold captions",
    ),
    (
        "coco_caption_val",
        CAPTIONS,
        drop("images", 3, "sentences", 1, "raw"),
        ": images[3].sentences[1]: key 'raw' is missing",
    ),
    (
        "coco_caption_val",
        CAPTIONS,
        set_in("images", 3, "cocoid", to=100001),
        ": images[3]: cocoid 100001 appears twice, first in images[0]",
    ),
    (
        "coco_caption_val",
        CAPTIONS,
        set_in("images", 3, "filename", to="../../secret.jpg"),
        ": images[3]: image 'val2014/../../secret.jpg' leaves the data root",
    ),
    ("gqa", GQA, drop("100002001", "answer"), ": question 100002001: key 'answer' is missing"),
    ("gqa", GQA, set_in("100002001", to=[]), ": question 100002001: expected an object, not a li"),
    (
        "gqa",
        GQA,
        set_in("100002001", "types", to={}),
        ": question 100002001.types: key 'structural' is missing",
    ),
    ("textvqa", TEXTVQA, drop("data", 3, "image_id"), ": data[3]: key 'image_id' is missing"),
    ("textvqa", TEXTVQA, set_in("data", 3, "answers", 1, to=4), ": data[3]: 'answers' must hold"),
    (
        "textvqa",
        TEXTVQA,
        set_in("data", 3, "question_id", to=0),
        ": data[3]: question_id 0 appears twice, first in data[0]",
    ),
]


@pytest.mark.parametrize(("name", "path", "change", "told"), JSON_FILES)
def test_a_json_file(name, path, change, told, data_root):
    content = json.loads((data_root / path).read_text())
    change(content)
    (data_root / path).write_text(json.dumps(content))
    with pytest.raises(UserError) as caught:
        load.rows(name)
    assert told in caught.value.message
    assert str(data_root / path) in caught.value.message


GVTBENCH = [
    ("oc_coco", "coco_oc", set_in(to=None), "entry[7]: expected an object"),
    ("oc_coco", "coco_oc", drop("text_in"), "entry[7]: key 'text_in' is missing"),
    ("oc_coco", "coco_oc", set_in("text_out", to=3), "entry[7]: 'text_out' must be text, not 3"),
    ("oc_coco", "coco_oc", set_in("text_out", to="many"), "entry[7]: 'text_out' is 'many', expe"),
    ("oc_coco", "coco_oc", set_in("image_id", to="7"), "entry[7]: 'image_id' must be a whole num"),
    ("oc_coco", "coco_oc", set_in("image_id", to=7), "000000000007.jpg (coco_oc.json: entry[7])"),
    ("mci_vcr", "vcr_mci", set_in("image_id", to=7), "entry[7]: 'image_id' must be text, not 7"),
    ("mci_vcr", "vcr_mci", set_in("image_id", to="/etc/x"), "missing: "),
    ("mci_vcr", "vcr_mci", set_in("image_id", to="../x"), "entry[7]: image '../x' leaves"),
    ("mci_vcr", "vcr_mci", set_in("text_out", to="Yes"), "entry[7]: 'text_out' is 'Yes', expected"),
    ("mci_vcr", "vcr_mci", drop("n_obj_exist"), "entry[7]: key 'n_obj_exist' is missing"),
]


@pytest.mark.parametrize(("name", "file", "change", "told"), GVTBENCH)
def test_a_file_of_gvtbench(name, file, change, told, data_root, monkeypatch):
    path = data_root / "gvtbench" / f"{file}.json"
    rows = json.loads(path.read_text())
    if told.endswith("an object"):
        rows[7] = None
    else:
        change(rows[7])
    path.write_text(json.dumps(rows))
    with pytest.raises(UserError, match="not the published file") as caught:
        load.rows(name)
    monkeypatch.setenv("GVT_ACCEPT", re.search("GVT_ACCEPT=(.*)[.]", caught.value.hint)[1])
    with pytest.raises(UserError) as caught:
        load.rows(name)
    assert told in caught.value.message
    assert f"{file}.json" in caught.value.message


LINES = [
    ("pope_random", "pope/coco_pope_random.json", '"text"', '"txt"', ":1: key 'text' is missing"),
    ("pope_random", "pope/coco_pope_random.json", '"yes"', '"si"', ":1: 'label' is 'si', expected"),
    ("pope_random", "pope/coco_pope_random.json", '"yes"', "", ":1: not JSON, or cut off"),
    ("pope_random", "pope/coco_pope_random.json", '_id": 2', '_id": 1', ":2: question_id 1 appea"),
    ("mmvp", "mmvp/Questions.csv", "Correct Answer", "Correct", ":2: key 'Correct Answer' is mis"),
    ("mmvp", "mmvp/Questions.csv", "\r\n2,", "\r\n1,", ":3: Index 1 appears twice, first in"),
    ("mmvp", "mmvp/Questions.csv", "\r\n2,", "\r\nx,", ":3: 'Index' is 'x', expected a whole num"),
    ("mmvp", "mmvp/Questions.csv", ",(b)\r", "\r", ": expected 4 values"),
    ("mmvp", "mmvp/Questions.csv", "(a) Yes (b) No", "Yes/No", ":2: 'Options' is 'Yes/No'"),
    ("gqa", GQA, '"100001001":', '"100001000":', ": key '100001000' stands twice in one object"),
]


@pytest.mark.parametrize(("name", "path", "old", "new", "told"), LINES)
def test_a_file_of_lines(name, path, old, new, told, data_root):
    content = (data_root / path).read_bytes().decode()
    assert old in content
    (data_root / path).write_bytes(content.replace(old, new, 1).encode())
    with pytest.raises(UserError) as caught:
        load.rows(name)
    assert f"{data_root / path}{told}" in caught.value.message or (
        told in caught.value.message and str(data_root / path) in caught.value.message
    )


@pytest.mark.parametrize("name", ["vqav2_val", "coco_caption_val", "gqa", "textvqa"])
def test_a_file_that_is_cut_off(name, data_root):
    from gvt.data.official.sources import sources

    path = data_root / next(iter(sources()[name].files.values()))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=rf"{path.name}:1: not JSON, or cut off") as caught:
        load.rows(name)
    assert "Fetch the file again" in caught.value.hint
    path.write_bytes(b"\xff\xfe\x00{")
    with pytest.raises(UserError, match=path.name):
        load.rows(name)
    path.write_bytes(b"")
    with pytest.raises(UserError, match=path.name):
        load.rows(name)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"questions": [' + "9" * 5000 + "]}"])
def test_json_beyond_all_measure_is_told_in_one_line(data_root, content):
    (data_root / QUESTIONS).write_text(content)
    with pytest.raises(UserError, match="not JSON that can be read") as caught:
        load.rows("vqav2_val")
    assert str(data_root / QUESTIONS) in caught.value.message
