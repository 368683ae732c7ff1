"""Thumbnails: small, of decoded pixels alone, and never at the price of the report."""

import base64
import io
import os
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from leaderboard.page.gallery.thumbnails import PIXELS, UnreadableError, kind, thumbnail


def decoded(path):
    data = base64.b64decode(thumbnail(str(path)))
    return Image.open(io.BytesIO(data)), data


def reason(path):
    with pytest.raises(UnreadableError) as caught:
        thumbnail(path if path is None else str(path))
    return str(caught.value)


def two_halves(size=(640, 480), left=(255, 0, 0), right=(0, 0, 255)):
    picture = Image.new("RGB", size, left)
    picture.paste(right, (size[0] // 2, 0, *size))
    return picture


def close(pixel, wanted):
    return all(abs(a - b) < 40 for a, b in zip(pixel[:3], wanted, strict=True))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.gif", "a.tiff"])
def test_formats_shrink_and_keep_their_colours(tmp_path, name):
    two_halves().save(tmp_path / name)
    small, data = decoded(tmp_path / name)
    assert small.format.lower() == kind()
    assert small.size == (PIXELS, PIXELS * 3 // 4)
    assert len(data) < 4000
    rgb = small.convert("RGB")
    assert close(rgb.getpixel((20, 60)), (255, 0, 0)) and close(
        rgb.getpixel((140, 60)), (0, 0, 255)
    )


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "I;16", "CMYK"])
def test_every_mode_becomes_a_picture(tmp_path, mode):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    Image.new(mode, (300, 200)).save(tmp_path / name)
    assert decoded(tmp_path / name)[0].size == (160, 107)


def test_small_images_are_not_enlarged(tmp_path):
    two_halves((64, 40)).save(tmp_path / "a.png")
    assert decoded(tmp_path / "a.png")[0].size == (64, 40)


def test_orientation_is_followed_and_metadata_stay_behind(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise
    exif[0x010E] = "a private place"
    two_halves().save(tmp_path / "a.jpg", exif=exif, icc_profile=b"p" * 5000, comment=b"private")
    small, data = decoded(tmp_path / "a.jpg")
    assert small.size == (120, 160)
    assert close(small.convert("RGB").getpixel((60, 20)), (255, 0, 0))
    assert b"private" not in data and b"pppp" not in data and not small.getexif()
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "private")
    two_halves().save(tmp_path / "b.png", pnginfo=notes)
    assert b"private" not in decoded(tmp_path / "b.png")[1]


@pytest.mark.parametrize(
    "name", ["nowhere.png", "../../../nowhere.png", "http://example.org/a.png", "data:image/png,x"]
)
def test_what_is_no_file_is_said(tmp_path, name):
    assert reason(tmp_path / name).startswith("no image file ")


def test_no_image_at_all():
    assert reason(None) == "no image on file"


def test_secrets_are_no_images(tmp_path):
    (tmp_path / "passwd.png").write_text("root:x:0:0")
    assert reason(tmp_path / "passwd.png") == "image not readable (UnidentifiedImageError)"


def test_folders_and_pipes_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # reading it would wait for ever
    assert reason(tmp_path / "pipe.png") == "no image file pipe.png"
    assert reason(tmp_path).startswith("no image file ")
    assert reason("/dev/zero") == "no image file zero"


def test_a_name_with_a_null_character_is_said():
    assert reason("a\x00b.png").startswith(("no image file", "image not readable"))


def test_formats_that_start_programs_are_refused(tmp_path):
    two_halves().save(tmp_path / "a.eps")
    assert reason(tmp_path / "a.eps") == "image not readable (UnidentifiedImageError)"


def png_header(width, height):
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0" * 99))


@pytest.mark.parametrize(
    ("size", "words"),
    [((9000, 9000), "too large to shrink (9000 × 9000)"), ((60_000, 60_000), "DecompressionBomb")],
)
def test_images_that_would_fill_the_memory_are_refused(tmp_path, size, words):
    (tmp_path / "a.png").write_bytes(png_header(*size))
    assert words in reason(tmp_path / "a.png")


def test_torn_images_are_said(tmp_path):
    two_halves().save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    assert "image not readable" in reason(tmp_path / "a.png")
