"""The data that recipes name: prompts of the right form, and as many as were asked for."""

import json
from collections import defaultdict

import numpy as np
import pytest

from gvt.align import data
from gvt.errors import UserError
from gvt.mini.images import scenes
from gvt.mini.texts import CAPTION_PROMPT, captions


@pytest.fixture(autouse=True)
def _few_scenes(monkeypatch):
    monkeypatch.setattr(data.mini, "ALIGN_SCENES", 20)
    data.mini._align_scenes.cache_clear()
    yield
    data.mini._align_scenes.cache_clear()


def draw(name, index, count, seed=0):
    return data.source(name).pairs(index, count, np.random.default_rng(seed))


def test_captions_are_of_that_scene_and_differ():
    for index, scene in enumerate(scenes("align", 20)):
        pairs = draw("mini-captions", index, 3)
        assert {prompt for prompt, _ in pairs} == {CAPTION_PROMPT}
        assert {text for _, text in pairs} <= set(captions(scene))
        assert len(pairs) == 3


def test_questions_end_with_a_caption_and_none_is_asked_twice():
    for index, scene in enumerate(scenes("align", 20)):
        pairs = draw("mini-questions", index, 6)
        assert len(pairs) == len({prompt for prompt, _ in pairs}) == 6
        assert pairs[-1][0] == CAPTION_PROMPT
        assert pairs[-1][1] in captions(scene)


def test_the_generator_decides():
    assert draw("mini-questions", 1, 6) == draw("mini-questions", 1, 6)
    assert draw("mini-questions", 1, 6) != draw("mini-questions", 1, 6, seed=1)


def test_easy_vqa_asks_of_its_train_split_only():
    easy = data.source("easy-vqa")
    assert len(easy.images) == 4000
    assert all("train" in path for path in easy.images.paths)
    pairs = draw("easy-vqa", 7, 4)
    assert len(set(pairs)) == 4
    assert all(p.startswith("Question: ") and p.endswith(" Answer:") for p, _ in pairs)


@pytest.fixture
def published(data_root):
    """No data of one test's folder is remembered in the next."""
    data.source.cache_clear()
    yield data_root
    data.source.cache_clear()


def test_coco_captions_are_those_of_the_train_split(published):
    karpathy = json.loads((published / "coco/dataset_coco.json").read_text())["images"]
    train = [image for image in karpathy if image["split"] == "train"]
    found = data.source("coco-captions")
    assert len(found.images) == len(train) == 4
    for index, image in enumerate(train):
        pairs = draw("coco-captions", index, 3)
        assert found.images.paths[index].endswith(image["filename"])
        assert len(set(pairs)) == 3
        assert {prompt for prompt, _ in pairs} == {CAPTION_PROMPT}
        assert {text for _, text in pairs} <= {one["raw"] for one in image["sentences"]}


def test_vqav2_teaches_what_most_people_answered(published):
    folder = published / "vqav2"
    asked = json.loads((folder / "v2_OpenEnded_mscoco_train2014_questions.json").read_text())
    known = json.loads((folder / "v2_mscoco_train2014_annotations.json").read_text())
    gold = {one["question_id"]: one["multiple_choice_answer"] for one in known["annotations"]}
    wanted = defaultdict(set)
    for one in asked["questions"]:
        prompt = f"Question: {one['question']} Answer:"
        wanted[one["image_id"]].add((prompt, gold[one["question_id"]]))
    found = data.source("vqav2")
    assert len(found.images) == len(wanted) == 12
    for index, path in enumerate(found.images.paths):
        image = int(path.rpartition("_")[2].removesuffix(".jpg"))
        assert set(draw("vqav2", index, 9)) == wanted[image]
        assert len(draw("vqav2", index, 2)) == 2


def test_other_texts_about_the_same_images_are_other_data(published):
    before = data.source("coco-captions").hash
    path = published / "coco/dataset_coco.json"
    content = json.loads(path.read_text())
    data.source.cache_clear()
    assert data.source("coco-captions").hash == before
    train = next(image for image in content["images"] if image["split"] == "train")
    train["sentences"][0]["raw"] = "a zebra"
    path.write_text(json.dumps(content))
    data.source.cache_clear()
    assert data.source("coco-captions").hash != before


def test_an_unknown_name():
    with pytest.raises(UserError, match="unknown alignment data 'mini-question'") as caught:
        data.source("mini-question")
    assert "mini-questions" in caught.value.hint
