"""Pixels equal transformers' own PIL image processors, bit by bit."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.image_utils import PILImageResampling
from transformers.models.beit.image_processing_pil_beit import BeitImageProcessorPil
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.owlvit.image_processing_pil_owlvit import OwlViTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from tokenizers_zoo.card import ImageSpec
from tokenizers_zoo.preprocess import preprocess_images

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
SIZES = [(90, 60), (37, 121), (12, 12), (24, 24), (1, 1), (3, 2), (500, 7), (3, 500)]
MODES = ["RGB", "L", "RGBA", "LA", "P", "1", "CMYK"]


STRETCH, CROP = "stretch", "shortest_edge_center_crop"
# What each processor class of the published checkpoints does, in the words of a card. BiT's serves
# DINOv2, ViT's also DINO and MAE, BEiT's also data2vec.
PROCESSORS = {
    ViTImageProcessorPil: (STRETCH, None),
    SiglipImageProcessorPil: (STRETCH, None),
    BeitImageProcessorPil: (STRETCH, None),
    OwlViTImageProcessorPil: (STRETCH, None),
    DeiTImageProcessorPil: (STRETCH, 27),
    CLIPImageProcessorPil: (CROP, None),
    BitImageProcessorPil: (CROP, 27),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("cls", PROCESSORS)
def test_equals_transformers(photo, cls, mode, interpolation):
    resize, resize_to = PROCESSORS[cls]
    spec = ImageSpec(24, MEAN, STD, resize, interpolation, resize_to=resize_to)
    edge = resize_to or 24
    size = {"height": edge, "width": edge} if resize == STRETCH else {"shortest_edge": edge}
    processor = cls(
        size=size,
        crop_size={"height": 24, "width": 24},
        do_center_crop=bool(resize_to or resize == CROP),
        image_mean=MEAN,
        image_std=STD,
        resample=PILImageResampling[interpolation.upper()],
        do_convert_rgb=True,
    )
    images = [photo(size, mode) for size in SIZES]
    ours = preprocess_images(images, spec)
    theirs = processor(images, return_tensors="pt")["pixel_values"]
    assert ours.dtype == torch.float32 and ours.shape == (len(SIZES), 3, 24, 24)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("cls", PROCESSORS)
def test_equals_what_a_processor_does_of_itself(photo, cls, tmp_path):
    """Its defaults saved to a file, and the card that copies this file, at full size."""
    cls().save_pretrained(tmp_path)
    said = json.loads((tmp_path / "preprocessor_config.json").read_text())
    crop, size = said.get("do_center_crop"), said["size"]
    edge = size.get("shortest_edge") or size["height"]
    spec = ImageSpec(
        size=said["crop_size"]["height"] if crop else edge,
        mean=tuple(said["image_mean"]),
        std=tuple(said["image_std"]),
        resize=CROP if "shortest_edge" in size else STRETCH,
        interpolation=PILImageResampling(said["resample"]).name.lower(),
        resize_to=edge if crop else None,
    )
    images = [photo((640, 480)), photo((300, 500))]
    theirs = cls.from_pretrained(tmp_path)(images, return_tensors="pt")["pixel_values"]
    assert torch.equal(preprocess_images(images, spec), theirs)


def test_another_size_sees_the_same_part():
    spec = ImageSpec(224, MEAN, STD, CROP, "bicubic", resize_to=256).at(336)
    assert (spec.size, spec.resize_to) == (336, 384)
    assert ImageSpec(224, MEAN, STD, STRETCH, "bicubic").at(336).resize_to is None


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
