"""Small copies of the samples' images, ready to stand in a page."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path

PIXELS = 160
"""Longest side of a thumbnail."""

_MOST_PIXELS = 40_000_000  # of an image that is decoded
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
"""Formats that PIL decodes by itself; EPS, for one, would start another program."""


class UnreadableError(Exception):
    """Why there is no thumbnail, in a few words."""


def kind() -> str:
    """The format of all thumbnails, as in ``image/webp``: jpeg where PIL was built without WebP."""
    from PIL import features

    return "webp" if features.check("webp") else "jpeg"


def thumbnail(path: str | None) -> str:
    """The image at ``path`` in base64, at most 160 px wide and high, of the format ``kind()``.

    Raises UnreadableError. Run files may name any path of the machine, as data lie where they lie.
    So what a path holds is never copied: only a regular file that PIL decodes as an image is shown,
    as newly encoded pixels, without its metadata.
    """
    from PIL import Image, ImageOps

    if path is None:
        raise UnreadableError("no image on file")
    try:
        if not Path(path).is_file():
            raise UnreadableError(f"no image file {Path(path).name[-60:]}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as opened:
                opened.draft("RGB", (2 * PIXELS, 2 * PIXELS))
                width, height = opened.size
                if width * height > _MOST_PIXELS:
                    raise UnreadableError(f"image too large to shrink ({width} × {height})")
                picture = opened if opened.mode == "RGB" else opened.convert("RGB")
                picture.thumbnail((PIXELS, PIXELS))
                picture = ImageOps.exif_transpose(picture)
    except UnreadableError:
        raise
    except Exception as error:  # a strange file must not cost the report
        raise UnreadableError(f"image not readable ({type(error).__name__})") from error
    clean = Image.new("RGB", picture.size)  # without what the file says besides its pixels
    clean.paste(picture)
    buffer = io.BytesIO()
    if kind() == "webp":
        clean.save(buffer, "WEBP", quality=70 if max(picture.size) == PIXELS else 85)
    else:
        clean.save(buffer, "JPEG", quality=75)
    return base64.b64encode(buffer.getvalue()).decode()
