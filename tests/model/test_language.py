"""The frozen language model: how it is found and loaded, and the frame around an image."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from gvt.errors import UserError
from gvt.model import load
from gvt.model.language import LanguageModel
from gvt.model.load import Source, resolve


@pytest.fixture
def copy(llm_folder, tmp_path):
    """A copy of the toy model that a test may spoil."""
    return shutil.copytree(llm_folder, tmp_path / "copy")


def ids(llm, *words):
    return tuple(llm.tokenizer.convert_tokens_to_ids(list(words)))


def test_the_frame_is_begin_img_and_end_img(llm):
    assert llm.head == ids(llm, "<bos>", "<Img>")
    assert llm.tail == ids(llm, "</Img>")
    assert llm.encode("Is there a Circle?") == ids(llm, "is", "there", "a", "circle", "?")
    assert llm.eos == ids(llm, "<eos>")[0]
    assert llm.pad == ids(llm, "<pad>")[0]


def test_an_image_stands_between_the_tags(llm):
    visual = torch.randn(2, 3, llm.dim)
    prefix = llm.visual_prefix(visual)
    table = llm.model.get_input_embeddings().weight
    assert prefix.shape == (2, 6, llm.dim)
    for row, image in zip(prefix, visual, strict=True):
        assert torch.equal(row[:2], table[list(ids(llm, "<bos>", "<Img>"))])
        assert torch.equal(row[2:5], image)
        assert torch.equal(row[5:], table[list(ids(llm, "</Img>"))])
    assert len(llm.placeholder(3)) == prefix.shape[1]


def test_a_tokenizer_without_a_begin_token(copy):
    settings = json.loads((copy / "tokenizer_config.json").read_text())
    settings["bos_token"] = None
    (copy / "tokenizer_config.json").write_text(json.dumps(settings))
    llm = LanguageModel.load(str(copy))
    assert llm.head == ids(llm, "<Img>")


def test_it_is_frozen(llm):
    assert not any(weight.requires_grad for weight in llm.model.parameters())
    assert not llm.model.training


def test_the_hash_is_of_the_weights_and_not_of_the_place(llm, copy):
    assert LanguageModel.load(str(copy)).hash == llm.hash
    weights = load_file(copy / "model.safetensors")
    name = sorted(weights)[-1]
    weights[name].view(-1)[0] += 1e-3
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert LanguageModel.load(str(copy)).hash != llm.hash


def test_the_hash_is_of_the_configuration_too(llm, copy):
    config = json.loads((copy / "config.json").read_text())
    config["rms_norm_eps"] = 0.1
    (copy / "config.json").write_text(json.dumps(config))
    assert LanguageModel.load(str(copy)).hash != llm.hash


def test_a_name_a_folder_or_a_hub_id(tmp_path, monkeypatch):
    (tmp_path / "mini-lm").mkdir()
    monkeypatch.setattr(load, "SHIPPED", tmp_path)
    assert resolve("mini-lm") == Source(str(tmp_path / "mini-lm"))
    assert resolve(str(tmp_path)) == Source(str(tmp_path))
    assert resolve(f"local:{tmp_path}") == Source(str(tmp_path))
    assert resolve("owner/model") == Source("owner/model")
    assert resolve("owner/model@refs/pr/1") == Source("owner/model", revision="refs/pr/1")
    (tmp_path / "some.gguf").touch()
    assert resolve(f"{tmp_path}/some.gguf") == Source(str(tmp_path), gguf="some.gguf")
    assert resolve("owner/model/some.gguf") == Source("owner/model", gguf="some.gguf")


@pytest.mark.parametrize("name", ["mini-ml", "local:nowhere/at/all"])
def test_an_unknown_name_lists_what_is_shipped(name, tmp_path, monkeypatch):
    for shipped in ("mini-lm", "other-lm"):
        (tmp_path / shipped).mkdir()
    monkeypatch.setattr(load, "SHIPPED", tmp_path)
    with pytest.raises(UserError, match=f"unknown language model '{name}'") as caught:
        resolve(name)
    assert "(mini-lm, other-lm)" in caught.value.hint


def spoil_config(folder):
    (folder / "config.json").write_text("{")


def no_weights(folder):
    (folder / "model.safetensors").unlink()


def torn_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:2000])


def a_weight_too_few(folder):
    weights = load_file(folder / "model.safetensors")
    del weights[sorted(weights)[-2]]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def a_weight_misshapen(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"] = torch.ones(7)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    "spoil", [spoil_config, no_weights, torn_weights, a_weight_too_few, a_weight_misshapen]
)
def test_a_broken_folder_is_told_in_one_line(copy, spoil):
    spoil(copy)
    with pytest.raises(UserError, match="cannot load language model") as caught:
        LanguageModel.load(str(copy))
    assert "\n" not in caught.value.message


def test_a_hub_model_that_is_not_here_is_told_in_one_line():
    with pytest.raises(UserError, match="cannot load language model 'nobody/nothing'"):
        LanguageModel.load("nobody/nothing")
