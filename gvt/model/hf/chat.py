"""Questions about one image, one after the other, to a saved model."""

from __future__ import annotations

from collections import deque

import torch

from gvt.data.images import READ_ERRORS, read
from gvt.errors import UserError
from gvt.model.hf.modeling import GVTForConditionalGeneration
from gvt.model.hf.processing import GVTProcessor


class Chat:
    """A model and the ``history`` last questions with their answers about the image it looks at.

    prompt: how a question is put, with ``{question}`` in it. What was said before stands in the
    same turn, before the question: a connector is trained on one turn behind an image.
    """

    def __init__(
        self,
        model: str,
        device: str | None = None,
        prompt: str = "{question}",
        history: int = 0,
        max_new_tokens: int = 64,
    ) -> None:
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(0, device=place)
        except (RuntimeError, AssertionError) as error:  # no such name, or no such hardware
            raise UserError(f"device '{place}': {str(error).splitlines()[0]}") from error
        self.model = GVTForConditionalGeneration.from_pretrained(model, device=place)
        self.processor = GVTProcessor.from_pretrained(model)
        self.place, self.form, self.limit = place, prompt, max_new_tokens
        self.said: deque[str] = deque(maxlen=history)

    def look(self, path: str) -> None:
        """Take another image; what was said of the one before is forgotten. Raises UserError."""
        try:
            self.image = read(path)
        except READ_ERRORS as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(f"image '{path}': {reason}") from error
        self.said.clear()

    def ask(self, question: str) -> str:
        """The answer. Raises UserError where no room is left for it."""
        asked = self.form.replace("{question}", question)
        text = " ".join([*self.said, asked])
        inputs = self.processor(images=self.image, text=text).to(self.place)
        need = inputs["input_ids"].shape[1] + self.limit
        self.model.llm.need_room(need, "the question with its image")
        ids = self.model.generate(**inputs, max_new_tokens=self.limit)
        answer = self.processor.decode(ids[0], skip_special_tokens=True).strip()
        self.said.append(f"{asked} {answer}")
        return answer
