"""What a recipe says about training data in files of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gvt.yaml_files import FieldError

PLACES = ("path", "images")
"""Keys that say where files lie: relative to the recipe, and no part of what is trained on."""


@dataclass(frozen=True)
class TrainingFiles:
    """Images with captions or conversations.

    path: ``llava``: the JSON or JSON Lines file; ``captions``: a file of captions, or a folder of
    images with a text file beside each; ``webdataset``, ``parquet``: a file, or a folder of them.
    images: the folder that image names are relative to; that of ``path`` if empty.
    max_bad: share of the rows that may be left out; 10 always may, but with 0 none.
    shuffle_buffer: rows of a stream that are held and shuffled at once.
    image_column, text_column: of parquet files.
    images_from: the data sets and splits the images are of, as cards and tasks call them.

    Raises FieldError for values that make no sense.
    """

    format: Literal["llava", "captions", "webdataset", "parquet"]
    path: str
    images: str = ""
    max_bad: float = 0.01
    shuffle_buffer: int = 1000
    image_column: str = "image"
    text_column: str = "caption"
    images_from: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.path:
            raise FieldError("path", "is empty")
        if not 0 <= self.max_bad <= 1:
            raise FieldError("max_bad", "must be 0 to 1")
        if self.shuffle_buffer < 1:
            raise FieldError("shuffle_buffer", "must be above 0")
        if self.streamed and self.images:
            raise FieldError("images", f"a {self.format} file holds its images")

    def __str__(self) -> str:
        return f"{self.format} {self.path}"

    @property
    def streamed(self) -> bool:
        """Whether rows come one after the other, with no way to any but the next."""
        return self.format in ("webdataset", "parquet")
