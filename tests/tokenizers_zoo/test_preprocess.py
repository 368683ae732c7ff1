"""Pixels equal transformers' own PIL image processors, bit by bit."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.image_utils import PILImageResampling
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from tokenizers_zoo.card import ImageSpec
from tokenizers_zoo.preprocess import preprocess_images

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIZES = [(90, 60), (37, 121), (12, 12), (24, 24), (1, 1), (3, 2), (500, 7)]
MODES = ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK"]


def processor(spec: ImageSpec):
    common = {
        "image_mean": list(spec.mean),
        "image_std": list(spec.std),
        "resample": PILImageResampling[spec.interpolation.upper()],
        "do_convert_rgb": True,
    }
    square = {"height": spec.size, "width": spec.size}
    if spec.resize == "stretch":
        return ViTImageProcessorPil(size=square, **common)
    return CLIPImageProcessorPil(size={"shortest_edge": spec.size}, crop_size=square, **common)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("resize", ["stretch", "shortest_edge_center_crop"])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_equals_transformers(photo, mode, resize, interpolation):
    spec = ImageSpec(24, MEAN, STD, resize, interpolation)
    images = [photo(size, mode) for size in SIZES]
    ours = preprocess_images(images, spec)
    theirs = processor(spec)(images, return_tensors="pt")["pixel_values"]
    assert ours.dtype == torch.float32 and ours.shape == (len(SIZES), 3, 24, 24)
    assert torch.equal(ours, theirs)


def test_transparent_palette_goes_over_white():
    image = Image.new("P", (24, 24), 0)
    image.putpalette([255, 0, 0] * 256)
    image.info["transparency"] = 0
    spec = ImageSpec(24, (0, 0, 0), (1, 1, 1), "stretch", "bicubic")
    assert preprocess_images([image], spec).min() == 1


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_sixteen_bit_grey_keeps_its_shades(dtype):
    shades = np.linspace(0, 65535, 24 * 24).reshape(24, 24).astype(dtype)
    image = Image.fromarray(shades)
    spec = ImageSpec(24, (0, 0, 0), (1, 1, 1), "stretch", "bicubic")
    pixels = preprocess_images([image], spec)[0]
    assert torch.equal(pixels[0], pixels[2])
    assert np.allclose(pixels[0].numpy(), shades / 65535, atol=1 / 255)


def test_an_image_is_left_as_it_was(photo):
    image = photo((90, 60), "RGBA")
    before = image.tobytes()
    preprocess_images([image], ImageSpec(24, MEAN, STD, "stretch", "bicubic"))
    assert image.size == (90, 60) and image.tobytes() == before


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        preprocess_images([], ImageSpec(24, MEAN, STD, "stretch", "bicubic"))
