"""How a prompt is framed around an image: the paper's ``<Img> … </Img>`` and the question forms."""

from __future__ import annotations

OPEN, CLOSE = "<Img>", "</Img>"


def vqa_prompt(question: str) -> str:
    """The paper's visual-question-answering prompt."""
    return f"Question: {question} Answer:"
