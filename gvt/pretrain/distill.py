"""Feature distillation: joins a student and a teacher of the zoo with the images both look at."""

from __future__ import annotations

import math
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image, ImageOps
from torch import Tensor, nn
from tqdm.auto import tqdm

from gvt.data.images import READ_ERRORS, Chosen, FolderImages, ImageSet, MiniImages
from gvt.engine.combined import CombinedStore
from gvt.errors import UserError
from gvt.pretrain.loop import train
from gvt.pretrain.objectives import SCENES
from gvt.pretrain.order import shuffled
from gvt.pretrain.student import check_views, write_card
from gvt.progress import Counter
from tokenizers_zoo import Card, TokenizerCard, combine, layout, load_tokenizer
from tokenizers_zoo.objectives.distill import BETA, Distillation

# Batches that are read ahead of the one in use.
_AHEAD = 2
# Share of unreadable images above which something is wrong with the folder.
_UNREADABLE = 0.1


@dataclass(frozen=True)
class Plan:
    """Who learns what from whom.

    folder: of images; None for the mini world.
    flip: mirror half of the images, for both alike.
    live: run the teacher at every step, as mirrored images need it, and keep no features on disk.
    """

    teacher: TokenizerCard
    student: Card
    mask_ratio: float = 0.0
    folder: Path | None = None
    flip: bool = False
    live: bool = False
    images: ImageSet = field(init=False)

    def __post_init__(self) -> None:
        images = FolderImages(self.folder) if self.folder else MiniImages("pretrain", SCENES)
        object.__setattr__(self, "images", images)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the result depends on, for its provenance."""
        return {
            "teacher": self.teacher.name,
            "teacher_hash": self.teacher.hash(),
            "student": self.student.name,
            "student_hash": self.student.hash(),
            "mask_ratio": self.mask_ratio,
            "target": "layer norm of each patch",
            "smooth_l1_beta": BETA,
            "images": str(self.folder) if self.folder else "mini world",
            "scenes": len(self.images),
            "flip": self.flip,
            "live": self.live or self.flip,
        }

    @property
    def about(self) -> str:
        """One sentence for the card."""
        masked = f"{self.mask_ratio:.0%} of the patches masked" if self.mask_ratio else "no mask"
        start = "random weights" if self.student.init == "random" else f"'{self.student.name}'"
        where = "images of a folder" if self.folder else "the mini world"
        return (
            f"Feature distillation from '{self.teacher.name}' with {masked}, starting at {start}, "
            f"on {where}."
        )


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
    return next(Path(output).glob("*.yaml"))


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
        teacher = _Live if plan.live or plan.flip else _Kept
        self._teacher: _Teacher = teacher(plan.teacher, Chosen(plan.images, chosen), accelerator)

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
                ahead.append(
                    (index, list(map(pool.submit, [self._read] * len(index), index, mirror)))
                )
                if len(ahead) > _AHEAD:
                    yield self._batch(*ahead.popleft())

    def _read(self, index: int, mirror: bool) -> tuple[Tensor, Any]:
        """The student's pixels of an image, and what the teacher needs of it."""
        try:
            image = self.plan.images.load(index)
        except READ_ERRORS as error:
            raise UserError(
                f"--images: image {index} cannot be read ({error})",
                "Without --live such images are left out.",
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


class _Teacher(Protocol):
    """Gives features; it is never trained."""

    def readable(self, index: np.ndarray) -> np.ndarray:
        """The images to take where those of ``index`` are asked for."""
        ...

    def prepare(self, image: Image.Image) -> Any:
        """What is needed of one image, made while earlier batches are trained on."""
        ...

    def targets(self, index: np.ndarray, prepared: tuple) -> Tensor:
        """Patch features float[B, N, D] of the images."""
        ...


class _Kept:
    """Features of all images, computed once, kept in the cache and memory-mapped."""

    def __init__(self, card: TokenizerCard, images: Chosen, accelerator: Accelerator) -> None:
        store = CombinedStore(card, accelerator.device, accelerator.mixed_precision)
        with tqdm(
            total=len(images) * len(store.stores),
            unit="images",
            desc=f"features of {card.name}",
            disable=not accelerator.is_local_main_process,
            mininterval=2.0,
        ) as bar:
            counter = Counter(bar.update)
            features = store.join([part.get(images, counter, accelerator) for part in store.stores])
        self._values, self._prefix = features.values, features.prefix
        self._index = np.delete(images.index, list(features.failed))
        self._row = np.delete(np.arange(len(images)), list(features.failed))
        if features.failed and accelerator.is_main_process:
            print(_unreadable(features.failed, len(images)), file=sys.stderr)
        if len(features.failed) > _UNREADABLE * len(images):
            raise UserError(_unreadable(features.failed, len(images)))

    def readable(self, index: np.ndarray) -> np.ndarray:
        # In place of one that cannot be read the next is taken, so that batches keep their size.
        return self._index[np.searchsorted(self._index, index) % len(self._index)]

    def prepare(self, image: Image.Image) -> None:
        return None

    def targets(self, index: np.ndarray, prepared: tuple) -> Tensor:
        row = self._row[np.searchsorted(self._index, index)]
        return torch.from_numpy(self._values[row][:, self._prefix :])


def _unreadable(failed: dict[int, str], images: int) -> str:
    first = next(iter(failed.values()))
    return f"{len(failed):,} of {images:,} images cannot be read and are left out; first: {first}"


class _Live:
    """The teacher itself, at every step."""

    def __init__(self, card: TokenizerCard, images: Chosen, accelerator: Accelerator) -> None:
        self._card, self._accelerator = card, accelerator
        self._encoders = {
            one: load_tokenizer(one, device=accelerator.device) for one in card.encoders
        }

    def readable(self, index: np.ndarray) -> np.ndarray:
        return index

    def prepare(self, image: Image.Image) -> list[Tensor]:
        return [encoder.preprocess([image]) for encoder in self._encoders.values()]

    def targets(self, index: np.ndarray, prepared: tuple) -> Tensor:
        encoded = {}
        with self._accelerator.autocast():
            for i, (one, encoder) in enumerate(self._encoders.items()):
                encoded[one] = encoder.encode(torch.cat([pixels[i] for pixels in prepared]))
        tokens = combine(self._card, encoded)
        return tokens.features[:, tokens.prefix :].float()
