"""Sets of images with a hash of each one's content: files, or arrays of the mini world."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from PIL import Image, ImageOps

from gvt.data.hashes import file_hashes
from gvt.errors import UserError
from gvt.mini.images import WORLD_VERSION, pixels

READ_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What PIL raises for files that are torn, no image, too large or not there."""


class ImageSet(Protocol):
    """Images by index, with a hash of the content of each."""

    @property
    def hashes(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def load(self, index: int) -> Image.Image:
        """The decoded image. Raises one of READ_ERRORS where it cannot be read."""
        ...


@contextmanager
def opened(file: str | BinaryIO) -> Iterator[Image.Image]:
    """The image of a file, for a block that decodes it. Raises none but READ_ERRORS."""
    try:
        with Image.open(file) as image:
            yield image
    except RuntimeError as error:  # PIL's decoder of AVIF
        raise ValueError(str(error)) from error


def read(file: str | BinaryIO) -> Image.Image:
    """The first frame of a file, turned as its EXIF orientation says. Raises one of READ_ERRORS."""
    with opened(file) as image:
        image.load()
        return ImageOps.exif_transpose(image)


def set_hash(images: ImageSet) -> str:
    """Hash of the contents of all images in their order."""
    return hashlib.sha256("\n".join(images.hashes).encode()).hexdigest()


@dataclass(frozen=True)
class FileImages:
    """Image files with the SHA-256 of each."""

    paths: Sequence[str]
    hashes: Sequence[str]

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int) -> Image.Image:
        return read(self.paths[index])


@dataclass(frozen=True)
class FolderImages:
    """All files below a folder that are pictures by their names, in the order of their paths."""

    folder: Path

    @cached_property
    def paths(self) -> Sequence[Path]:
        """Raises UserError where there are none."""
        if not self.folder.is_dir():
            raise UserError(f"{self.folder}: no such folder of images")
        known = Image.registered_extensions()
        found = sorted(p for p in self.folder.rglob("*") if p.suffix.lower() in known)
        if not found:
            raise UserError(f"{self.folder}: holds no images")
        return found

    @cached_property
    def hashes(self) -> Sequence[str]:
        """SHA-256 of each, or the path of one that cannot be read."""
        known = file_hashes(map(str, self.paths))
        return [known.get(str(path), str(path)) for path in self.paths]

    def __len__(self) -> int:
        return len(self.paths)

    def load(self, index: int) -> Image.Image:
        return read(str(self.paths[index]))


@dataclass(frozen=True)
class Chosen:
    """Some of the images of a set: those of ``index``."""

    images: ImageSet
    index: np.ndarray

    @cached_property
    def hashes(self) -> Sequence[str]:
        return [self.images.hashes[i] for i in self.index]

    def __len__(self) -> int:
        return len(self.index)

    def load(self, index: int) -> Image.Image:
        return self.images.load(self.index[index])


@dataclass(frozen=True)
class MiniImages:
    """The first ``count`` images of a split of the mini world."""

    split: str
    count: int

    @cached_property
    def hashes(self) -> Sequence[str]:
        """Names instead of hashes: the generator's version and an index determine an image."""
        return [f"mini v{WORLD_VERSION} {self.split} {i}" for i in range(self.count)]

    @cached_property
    def _pixels(self) -> np.ndarray:
        return pixels(self.split, self.count)

    def __len__(self) -> int:
        return self.count

    def load(self, index: int) -> Image.Image:
        return Image.fromarray(self._pixels[index])
