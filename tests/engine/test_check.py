"""Language models that the engine would answer wrongly for are refused, the others are not."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    GPTNeoConfig,
    LlamaConfig,
    MptConfig,
    ProphetNetConfig,
    T5Config,
)

from gvt.engine.check import check
from gvt.errors import UserError
from gvt.model.language import LanguageModel

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
BOTH = {
    f"{side}_{key}": value
    for side in ("encoder", "decoder")
    for key, value in {"layers": 2, "attention_heads": 4, "ffn_dim": 48}.items()
}


@pytest.fixture
def make(llm):
    """make(config): a random model with the toy tokenizer."""

    def make(config):
        config.vocab_size = len(llm.tokenizer)
        kind = AutoModelForCausalLM
        if config.is_encoder_decoder:
            kind, config.decoder_start_token_id = AutoModelForSeq2SeqLM, llm.pad
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = kind.from_config(config, attn_implementation="eager")
            for weight in model.parameters():
                weight.data += 0.2 * torch.randn_like(weight)
        return LanguageModel(model, llm.tokenizer, "toy", torch.device("cpu"))

    return make


@pytest.mark.parametrize(
    "config",
    [
        LlamaConfig(**SMALL, intermediate_size=48),
        GPT2Config(n_embd=32, n_layer=2, n_head=4),
        Gemma2Config(**SMALL, intermediate_size=48, head_dim=8, num_key_value_heads=2),
        T5Config(d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4),
        BartConfig(d_model=32, scale_embedding=True, **BOTH),
    ],
)
def test_masks_and_positions_are_enough(make, config):
    check(make(config))


@pytest.mark.parametrize(
    "config",
    [
        BloomConfig(hidden_size=32, n_layer=2, n_head=4),
        MptConfig(d_model=32, n_layers=2, n_heads=4),
        GPTNeoConfig(
            hidden_size=32,
            num_layers=2,
            num_heads=4,
            attention_types=[[["global", "local"], 1]],
        ),
    ],
)
def test_distances_and_windows_of_their_own_are_refused(make, config):
    with pytest.raises(UserError, match=f"'toy' .{config.model_type}. is not supported"):
        check(make(config))


def test_an_encoder_decoder_that_reads_embeddings_otherwise_is_refused(make):
    config = ProphetNetConfig(hidden_size=32, num_encoder_layers=2, num_decoder_layers=2)
    with pytest.raises(UserError, match=r"'toy' .prophetnet. is not supported: log-probability"):
        check(make(config))


def test_a_model_held_in_bfloat16_is_answered_for(llm_folder):
    half = LanguageModel.load(str(llm_folder), half=True)
    assert half.model.dtype == torch.bfloat16
    check(half)
