"""What task YAMLs hand to the model for a row, beside its text."""

from __future__ import annotations

from typing import Any

from gvt.mini.texts import CAPTION_PROMPT
from gvt.model.frame import vqa_prompt
from gvt.scoring.process import golds


def image(doc: dict[str, Any]) -> list[dict[str, str]]:
    """Return references to the images of a row, `[{"path": …, "sha256": …}]`.

    Where the row tells the true scene in words, that is in `text`: what the ceiling row reads.

    References and not pixels: lm-eval keeps and hashes whatever it is given for every question,
    while the engine decodes each image once.
    """
    reference = {"path": doc["image"], "sha256": doc["image_sha256"]}
    if doc.get("scene_text"):
        reference["text"] = doc["scene_text"]
    return [reference]


# Functions and not templates in the YAMLs: lm-eval compiles a template anew for every row, which
# took more time than the mini model's answers.


def vqa(doc: dict[str, Any]) -> str:
    """Return the paper's visual-question-answering prompt."""
    return vqa_prompt(doc["question"])


def gvtbench(doc: dict[str, Any]) -> str:
    """Return the raw question, as the paper asks its counting and identification questions."""
    return doc["text_in"]


def caption(doc: dict[str, Any]) -> str:
    """Return the one fixed instruction for captions."""
    return CAPTION_PROMPT


def target(doc: dict[str, Any]) -> str:
    """Return the first right answer: lm-eval logs it, scores come from `process_results`."""
    return golds(doc)[0]
