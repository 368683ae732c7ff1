"""How a prompt is framed around an image: the paper's ``<Img> … </Img>`` and the question forms."""

from __future__ import annotations

from gvt.errors import UserError

OPEN, CLOSE = "<Img>", "</Img>"
IMAGE = "<image>"
"""Where a task's prompt wants its image, in lm-eval's notation."""


def around_image(context: str) -> tuple[str, str]:
    """A task's prompt before and after its image, which comes first where the prompt is silent.

    Raises UserError for a second image.
    """
    before, found, after = context.partition(IMAGE)
    if IMAGE in after:
        raise UserError(f"more than one {IMAGE} in the prompt {context!r}")
    return (before, after) if found else ("", context)


def vqa_prompt(question: str) -> str:
    """The paper's visual-question-answering prompt."""
    return f"Question: {question} Answer:"
