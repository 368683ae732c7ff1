"""Prompts and answers out of the captions and conversations that files hold."""

from __future__ import annotations

from typing import Any

from gvt.align.data.contracts import Pair
from gvt.mini.texts import CAPTION_PROMPT
from gvt.model.frame import IMAGE, vqa_prompt


class BadRowError(Exception):
    """A row that cannot be used; the message is the reason, as it is counted."""


def caption_pairs(told: Any) -> list[Pair]:
    """A caption, or a list of them, as pairs. Raises BadRowError."""
    known = [told] if isinstance(told, str) else told
    if not isinstance(known, list) or not all(isinstance(one, str) for one in known):
        raise BadRowError("caption that is no text")
    known = [" ".join(one.split()) for one in known if one.strip()]
    if not known:
        raise BadRowError("empty caption")
    return [(CAPTION_PROMPT, one) for one in known]


def conversation_pairs(turns: Any) -> list[Pair]:
    """LLaVA's ``[{from: human, value: …}, {from: gpt, value: …}, …]`` as pairs. Raises BadRowError.

    The turns before a question are part of its prompt: it may speak of them.
    """
    if not isinstance(turns, list) or not turns or len(turns) % 2:
        raise BadRowError("conversation without question and answer in turn")
    pairs, before = [], ""
    for human, model in zip(turns[::2], turns[1::2], strict=True):
        question = _said(human, "human").replace(IMAGE, " ").strip()
        answer = _said(model, "gpt").strip()
        if not question or not answer:
            raise BadRowError("empty question or answer")
        prompt = before + vqa_prompt(question)
        pairs.append((prompt, answer))
        before = f"{prompt} {answer}\n"
    return pairs


def pairs_of(told: Any) -> list[Pair]:
    """Captions or a conversation, whichever ``told`` is. Raises BadRowError."""
    spoken = isinstance(told, list) and any(isinstance(one, dict) for one in told)
    return conversation_pairs(told) if spoken else caption_pairs(told)


def _said(turn: Any, by: str) -> str:
    if (
        not isinstance(turn, dict)
        or turn.get("from") != by
        or not isinstance(turn.get("value"), str)
    ):
        raise BadRowError("conversation without question and answer in turn")
    return turn["value"]
