"""PIL images → normalised pixels, equal to transformers' PIL image processors bit by bit."""

import numpy as np
import torch
from PIL import Image

from tokenizers_zoo.card import ImageSpec


def preprocess_images(images: list[Image.Image], spec: ImageSpec) -> torch.Tensor:
    """B images of any size and mode → float32[B, 3, spec.size, spec.size].

    The order is that of `transformers.image_processing_backends.PilBackend`: to RGB, resize,
    centre crop, rescale, normalise. Raises ValueError for an empty list, OSError (from PIL) for
    an image whose file is damaged.
    """
    if not images:
        raise ValueError("preprocess needs at least one image")
    mean, std = np.float32(spec.mean), np.float32(spec.std)
    pixels = np.empty((len(images), 3, spec.size, spec.size), dtype=np.float32)
    for image, out in zip(images, pixels, strict=True):
        square = np.asarray(_fit(_rgb(image), spec))
        # Rescaled in float64 and only then rounded to float32, as transformers does.
        scaled = (square.astype(np.float64) * spec.rescale).astype(np.float32)
        out[:] = ((scaled - mean) / std).transpose(2, 0, 1)
    return torch.from_numpy(pixels)


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode → RGB; transparency over white, as transformers does."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        # 16-bit grey (also 32-bit, as some PNG readers give it): keep the high byte. PIL's own
        # conversion clips at 255, which turns nearly every such image white.
        high = np.clip(np.asarray(image), 0, 65535).astype(np.uint16) >> 8
        return Image.fromarray(high.astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _fit(image: Image.Image, spec: ImageSpec) -> Image.Image:
    """RGB image of any size → the square of `spec.size` pixels."""
    edge, (width, height) = spec.resize_to or spec.size, image.size
    if spec.resize == "stretch":
        width = height = edge
    else:
        # The long edge is cut to a whole pixel before resizing, as torchvision and transformers do.
        long = int(edge * max(width, height) / min(width, height))
        width, height = (edge, long) if width <= height else (long, edge)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling[spec.interpolation.upper()])
    if (width, height) == (spec.size, spec.size):
        return image
    left, top = (width - spec.size) // 2, (height - spec.size) // 2
    return image.crop((left, top, left + spec.size, top + spec.size))
