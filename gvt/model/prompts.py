"""Prompts as token ids: the frame around an image, for all that has a tokenizer."""

from __future__ import annotations

from typing import Any

from gvt.model.frame import CLOSE, OPEN, Turn

_REMEMBERED = 1_000_000
"""Token ids of texts that are kept at most, some 50 MB: the mini world's recipes ask for 130,000,
over and over; of a million captions hardly one comes again before long."""


class Prompts:
    """A tokenizer and the ``turn`` that prompts are put in; needs no model.

    A prompt around an image is ``head`` + visual embeddings + ``tail`` + the prompt's own tokens;
    head and tail are the paper's ``<Img>`` and ``</Img>``. With a chat template all of it is what
    the user says in one ``turn``. An encoder (``seq2seq``) reads the end token ``eos`` behind it,
    and its decoder's answer starts a text of its own.
    """

    def __init__(self, tokenizer: Any, turn: Turn, eos: int, seq2seq: bool) -> None:
        self.tokenizer, self.turn, self.eos, self.seq2seq = tokenizer, turn, eos, seq2seq
        self._ids: dict[str, tuple[int, ...]] = {}
        self._held = 0
        begin = tokenizer.bos_token_id
        # A chat template writes it itself.
        self._begin = () if begin is None or turn.before else (begin,)
        self.head = self.head_after("")
        self.tail = self.encode(CLOSE)
        pad = tokenizer.pad_token_id
        self.pad = int(pad if pad is not None else eos)

    def head_after(self, text: str) -> tuple[int, ...]:
        """The head of a prompt that has ``text`` before its image."""
        before = self.turn.before + text
        return (*self._begin, *(self.encode(before) if before else ()), *self.encode(OPEN))

    def prompt(self, text: str) -> tuple[int, ...]:
        """Token ids of a prompt, from behind its image to where the answer begins."""
        ids = self.encode(text + self.turn.after)
        return (*ids, self.eos) if self.seq2seq else ids

    def follow(self, text: str, continuation: str) -> tuple[int, ...]:
        """Token ids of a text behind a prompt: encoded with it, then cut off it."""
        if self.seq2seq:
            return self.encode(continuation.lstrip())
        return self.encode(text + self.turn.after + continuation)[len(self.prompt(text)) :]

    def encode(self, text: str) -> tuple[int, ...]:
        """Token ids of a text without any special token added; remembered for a while."""
        ids = self._ids.get(text)
        if ids is None:
            ids = tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            if self._held + len(ids) > _REMEMBERED:
                self._ids, self._held = {}, 0
            self._ids[text] = ids
            self._held += len(ids)
        return ids
