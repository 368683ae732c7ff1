"""The frozen language model: the frame around an image, and what its hash covers."""

import json
import tracemalloc

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5Tokenizer

from gvt.errors import UserError
from gvt.model.frame import PLAIN
from gvt.model.language import LanguageModel
from gvt.model.prompts import Prompts

# As of a chat model with a system prompt; every word is one of the toy tokenizer's.
TEMPLATE = (
    "<bos> scene {% for m in messages %}{% if m['role'] == 'user' %}{{ m['role'] }} : "
    "{{ m['content'] | trim }} . {% else %}Answer: {{ m['content'] | trim }} END{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Answer:{% endif %}"
)


def ids(llm, *words):
    return tuple(llm.tokenizer.convert_tokens_to_ids(list(words)))


def test_the_frame_is_begin_img_and_end_img(llm):
    assert llm.head == ids(llm, "<bos>", "<Img>")
    assert llm.tail == ids(llm, "</Img>")
    assert llm.encode("Is there a Circle?") == ids(llm, "is", "there", "a", "circle", "?")
    assert llm.eos == ids(llm, "<eos>")[0]
    assert llm.pad == ids(llm, "<pad>")[0]


def test_texts_are_remembered_but_not_without_end(llm, monkeypatch):
    monkeypatch.setattr("gvt.model.prompts._REMEMBERED", 3000)
    prompts = Prompts(llm.tokenizer, PLAIN, llm.eos, seq2seq=False)
    words = ("red", "blue", "cube", "ring", "is", "the", "a", "left")
    texts = [" ".join(words[number >> 3 * i & 7] for i in range(5)) for number in range(10_000)]
    tracemalloc.start()
    for text in texts:
        prompts.encode(text)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 500_000  # all of them take 2.5 million bytes
    assert prompts.encode(texts[-1]) is prompts.encode(texts[-1])
    for text in (texts[0], texts[-1], " ".join(texts[:1000])):
        assert prompts.encode(text) == ids(llm, *text.split())


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


def test_the_hash_is_of_the_words_and_ends_too(llm, copy):
    text = (copy / "tokenizer.json").read_text()
    swapped = text.replace('"red"', '"RED"').replace('"blue"', '"red"').replace('"RED"', '"blue"')
    assert swapped != text
    (copy / "tokenizer.json").write_text(swapped)
    assert LanguageModel.load(str(copy)).hash != llm.hash
    (copy / "tokenizer.json").write_text(text)
    assert LanguageModel.load(str(copy)).hash == llm.hash
    settings = {"eos_token_id": [llm.eos, llm.pad]}
    (copy / "generation_config.json").write_text(json.dumps(settings))
    assert LanguageModel.load(str(copy)).hash != llm.hash


def test_the_hash_is_of_the_configuration_too(llm, copy):
    config = json.loads((copy / "config.json").read_text())
    config["rms_norm_eps"] = 0.1
    (copy / "config.json").write_text(json.dumps(config))
    assert LanguageModel.load(str(copy)).hash != llm.hash


def with_template(folder, template):
    (folder / "chat_template.jinja").write_text(template)
    return LanguageModel.load(str(folder), chat=True)


@pytest.mark.parametrize("end", ["<eos>", "<pad>"])
def test_a_chat_template_goes_around_image_prompt_and_answer(copy, llm, end):
    """Head, tail, prompt and answer are the whole rendering of both turns, tokenised at once."""
    chat = with_template(copy, TEMPLATE.replace("END", end))
    said = [
        {"role": "user", "content": "<Img></Img>which colour ?"},
        {"role": "assistant", "content": "red"},
    ]
    whole = chat.tokenizer.apply_chat_template(said)["input_ids"]
    prompt, answer = chat.pair("which colour ?", "red")
    assert [*chat.head, *chat.tail, *prompt, *answer] == whole
    assert prompt == chat.prompt("which colour ?")
    assert set(ids(chat, end)) <= chat.ends
    assert chat.hash != llm.hash
    assert chat.name == f"{copy} (chat)"


def test_a_template_that_tells_the_date_is_the_same_every_day(copy):
    chat = with_template(copy, "<bos> {{ strftime_now('%Y') }} " + TEMPLATE)
    assert "2024" in chat.turn.before


@pytest.mark.parametrize("template", ["<bos> a ring"])
def test_a_template_that_loses_what_is_said_is_refused(copy, template):
    with pytest.raises(UserError, match="changes what is said"):
        with_template(copy, template)


def test_a_model_without_a_chat_template_is_told_so(llm_folder):
    with pytest.raises(UserError, match="has no chat template"):
        LanguageModel.load(str(llm_folder), chat=True)


def test_an_answer_follows_its_prompt_behind_a_space(llm):
    # What a subword tokenizer makes of it: no token of the answer reaches back into the prompt.
    prompt, answer = llm.pair("Answer:", "red")
    whole = llm.tokenizer("Answer: red", add_special_tokens=False)["input_ids"]
    assert [*prompt, *answer] == [*whole, llm.eos]


def test_an_encoder_decoder_is_prompted_as_its_tokenizer_does(t5):
    """With the real class: a piece knows whether a space stands before it."""
    pieces = ["<pad>", "</s>", "<unk>", "▁Answer", ":", "▁yes", "yes", "▁"]
    tokenizer = T5Tokenizer(vocab=[(piece, -float(i)) for i, piece in enumerate(pieces)])
    model = LanguageModel(t5.model, tokenizer, "toy", t5.device)
    prompt, answer = model.pair("Answer:", "yes")
    assert list(prompt) == tokenizer("Answer:")["input_ids"] == [3, 4, 1]
    assert list(answer) == tokenizer("yes")["input_ids"] == [5, 1]
    # As lm-eval hands over a choice; the end is not scored.
    assert model.follow("Answer:", " yes") == (5,)
    assert model.head == model.encode("<Img>")


def test_the_scale_is_that_of_what_the_layers_read(save_llm):
    from transformers import Gemma3TextConfig

    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "head_dim": 16}
    folder = save_llm(Gemma3TextConfig(**size, num_key_value_heads=1, intermediate_size=48))
    gemma = LanguageModel.load(str(folder))
    table = gemma.model.get_input_embeddings()
    assert gemma.scale == pytest.approx(float(table.weight.std()) * 32**0.5, rel=1e-3)
