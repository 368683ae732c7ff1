"""Feature distillation: joins a student and a teacher of the zoo with the images both look at."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from PIL import ImageOps
from torch import Tensor, nn

from gvt.data.images import READ_ERRORS
from gvt.errors import UserError
from gvt.pretrain.loop import train
from gvt.pretrain.order import shuffled
from gvt.pretrain.plan import Plan
from gvt.pretrain.student import card_path, check_views, write_card
from gvt.pretrain.teacher import KeptTeacher, LiveTeacher, Teacher
from tokenizers_zoo import layout, load_tokenizer
from tokenizers_zoo.objectives.distill import Distillation

# Batches that are read ahead of the one in use.
_AHEAD = 2


def distill(
    plan: Plan,
    output: Path,
    samples: int,
    *,
    batch_size: int | None = None,
    seed: int = 0,
    **options: Any,
) -> Path:
    """Train the student on ``samples`` images; the path of its card, in the folder ``output``.

    The folder is what ``gvt.pretrain.loop.train`` makes, whose ``lr``, ``threads`` and ``resume``
    the options are, with the card beside the weights.

    Raises:
        UserError: teacher and student, or teacher and images, do not go together.
        CardError: weights are missing or damaged.
    """
    if layout(plan.teacher).grid is None:
        raise UserError(f"teacher '{plan.teacher.name}': its tokens form no grid of patches")
    check_views(plan.student, plan.teacher, square=plan.folder is None)
    for card in (plan.student, *plan.teacher.encoders):
        if card.folder == Path(output).resolve():
            raise UserError(f"--output {output}: holds the weights of '{card.name}'")
    size = batch_size or Distillation.batch_size
    seen = math.ceil(samples / size) * size
    train(
        lambda accelerator: Distilled(plan, seen, seed, accelerator),
        output,
        samples,
        batch_size=size,
        seed=seed,
        **options,
    )
    return card_path(Path(output))


class Distilled(nn.Module):
    """A Distillation with batches of pixels and of the teacher's features of the same images."""

    def __init__(self, plan: Plan, seen: int, seed: int, accelerator: Accelerator) -> None:
        super().__init__()
        self.plan, self.seed, self.recipe = plan, seed, plan.recipe
        tokens, student = layout(plan.teacher), load_tokenizer(plan.student)
        width = tokens.features.shape[-1]
        self.objective = Distillation(student, width, tokens.grid, plan.mask_ratio)
        self.name, self.lr = Distillation.name, Distillation.lr
        self.batch_size = Distillation.batch_size
        self._student = student
        total = len(plan.images)
        chosen = np.arange(total)
        if seen < total:
            chosen = np.unique(shuffled(np.arange(seen), total, seed))
        teacher = LiveTeacher if plan.live or plan.flip else KeptTeacher
        self._teacher: Teacher = teacher(plan, chosen, accelerator)

    def batches(
        self, start: int, batch_size: int, rank: int, world: int
    ) -> Iterator[dict[str, Tensor]]:
        """Batches from sample ``start`` on; of every global batch this rank takes its share."""
        ahead: deque[tuple[np.ndarray, list[Future]]] = deque()
        with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
            for sample in count(start, batch_size):
                number = np.arange(sample, sample + batch_size)[rank::world]
                index = np.sort(shuffled(number, len(self.plan.images), self.seed))
                index = self._teacher.readable(index)
                coin = np.random.default_rng([self.seed, sample, rank]).random(len(index))
                mirror = self.plan.flip & (coin < 0.5)
                pairs = zip(index, mirror, strict=True)
                ahead.append((index, [pool.submit(self._read, *pair) for pair in pairs]))
                if len(ahead) > _AHEAD:
                    yield self._batch(*ahead.popleft())

    def _read(self, index: int, mirror: bool) -> tuple[Tensor, Any]:
        """The student's pixels of an image, and what the teacher needs of it."""
        try:
            image = self.plan.images.load(index)
        except READ_ERRORS as error:
            raise UserError(
                f"{self.plan.named(index)}: cannot be read ({error})",
                "Where features are kept (no --live, no --flip), such images are left out.",
            ) from error
        image = ImageOps.mirror(image) if mirror else image
        return self._student.preprocess([image]), self._teacher.prepare(image)

    def _batch(self, index: np.ndarray, reading: list[Future]) -> dict[str, Tensor]:
        pixels, prepared = zip(*(future.result() for future in reading), strict=True)
        return {"pixels": torch.cat(pixels), "targets": self._teacher.targets(index, prepared)}

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The loss of the distillation."""
        return self.objective(batch)

    def after_step(self, progress: float) -> None:
        """Nothing to do after an optimiser step."""

    def save(self, folder: Path) -> None:
        """The student's checkpoint and its card."""
        self.objective.save(folder)
        student, teacher = self.plan.student, self.plan.teacher
        # Weights that were learnt from others', or began as such, are bound by their licences.
        made_of = (teacher,) if student.init == "random" else (student, teacher)
        licence = "; ".join(dict.fromkeys(card.licence for card in made_of))
        write_card(folder, self._student, self.plan.about, licence)
