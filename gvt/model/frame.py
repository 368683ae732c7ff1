"""How a prompt is framed: around an image, the paper's ``<Img> … </Img>``; around both, a turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


def frame_label(llm: str, chat: bool) -> str:
    """A language model's name with its frame: what a speed or a connector of it depends on."""
    return f"{llm} (chat)" if chat else llm


@dataclass(frozen=True)
class Turn:
    """What stands ``before`` and ``after`` the user's words, and in the ``gap`` to an answer."""

    before: str = ""
    after: str = ""
    gap: str = " "

    @classmethod
    def of(cls, tokenizer: Any, name: str) -> Turn:
        """The turn of a tokenizer's chat template. Raises UserError where there is none."""
        if not tokenizer.chat_template:
            raise UserError(
                f"language model '{name}' has no chat template",
                "Leave out --apply_chat_template: the paper's frame needs none.",
            )
        said = [{"role": "user", "content": IMAGE}]
        text = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        before, found, after = text.partition(IMAGE)
        if not found:
            raise UserError(f"the chat template of language model '{name}' changes what is said")
        return cls(before, after, gap="")


PLAIN = Turn()
"""No chat: an answer follows its prompt behind a space."""
