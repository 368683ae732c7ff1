"""A comparison's column as a model of transformers: configuration, model and processor."""

from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from gvt.model.hf.configuration import GVTConfig
from gvt.model.hf.modeling import GVTForConditionalGeneration
from gvt.model.hf.processing import GVTProcessor

AutoConfig.register("gvt", GVTConfig, exist_ok=True)
AutoModelForImageTextToText.register(GVTConfig, GVTForConditionalGeneration, exist_ok=True)
AutoProcessor.register(GVTConfig, GVTProcessor, exist_ok=True)

__all__ = ["GVTConfig", "GVTForConditionalGeneration", "GVTProcessor"]
