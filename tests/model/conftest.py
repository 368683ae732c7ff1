"""A copy of the toy language model that a test may spoil, and one in llama.cpp's format."""

import shutil

import pytest


@pytest.fixture
def copy(llm_folder, tmp_path):
    """Its folder."""
    return shutil.copytree(llm_folder, tmp_path / "copy")


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory):
    """A random Qwen2 in llama.cpp's format, weights in float32, and the same as a model."""
    gguf = pytest.importorskip("gguf")
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    letters = [chr(code) for code in range(97, 123)]
    tokens = [*letters, "Ġ", "ab", "<|endoftext|>"]
    config = Qwen2Config(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(config).eval()
    path = tmp_path_factory.mktemp("gguf") / "toy.gguf"
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(48)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * (len(tokens) - 1) + [3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(len(tokens) - 1)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, 2)
    for name, weight in model.state_dict().items():
        writer.add_tensor(names.get_name(name, (".weight", ".bias")), weight.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path, model
