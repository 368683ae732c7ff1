"""How language models are found and loaded: folders, GGUF files, what is missing or broken."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from gvt.errors import UserError
from gvt.model import load
from gvt.model.language import LanguageModel
from gvt.model.load import Source, resolve


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


def test_a_t5_of_the_published_layout_keeps_its_own_head(t5_folder, tmp_path):
    """Flan-T5 says that its head is not tied; transformers 5 writes that it is."""
    folder = shutil.copytree(t5_folder, tmp_path / "flan")
    weights = load_file(folder / "model.safetensors")
    head = torch.randn_like(weights["shared.weight"])
    weights |= {"lm_head.weight": head}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    del config["scale_decoder_outputs"]
    (folder / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": False}))
    llm = LanguageModel.load(str(folder))
    assert llm.seq2seq
    assert torch.equal(llm.model.lm_head.weight, head)
    assert torch.equal(llm.model.get_input_embeddings().weight, weights["shared.weight"])
    assert not llm.model.config.scale_decoder_outputs
    half = LanguageModel.load(str(folder), half=True)
    assert {weight.dtype for weight in half.model.parameters()} == {torch.bfloat16}


def test_a_gguf_file_computes_what_its_model_does(gguf_file):
    path, model = gguf_file
    llm = LanguageModel.load(str(path))
    ids = torch.randint(0, 26, (1, 7), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(llm.model(ids).logits, model(ids).logits, atol=1e-5, rtol=1e-5)
    assert llm.decode(list(llm.encode("cab ab"))) == "cab ab"


def test_a_gguf_file_needs_its_package(gguf_file, monkeypatch):
    monkeypatch.setattr("transformers.utils.is_gguf_available", lambda: False)
    with pytest.raises(UserError, match="needs the package gguf"):
        LanguageModel.load(str(gguf_file[0]))


def test_a_torn_gguf_file_is_told_in_one_line(tmp_path):
    pytest.importorskip("gguf")
    (tmp_path / "torn.gguf").write_bytes(b"GGUF" + bytes(20))
    with pytest.raises(UserError, match="cannot load language model") as caught:
        LanguageModel.load(str(tmp_path / "torn.gguf"))
    assert "\n" not in caught.value.message
