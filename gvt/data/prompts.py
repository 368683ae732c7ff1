"""What task YAMLs hand to the model for a row, beside its text."""

from __future__ import annotations

from typing import Any

from gvt.mini.texts import CAPTION_PROMPT
from gvt.model.frame import IMAGE, vqa_prompt
from gvt.scoring.process import golds


class Reference(dict):
    """Where an image lies: `path`, `sha256` and perhaps the scene's `text`.

    To models that want pixels, such as lm-eval's own ``hf-multimodal``, it is a ``PIL.Image``: what
    they ask of it is asked of the image, decoded anew so that nothing is held in memory.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copying and pickling ask a dict
            raise AttributeError(name)
        from gvt.data.images import read

        return getattr(read(self["path"]), name)


def image(doc: dict[str, Any]) -> list[Reference]:
    """Return references to the images of a row.

    Where the row tells the true scene in words, that is in `text`: what the ceiling row reads.

    References and not pixels: lm-eval keeps and hashes whatever it is given for every question,
    while the engine decodes each image once.
    """
    reference = Reference(path=doc["image"], sha256=doc["image_sha256"])
    if doc.get("scene_text"):
        reference["text"] = doc["scene_text"]
    return [reference]


# Functions and not templates in the YAMLs: lm-eval compiles a template anew for every row, which
# took more time than the mini model's answers.


def vqa(doc: dict[str, Any]) -> str:
    """Return the paper's visual-question-answering prompt."""
    return IMAGE + vqa_prompt(doc["question"])


def gvtbench(doc: dict[str, Any]) -> str:
    """Return the raw question, as the paper asks its counting and identification questions."""
    return IMAGE + doc["text_in"]


def caption(doc: dict[str, Any]) -> str:
    """Return the one fixed instruction for captions."""
    return IMAGE + CAPTION_PROMPT


def target(doc: dict[str, Any]) -> str:
    """Return the first right answer, or nothing where none is public.

    lm-eval logs it, scores come from `process_results`.
    """
    return next(iter(golds(doc)), "")
