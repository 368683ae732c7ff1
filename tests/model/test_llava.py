"""A LLaVA taken apart answers as it does whole."""

import numpy as np
import pytest
import torch
from PIL import Image

from gvt.data.images import FileImages
from gvt.engine.features import FeatureStore
from gvt.engine.generate import Decoding, generate
from gvt.engine.readers import LlavaReader
from gvt.engine.score import score
from gvt.errors import UserError
from gvt.files import sha256
from gvt.model.llava import Llava

PROMPTS = ("What color is the ring?", "How many rings are there in the image?", "What size")
LIMIT = 8


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    paths = []
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        paths.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(noise).save(paths[-1])
    return FileImages(paths, [sha256(path) for path in paths])


def open_reader(folder, photos):
    llava = Llava(folder)
    tower = llava.tower
    store = FeatureStore(tower.card, llava.device, llava.precision, lambda: tower)
    place = {name: i for i, name in enumerate(photos.hashes)}
    reader = LlavaReader(llava, store.get(photos), place)
    prefixes = []
    for name, path in zip(photos.hashes, photos.paths, strict=True):
        before, _ = reader.split(PROMPTS[0])
        (visual,) = reader.visual([{"sha256": name, "path": path}])
        prefixes.append(torch.cat([reader.llm.embed_ids(before), visual]))
    return llava, reader, prefixes


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"vision_feature_layer": -1, "vision_feature_select_strategy": "full"},
        {"vision_feature_layer": [-2, 1]},
        {"template": None},
    ],
)
def test_answers_are_those_of_the_whole_model(options, save_llava, photos):
    llava, reader, prefixes = open_reader(save_llava(**options), photos)
    owners = [0, 1, 2] * len(PROMPTS)
    prompts = [reader.split(PROMPTS[i // 3])[1] for i in range(len(owners))]
    for beams in (1, 3):
        decoding = Decoding(LIMIT, beams=beams)
        found = generate(llava.llm, prefixes, owners, prompts, [decoding] * len(owners))
        wanted = []
        for number, owner in enumerate(owners):
            inputs = llava.processor(
                images=photos.load(owner),
                text=llava.render(PROMPTS[number // 3]),
                return_tensors="pt",
            )
            ids = llava.model.generate(
                **inputs, do_sample=False, num_beams=beams, max_new_tokens=LIMIT
            )[0, inputs["input_ids"].shape[1] :]
            wanted.append(llava.llm.decode(ids.tolist()))
        assert len(set(wanted)) > len(PROMPTS)
        assert [one.text for one in found] == wanted


def test_likelihoods_are_those_of_the_whole_model(save_llava, photos):
    llava, reader, prefixes = open_reader(save_llava(), photos)
    _, prompt = reader.split(PROMPTS[1])
    wanted = [llava.llm.encode(text) for text in ("red ring", "3", "Yes.")]
    found = score(llava.llm, prefixes, [1, 1, 1], [prompt] * 3, wanted)
    for ids, one in zip(wanted, found, strict=True):
        inputs = llava.processor(
            images=photos.load(1), text=llava.render(PROMPTS[1]), return_tensors="pt"
        )
        inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        with torch.no_grad():
            logits = llava.model(**inputs).logits[0, -len(ids) - 1 : -1]
        expected = logits.log_softmax(-1)[range(len(ids)), list(ids)].sum().item()
        assert one.logprob == pytest.approx(expected, abs=1e-4)


def test_another_architecture_is_named(llm_folder):
    with pytest.raises(UserError, match="is a 'llama'; only LLaVA"):
        Llava(str(llm_folder))


def test_a_prompt_has_its_image_where_it_says(save_llava):
    llava = Llava(save_llava())
    plain = Llava(save_llava(template=None))
    encode = llava.processor.tokenizer
    prompt = "there is a ring <image> What size"

    def ids(text):
        return tuple(encode(text)["input_ids"])

    assert llava.split(prompt) == (ids("User: there is a ring"), ids("What size Answer:"))
    assert llava.split("What size") == (ids("User:"), ids("What size Answer:"))
    assert llava.split("<image>What size") == llava.split("What size")
    assert plain.split(prompt) == (ids("there is a ring"), ids("What size"))
    assert plain.split("What size") == ((), ids("\nWhat size"))
    with pytest.raises(UserError, match="more than one <image>"):
        llava.split("<image> <image>")
