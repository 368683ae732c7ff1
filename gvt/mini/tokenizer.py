"""The word-level tokenizer of the mini language model and of the mini CLIP's text tower."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gvt.mini.questions import VQA, multi_class, object_count, vqa
from gvt.mini.scenes import CELLS, MAX_OBJECTS, generator, sample_scene
from gvt.mini.texts import CAPTION_PROMPT, LIST_PROMPT, captions, describe, reasoned

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>", "<Img>", "</Img>", "<image>")
# Enough scenes to meet every word; a test checks that held-out texts hold no unknown one.
_SCENES = 600


def words(extra: list[str]) -> list[str]:
    """Every word of the mini world's texts and of ``extra`` texts, sorted."""
    texts = ["Question: Answer:", CAPTION_PROMPT, LIST_PROMPT, reasoned(""), *extra]
    texts += [str(n) for n in range(max(MAX_OBJECTS, CELLS) + 1)]
    for index in range(_SCENES):
        scene, rng = sample_scene("pretrain", index), generator("pretrain", index, purpose=1)
        questions = [*vqa(scene, rng, list(VQA)), object_count(scene)]
        questions += [multi_class(scene, rng, yes) for yes in (True, False)]
        texts += [describe(scene), *captions(scene)]
        texts += [f"{question.text} {question.answer}" for question in questions]
    split = _splitter()
    found = {word for text in texts for word, _ in split.pre_tokenize_str(text.lower())}
    return sorted(found)


def build_tokenizer(extra: list[str]) -> PreTrainedTokenizerFast:
    """A lower-casing word tokenizer; every special token is one id, no token is added by itself."""
    from tokenizers import Tokenizer, models, normalizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate([*SPECIALS, *words(extra)])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.normalizer = normalizers.Lowercase()
    core.pre_tokenizer = _splitter()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<Img>", "</Img>", "<image>"],
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def _splitter():
    from tokenizers import pre_tokenizers

    return pre_tokenizers.Whitespace()
