"""How a prompt is framed: around an image, the paper's ``<Img> … </Img>``; around both, a turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gvt.errors import UserError

OPEN, CLOSE = "<Img>", "</Img>"
IMAGE = "<image>"
"""Where a task's prompt wants its image, in lm-eval's notation."""
_ANSWER = "<answer>"
_DATE = "26 Jul 2024"  # the one that Llama 3's template falls back to


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
    """What stands ``before`` and ``after`` the user's words and in the ``gap`` to an answer.

    ending: what follows an answer; empty: the tokenizer's own end.
    """

    before: str = ""
    after: str = ""
    gap: str = " "
    ending: str = ""

    @classmethod
    def of(cls, tokenizer: Any, name: str) -> Turn:
        """The turn of a tokenizer's chat template. Raises UserError where there is none."""
        if not tokenizer.chat_template:
            raise UserError(
                f"language model '{name}' has no chat template",
                "Leave out --apply_chat_template: the paper's frame needs none.",
            )
        # Some templates tell the date, and tomorrow's prompt would be another one.
        today = "{%- macro strftime_now(form) -%}" + _DATE + "{%- endmacro -%}"
        template = today + tokenizer.get_chat_template()

        def render(*said: str, **options: Any) -> str:
            roles = zip(("user", "assistant"), said, strict=False)
            turns = [{"role": role, "content": content} for role, content in roles]
            return tokenizer.apply_chat_template(
                turns, chat_template=template, tokenize=False, date_string=_DATE, **options
            )

        before, found, after = render(IMAGE, add_generation_prompt=True).partition(IMAGE)
        _, _, answered = render(IMAGE, _ANSWER).partition(IMAGE)
        lead, answered_too, ending = answered.partition(_ANSWER)
        if not found or not answered_too:
            raise UserError(f"the chat template of language model '{name}' changes what is said")
        # Templates that let a model think first begin an answer otherwise than they retell it.
        gap = lead.removeprefix(after) if lead.startswith(after) else ""
        return cls(before, after, gap, ending.strip())


PLAIN = Turn()
"""No chat: an answer follows its prompt behind a space."""
