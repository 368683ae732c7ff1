"""Small sets of images with texts, in every layout that recipes can name."""

import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image


def encoded(number, kind="JPEG", side=16):
    """Image ``number``: one colour that tells its number, so that a swap is noticed."""
    file = io.BytesIO()
    colour = (number * 8 % 256, number // 32 * 8, 128)
    Image.new("RGB", (side, side), colour).save(file, kind)
    return file.getvalue()


def number_of(image):
    """The number of an image that ``encoded`` made, whatever JPEG did to its colour."""
    red, green, _ = np.asarray(image).mean(axis=(0, 1))
    return round(red / 8) + 32 * round(green / 8)


@pytest.fixture
def folder(tmp_path):
    """A folder with twelve images, `0.jpg` to `11.jpg`."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(12):
        (images / f"{number}.jpg").write_bytes(encoded(number))
    return images


@pytest.fixture
def write_json(tmp_path):
    """write_json(name, content): the path of a JSON file."""

    def write(name, content):
        path = tmp_path / name
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def make_tars(tmp_path):
    """make_tars(shards): a folder of tars, each of `(name, content)` in this order."""

    def make(*shards, folder="tars"):
        (tmp_path / folder).mkdir()
        for number, members in enumerate(shards):
            with tarfile.open(tmp_path / folder / f"{number:03}.tar", "w") as tar:
                for name, content in members:
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        return tmp_path / folder

    return make


def captioned(numbers):
    """Members of a tar: image and caption for each number."""
    for number in numbers:
        yield f"{number:04}.jpg", encoded(number)
        yield f"{number:04}.txt", f"image {number}".encode()
