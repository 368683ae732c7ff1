"""Files of the user's own in a recipe: where they lie, what is complained about, what counts."""

import json

import pytest

from gvt.config import load_recipe
from gvt.data.training_files import TrainingFiles
from gvt.errors import UserError

STAGE = """\
stages:
  - name: captions
    steps: 10
    batch_size: 4
    lr: 1e-3
    data:
"""


@pytest.fixture
def load(tmp_path):
    """load(lines): the stage of a recipe in `mine/r.yaml` with these lines below `data:`."""

    def load(*lines, place="mine"):
        (tmp_path / place).mkdir(exist_ok=True)
        path = tmp_path / place / "r.yaml"
        path.write_text(STAGE + "".join(f"      {line}\n" for line in lines))
        return load_recipe(path)

    return load


def test_files_lie_relative_to_the_recipe(load, tmp_path):
    (stage,) = load("format: llava", "path: data/t.json", "images: /photos").stages
    assert stage.data == TrainingFiles("llava", str(tmp_path / "mine/data/t.json"), "/photos")


def test_a_recipe_that_includes_another_finds_the_files_of_that_one(load, tmp_path):
    load("format: captions", "path: data")
    child = tmp_path / "child.yaml"
    child.write_text("include: mine/r.yaml\nstages: [{name: captions, data: {max_bad: 0.5}}]\n")
    (stage,) = load_recipe(child).stages
    assert stage.data == TrainingFiles("captions", str(tmp_path / "mine/data"), max_bad=0.5)


def test_the_hash_and_the_plain_form(load):
    one = load("format: captions", "path: data")
    moved = load("format: captions", "path: data", place="yours")
    other = load("format: webdataset", "path: data")
    assert one.hash() == moved.hash() != other.hash()
    assert json.loads(json.dumps(one.to_dict())) == one.to_dict()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["path: a"], r"r\.yaml:7: key 'format' is missing"),
        (["format: llava"], r"r\.yaml:7: key 'path' is missing"),
        (["format: lava", "path: a"], r"r\.yaml:7: 'lava' is none of llava, captions"),
        (["format: llava", "path: a", "image: b"], r"r\.yaml:9: unknown key 'image'"),
        (["format: llava", "path: a", "max_bad: 2"], r"r\.yaml:9: max_bad: must be 0 to 1"),
        (["format: parquet", "path: a", "images: b"], r"r\.yaml:9: images: a parquet file holds"),
        (["format: parquet", "path: a", "shuffle_buffer: 0"], r"r\.yaml:9: shuffle_buffer"),
        (["format: llava", "path: ''"], r"r\.yaml:8: path: is empty"),
        (["- llava"], r"r\.yaml:7: must hold 'key: value' lines"),
    ],
)
def test_complaints_name_file_and_line(load, lines, message):
    with pytest.raises(UserError, match=message):
        load(*lines)
