"""What a checkpoint's image processor does, in the words of a card's `image`."""

from collections.abc import Iterable
from typing import Any

import transformers
from PIL import Image
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

from tokenizers_zoo.auto import Fact

_STEPS = {"do_resize", "do_center_crop", "do_rescale", "do_normalize"}
# Switched on, these change no pixel of an ordinary image.
_HARMLESS = {"do_convert_rgb", "do_reduce_labels", "do_convert_annotations"}


def image_facts(said: dict[str, Any], types: Iterable[str], native: int) -> dict[str, Fact]:
    """`image.…` keys of a card → facts.

    said: content of preprocessor_config.json, of any version; empty where there is none.
    types: model types, to find the library's usual processor by. native: the model's image size.
    Raises ValueError for steps that a card has no words for.
    """
    for step in sorted(key for key, on in said.items() if key.startswith("do_") and on is True):
        if step not in _STEPS | _HARMLESS:
            raise ValueError(f"its image processor asks for '{step}'")
    kind = _class(said, types)
    name = kind.__name__.removesuffix("Pil")
    processor = kind.from_dict(dict(said))
    usual = f"{name}'s default"

    def fact(value: Any, *keys: str) -> Fact:
        return Fact(value, "" if any(key in said for key in keys) else usual)

    if not processor.do_resize:
        raise ValueError("its image processor does not resize")
    resize, resized, cropped = _sizes(processor, said, native)
    size = cropped or resized
    if size > resized:
        raise ValueError(f"its image processor pads {resized} pixels to {size}")
    said_size = [key for key in ("size", "crop_size") if key in said]
    facts = {
        "image.size": Fact(size, "" if said_size else "the model's image_size"),
        "image.resize": fact(resize, "size"),
        "image.resize_to": Fact(resized if resized != size else None),
        "image.interpolation": fact(
            Image.Resampling(int(processor.resample)).name.lower(), "resample"
        ),
        "image.mean": fact([float(x) for x in processor.image_mean or ()], "image_mean"),
        "image.std": fact([float(x) for x in processor.image_std or ()], "image_std"),
    }
    rescale = float(processor.rescale_factor) if processor.do_rescale else 1.0
    if rescale != 1 / 255:
        facts["image.rescale"] = fact(rescale, "do_rescale", "rescale_factor")
    if not processor.do_normalize:
        facts["image.mean"] = fact([0.0] * 3, "do_normalize")
        facts["image.std"] = fact([1.0] * 3, "do_normalize")
    return facts


def _class(said: dict[str, Any], types: Iterable[str]) -> type:
    """The library's processor on PIL that the file, or else the model type, means."""
    given = said.get("image_processor_type") or said.get("feature_extractor_type")
    names = []
    if isinstance(given, str):
        base = given.removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
        names.append(f"{base}Pil")
    names += [IMAGE_PROCESSOR_MAPPING_NAMES.get(kind, {}).get("pil") for kind in types]
    # DINOv3 has none on PIL; ViT's has the same steps.
    names.append("ViTImageProcessorPil")
    return next(kind for name in names if name and (kind := getattr(transformers, name, None)))


def _sizes(processor: Any, said: dict[str, Any], native: int) -> tuple[str, int, int | None]:
    """How is resized, to how many pixels, and the edge of the square cut out (None: all stays)."""
    size = processor.size
    if size.shortest_edge:
        resize, resized = "shortest_edge_center_crop", size.shortest_edge
    elif size.height and size.height == size.width:
        resize, resized = "stretch", size.height
    else:
        raise ValueError("its image processor does not make squares")
    cropped = None
    if getattr(processor, "do_center_crop", None):
        crop = processor.crop_size
        if crop.height != crop.width:
            raise ValueError("its image processor does not make squares")
        cropped = crop.height
    elif resize == "shortest_edge_center_crop":
        raise ValueError("its image processor keeps the aspect ratio and cuts nothing off")
    if "size" not in said and "crop_size" not in said:
        # The class's default belongs to another checkpoint; the model knows its own size.
        return resize, native, cropped and native
    return resize, resized, cropped
