"""Joins the objectives of the zoo with the mini world's images, labels and captions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gvt.mini.images import pixels, scenes
from gvt.mini.scenes import SHAPES, Scene
from gvt.mini.texts import captions
from gvt.mini.tokenizer import build_tokenizer
from gvt.paths import cache_dir
from gvt.pretrain.loop import train
from gvt.pretrain.order import shuffled

SCENES = 80_000
"""Distinct images that every encoder is pre-trained on."""
_TEACHER_SAMPLES = 100_000


class MiniImages(nn.Module):
    """An objective of the zoo with batches from the mini world, the same order for every one."""

    def __init__(self, objective: nn.Module, seed: int) -> None:
        super().__init__()
        self.objective = objective
        self.seed = seed
        self.name, self.batch_size, self.lr = objective.name, objective.batch_size, objective.lr
        self.recipe = {"scenes": SCENES}
        self._pixels = pixels("pretrain", SCENES)
        self._scenes = scenes("pretrain", SCENES) if self.name != "mae" else []
        if self.name in ("deit", "teacher"):
            self._labels = torch.from_numpy(_presence(self._scenes))
        if self.name == "deit":
            self._teacher = _teacher_logits(self._pixels, seed)

    def batches(
        self, start: int, batch_size: int, rank: int, world: int
    ) -> Iterator[dict[str, Tensor]]:
        """Batches from sample ``start`` on; of every global batch this rank takes its share."""
        sample = start
        while True:
            rng = np.random.default_rng([self.seed, sample])
            number = np.arange(sample, sample + batch_size)[rank::world]
            index = np.sort(shuffled(number, SCENES, self.seed))
            batch = {"pixels": torch.from_numpy(self._pixels[index])}
            if self.name in ("deit", "teacher"):
                batch["labels"] = self._labels[index]
            if self.name == "deit":
                batch["teacher"] = self._teacher[index]
            if self.name == "clip":
                chosen = [str(rng.choice(captions(self._scenes[i]))) for i in index]
                batch |= self.objective.tokenize(chosen)
            yield batch
            sample += batch_size

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """The objective's loss."""
        return self.objective(batch)

    def after_step(self, progress: float) -> None:
        """What the objective does after an optimiser step."""
        self.objective.after_step(progress)

    def save(self, folder: Path) -> None:
        """The encoder as an ordinary Hugging Face folder."""
        self.objective.save(folder)


def build(name: str, seed: int) -> nn.Module:
    """The trainable module of an objective named on the command line."""
    if name == "lm":
        from gvt.pretrain.language import LanguageObjective

        return LanguageObjective(seed)
    if name == "clip":
        from tokenizers_zoo.objectives.clip import CLIP

        return MiniImages(CLIP(build_tokenizer([])), seed)
    if name == "mae":
        from tokenizers_zoo.objectives.mae import MAE

        return MiniImages(MAE(), seed)
    if name == "dino":
        from tokenizers_zoo.objectives.dino import DINO

        return MiniImages(DINO(), seed)
    from tokenizers_zoo.objectives.deit import DeiT, Teacher

    return MiniImages((Teacher if name == "teacher" else DeiT)(len(SHAPES)), seed)


def _presence(found: list[Scene]) -> np.ndarray:
    """float32[N, shapes]: which shapes a scene holds."""
    labels = np.zeros((len(found), len(SHAPES)), np.float32)
    for row, scene in zip(labels, found, strict=True):
        for shape in scene.counts():
            row[SHAPES.index(shape)] = 1
    return labels


def _teacher_logits(images: np.ndarray, seed: int) -> Tensor:
    """The teacher's logits float[N, shapes] of all images; trained first where none is cached."""
    from transformers import RegNetForImageClassification

    from tokenizers_zoo.objectives.deit import Teacher

    folder = cache_dir() / "pretrain" / f"teacher-{seed}"
    if not (folder / "provenance.json").exists():
        train(lambda _: build("teacher", seed), folder, _TEACHER_SAMPLES, seed=seed)
    teacher = Teacher(len(SHAPES))
    teacher.model = RegNetForImageClassification.from_pretrained(folder).eval()
    parts = [teacher.predict(torch.tensor(images[i : i + 256])) for i in range(0, len(images), 256)]
    return torch.cat(parts)
