"""The data that recipes name: prompts of the right form, and as many as were asked for."""

import numpy as np
import pytest

from gvt.align import data
from gvt.errors import UserError
from gvt.mini.images import scenes
from gvt.mini.texts import CAPTION_PROMPT, captions


@pytest.fixture(autouse=True)
def _few_scenes(monkeypatch):
    monkeypatch.setattr(data, "ALIGN_SCENES", 20)
    data._align_scenes.cache_clear()
    yield
    data._align_scenes.cache_clear()


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


def test_an_unknown_name():
    with pytest.raises(UserError, match="unknown alignment data 'mini-question'") as caught:
        data.source("mini-question")
    assert "mini-questions" in caught.value.hint
