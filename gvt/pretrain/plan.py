"""A feature distillation as it was asked for: who learns what from whom, on which images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gvt.data.images import FolderImages, ImageSet, MiniImages
from gvt.pretrain.objectives import SCENES
from tokenizers_zoo import Card, TokenizerCard
from tokenizers_zoo.objectives.distill import BETA


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
            "distinct_images": len(self.images),
            "flip": self.flip,
            "live": self.live or self.flip,
        }

    def named(self, index: int) -> str:
        """What an image is called."""
        return str(self.images.paths[index]) if self.folder else f"mini scene {index}"

    @property
    def about(self) -> str:
        """One sentence for the card."""
        masked = f"{self.mask_ratio:.0%} of the patches masked" if self.mask_ratio else "no mask"
        start = "random weights" if self.student.init == "random" else f"'{self.student.name}'"
        where = "images of a folder" if self.folder else "the mini world"
        return (
            f"Feature distillation from '{self.teacher.name}' with {masked}, starting from "
            f"{start}, on {where}."
        )
