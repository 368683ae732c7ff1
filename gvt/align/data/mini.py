"""Captions and questions of the mini world's alignment split."""

from __future__ import annotations

from functools import cache

import numpy as np

from gvt.align.data.contracts import FixedTexts, Pair
from gvt.data.images import MiniImages
from gvt.mini.images import scenes
from gvt.mini.questions import VQA, multi_class, object_count, vqa
from gvt.mini.scenes import Scene
from gvt.mini.texts import CAPTION_PROMPT, captions
from gvt.model.frame import vqa_prompt

ALIGN_SCENES = 8000
"""Scenes of the alignment split; none is used in pre-training or held out."""


class MiniCaptions(FixedTexts):
    """Captions of the mini world's alignment split."""

    images = MiniImages("align", ALIGN_SCENES)

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """``count`` different captions of the five."""
        known = captions(_align_scenes()[index])
        return [(CAPTION_PROMPT, known[i]) for i in rng.permutation(len(known))[:count]]


class MiniQuestions(FixedTexts):
    """Questions of every mini task, one caption among them so that captioning is not unlearnt."""

    images = MiniImages("align", ALIGN_SCENES)

    def pairs(self, index: int, count: int, rng: np.random.Generator) -> list[Pair]:
        """Questions of different categories, then one caption."""
        scene = _align_scenes()[index]
        asked = [(vqa_prompt(q.text), q.answer) for q in vqa(scene, rng, list(VQA))]
        named = [object_count(scene), *(multi_class(scene, rng, yes) for yes in (True, False))]
        asked += [(q.text, q.answer) for q in named]
        chosen = [asked[i] for i in rng.permutation(len(asked))[: count - 1]]
        return [*chosen, (CAPTION_PROMPT, str(rng.choice(captions(scene))))]


@cache
def _align_scenes() -> list[Scene]:
    return scenes("align", ALIGN_SCENES)
