"""A column as a model of transformers: answers as the engine's, through saving and loading."""

import json
import shutil

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from gvt.config import Connector
from gvt.data.images import FileImages
from gvt.engine.combined import CombinedStore
from gvt.engine.generate import Decoding, generate
from gvt.engine.readers import FeatureReader
from gvt.errors import UserError
from gvt.model.connector import ConnectorShape, build_connector
from gvt.model.hf import GVTForConditionalGeneration, GVTProcessor
from gvt.model.language import LanguageModel
from gvt.paths import cache_dir
from gvt.resolve import resolve
from tokenizers_zoo import load_tokenizer
from tokenizers_zoo.portable import from_dict, to_dict

PROMPTS = (
    "Question: How many rings are there? Answer:",
    "Look: <image> what is this",
    "Is there a red cube ?",
)
SMALL = Connector(latents=3, depth=1, heads=2, head_dim=8, ffn_mult=2, positions="sincos")
LIMIT = 12
CHAT = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} . {% endfor %}"
    "{% if add_generation_prompt %}assistant : {% endif %}"
)


@pytest.fixture
def pictures(tmp_path):
    """Three image files of different sizes."""
    noise = np.random.default_rng(0)
    paths = []
    for number, size in enumerate(((24, 24, 3), (30, 40, 3), (50, 20, 3))):
        path = tmp_path / f"{number}.png"
        Image.fromarray(noise.integers(0, 256, size, dtype=np.uint8)).save(path)
        paths.append(str(path))
    return paths


@pytest.fixture
def make(tmp_path, write_vit, llm_folder, monkeypatch):
    """make(expression, llm, connector): a model with a connector drawn at random."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    for seed, name in enumerate(("toy-one", "toy-two")):
        write_vit(name, seed)

    def made(expression="toy-one", llm=llm_folder, config=SMALL, chat=False):
        card = resolve(expression, [tmp_path])
        language = LanguageModel.load(str(llm), chat=chat)
        shape = _shape(card, language)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(7)
            connector = build_connector(config, shape)
            for buffer in (connector.mean, connector.whitening):
                buffer += 0.1 * torch.randn_like(buffer)
        state = connector.state_dict()
        return GVTForConditionalGeneration.assemble(card, config, state, language, str(llm))

    return made


def _shape(card, llm):
    """As the alignment learns it: of features in the store."""
    path = cache_dir() / "grey.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (9, 9)).save(path)
    images = FileImages([str(path)], ["grey"])
    store = CombinedStore(card, torch.device("cpu"), "no")
    found = store.join([one.get(images) for one in store.stores])
    _, tokens, dim = found.values.shape
    return ConnectorShape(dim, tokens, found.grid, found.prefix, llm.dim, llm.scale)


def engine(model, pictures, prompts):
    """Answers of the engine: features from the store, by a reader, through its own generation."""
    AcceleratorState._reset_state(True)
    images = FileImages(pictures, pictures)
    store = CombinedStore(model.card, torch.device("cpu"), "no")
    features = store.join([one.get(images) for one in store.stores])
    place = {name: index for index, name in enumerate(pictures)}
    reader = FeatureReader(model.llm, features, place, model.connector)
    visual = reader.visual([{"sha256": name} for name in pictures])
    prefixes, rests = [], []
    for own, prompt in zip(visual, prompts, strict=True):
        before, after = reader.split(prompt)
        prefixes.append(torch.cat([model.llm.embed_ids(before), own]))
        rests.append(after)
    owners = range(len(pictures))
    found = generate(model.llm, prefixes, owners, rests, [Decoding(LIMIT)] * len(pictures))
    return [one.text for one in found]


def answers(model, processor, pictures, prompts):
    inputs = processor(images=pictures, text=prompts)
    found = model.generate(**inputs, max_new_tokens=LIMIT)
    return [text.strip() for text in processor.batch_decode(found, skip_special_tokens=True)]


EXPRESSIONS = ("toy-one", "toy-one[tokens=1]+toy-two[tokens=1]", "toy-one++toy-two", "blind")


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_answers_are_the_engines(make, pictures, expression):
    model = make(expression)
    wanted = engine(model, pictures, PROMPTS)
    assert len(set(wanted)) > 1
    assert answers(model, model.processor(), pictures, PROMPTS) == wanted
    alone = [
        answers(model, model.processor(), [image], [prompt])[0]
        for image, prompt in zip(pictures, PROMPTS, strict=True)
    ]
    assert alone == wanted


@pytest.mark.parametrize("config", [Connector(type="mlp"), Connector(type="linear")])
def test_connectors_of_other_types(make, pictures, config):
    model = make(config=config)
    assert answers(model, model.processor(), pictures, PROMPTS) == engine(model, pictures, PROMPTS)


def test_an_encoder_decoder_answers_as_the_engine_does(make, pictures, save_t5):
    model = make(llm=save_t5(0.5))
    wanted = engine(model, pictures, PROMPTS)
    assert answers(model, model.processor(), pictures, PROMPTS) == wanted


def test_prompts_go_through_the_chat_template(make, pictures, tmp_path, llm_folder):
    llm = shutil.copytree(llm_folder, tmp_path / "llm")
    (llm / "chat_template.jinja").write_text(CHAT)
    model = make(llm=llm, chat=True)
    wanted = engine(model, pictures, PROMPTS)
    assert answers(model, model.processor(), pictures, PROMPTS) == wanted
    model.save_pretrained(tmp_path / "saved", everything=True)
    again = GVTForConditionalGeneration.from_pretrained(tmp_path / "saved")
    processor = GVTProcessor.from_pretrained(tmp_path / "saved")
    assert answers(again, processor, pictures, PROMPTS) == wanted
    ids = processor(images=pictures[0], text=PROMPTS[0])["input_ids"][0]
    assert (
        ids.tolist() != make(llm=llm).processor()(pictures[0], PROMPTS[0])["input_ids"][0].tolist()
    )


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("expression", ["toy-one", "toy-one[tokens=4]++toy-two"])
def test_a_saved_model_answers_alike(make, pictures, tmp_path, expression, everything):
    model = make(expression)
    folder = tmp_path / "saved"
    model.save_pretrained(folder, everything=everything)
    wanted = answers(model, model.processor(), pictures, PROMPTS)
    again = GVTForConditionalGeneration.from_pretrained(folder)
    assert answers(again, GVTProcessor.from_pretrained(folder), pictures, PROMPTS) == wanted
    for name, weight in model.connector.state_dict().items():
        assert torch.equal(weight, again.connector.state_dict()[name])
    # What was loaded can be saved again, into its own folder too.
    again.save_pretrained(folder, everything=everything)
    assert (
        answers(
            GVTForConditionalGeneration.from_pretrained(folder),
            again.processor(),
            pictures,
            PROMPTS,
        )
        == wanted
    )


def test_with_everything_a_folder_can_be_moved_where_nothing_else_is(
    make, pictures, tmp_path, llm_folder
):
    llm = shutil.copytree(llm_folder, tmp_path / "llm")
    model = make(llm=llm)
    wanted = answers(model, model.processor(), pictures, PROMPTS)
    model.save_pretrained(tmp_path / "saved", everything=True)
    moved = tmp_path / "elsewhere"
    (tmp_path / "saved").rename(moved)
    shutil.rmtree(llm)
    for weights in tmp_path.glob("*-weights"):
        shutil.rmtree(weights)
    again = GVTForConditionalGeneration.from_pretrained(moved)
    assert answers(again, GVTProcessor.from_pretrained(moved), pictures, PROMPTS) == wanted


def test_what_a_folder_holds_goes_into_the_next_one(make, pictures, tmp_path):
    """Without everything, too: a reference into another model's folder would lead nowhere."""
    model = make("toy-one++toy-two")
    wanted = answers(model, model.processor(), pictures, PROMPTS)
    model.save_pretrained(tmp_path / "first", everything=True)
    GVTForConditionalGeneration.from_pretrained(tmp_path / "first").save_pretrained(tmp_path / "b")
    shutil.rmtree(tmp_path / "first")
    again = GVTForConditionalGeneration.from_pretrained(tmp_path / "b")
    assert answers(again, GVTProcessor.from_pretrained(tmp_path / "b"), pictures, PROMPTS) == wanted


@pytest.fixture
def trained(make, tmp_path, llm_folder):
    """A model of two layers of one network and of a language model, each trained for itself."""
    frozen = make("toy-one[layer=0]++toy-one[tokens=4]")
    encoders = [load_tokenizer(card) for card in frozen.card.encoders]
    llm = LanguageModel.load(str(llm_folder))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        for network in (*(one.model for one in encoders), llm.model):
            for weight in network.parameters():
                weight += 0.3 * torch.randn_like(weight)
    return GVTForConditionalGeneration.assemble(
        frozen.card,
        SMALL,
        frozen.connector.state_dict(),
        llm.over(llm.model),
        None,
        trained=encoders,
    )


@pytest.mark.parametrize("everything", [False, True])
def test_trained_parts_are_always_saved(trained, make, pictures, tmp_path, everything):
    wanted = answers(trained, trained.processor(), pictures, PROMPTS)
    frozen = make("toy-one[layer=0]++toy-one[tokens=4]")
    assert answers(frozen, frozen.processor(), pictures, PROMPTS) != wanted
    pixels = trained.processor()(images=pictures, text=PROMPTS)["pixel_values"]
    embeddings = trained.get_image_features(pixels)
    trained.save_pretrained(tmp_path / "first", everything=everything)
    first = GVTForConditionalGeneration.from_pretrained(tmp_path / "first")
    for weights in tmp_path.glob("*-weights"):
        shutil.rmtree(weights)
    first.save_pretrained(tmp_path / "second", everything=everything)
    shutil.rmtree(tmp_path / "first")
    again = GVTForConditionalGeneration.from_pretrained(tmp_path / "second")
    assert torch.equal(again.get_image_features(pixels), embeddings)
    processor = GVTProcessor.from_pretrained(tmp_path / "second")
    assert answers(again, processor, pictures, PROMPTS) == wanted
    inputs = processor(images=pictures, text=PROMPTS)
    labels = inputs["input_ids"].masked_fill(inputs["mm_token_type_ids"] == 1, -100)
    loss = again(**inputs, labels=labels).loss
    assert torch.equal(loss, trained(**inputs, labels=labels).loss)
    assert not torch.allclose(loss, frozen(**inputs, labels=labels).loss)


@pytest.mark.parametrize("part", ["encoders/0", "encoders/1", "llm"])
def test_trained_parts_that_changed_in_their_folder_are_refused(trained, tmp_path, part):
    trained.save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved" / part / "model.safetensors"
    weights = load_file(path)
    next(iter(weights.values())).add_(0.1)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(UserError, match="is not the one"):
        GVTForConditionalGeneration.from_pretrained(tmp_path / "saved")
    GVTForConditionalGeneration.from_pretrained(tmp_path / "saved", check_hashes=False)


def test_a_gguf_file_is_referred_to_and_never_saved(make, pictures, tmp_path, gguf_file):
    model = make(llm=gguf_file[0])
    model.save_pretrained(tmp_path / "saved")
    again = GVTForConditionalGeneration.from_pretrained(tmp_path / "saved")
    asked = ["a", "b", "cab"]
    wanted = answers(model, model.processor(), pictures, asked)
    processor = GVTProcessor.from_pretrained(tmp_path / "saved")
    assert answers(again, processor, pictures, asked) == wanted
    with pytest.raises(UserError, match="GGUF file, which cannot be saved"):
        again.save_pretrained(tmp_path / "whole", everything=True)
    assert not (tmp_path / "whole").exists()


def test_a_run_in_float16_keeps_features_in_it(make, pictures):
    model = make()
    pixels = model.processor()(images=pictures, text=PROMPTS)["pixel_values"]
    features = model.encoders[0].encode(pixels).features
    model.config.precision = "fp16"
    embeddings = model.get_image_features(pixels)
    assert torch.equal(embeddings, model.connector(features.half()))
    assert not torch.equal(embeddings, model.connector(features))


def test_references_alone_are_small(make, tmp_path):
    model = make()
    model.save_pretrained(tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*/"))
    said = json.loads((tmp_path / "saved/config.json").read_text())
    assert said["model_type"] == "gvt"
    assert said["llm"]["hash"] == model.llm.hash
    assert said["tokenizer_hash"] == model.card.hash()


def test_the_auto_classes_of_transformers_know_it(make, pictures, tmp_path):
    model = make()
    model.save_pretrained(tmp_path / "saved")
    found = AutoModelForImageTextToText.from_pretrained(tmp_path / "saved")
    processor = AutoProcessor.from_pretrained(tmp_path / "saved")
    assert isinstance(found, GVTForConditionalGeneration)
    assert answers(found, processor, pictures, PROMPTS) == engine(model, pictures, PROMPTS)


def test_another_language_model_than_it_was_trained_with_is_refused(
    make, tmp_path, llm_folder, save_llm
):
    llm = shutil.copytree(llm_folder, tmp_path / "llm")
    make(llm=llm).save_pretrained(tmp_path / "saved")
    shutil.copytree(save_llm(seed=1), llm, dirs_exist_ok=True)
    with pytest.raises(UserError, match=r"language model .* is not the one"):
        GVTForConditionalGeneration.from_pretrained(tmp_path / "saved")
    GVTForConditionalGeneration.from_pretrained(tmp_path / "saved", check_hashes=False)


def test_another_tokenizer_is_refused(make, tmp_path, write_vit):
    make().save_pretrained(tmp_path / "saved")
    write_vit("toy-one", seed=5)
    with pytest.raises(UserError, match="tokenizer 'toy-one' is not the one"):
        GVTForConditionalGeneration.from_pretrained(tmp_path / "saved")


def test_options_that_would_say_nothing_are_refused(make, tmp_path):
    make().save_pretrained(tmp_path / "saved")
    for kind in (GVTForConditionalGeneration, AutoModelForImageTextToText):
        for option in ("dtype", "device_map"):
            with pytest.raises(UserError, match=f"unknown option '{option}'"):
                kind.from_pretrained(tmp_path / "saved", **{option: "auto"})


def test_a_folder_that_is_no_model(tmp_path):
    for kind in (GVTForConditionalGeneration, GVTProcessor):
        with pytest.raises(UserError, match="no such folder"):
            kind.from_pretrained(str(tmp_path / "nowhere"))
        with pytest.raises(UserError, match=r"has no (processor_)?config\.json"):
            kind.from_pretrained(tmp_path)


def test_a_processor_is_read_from_a_folder_of_its_own(make, pictures, tmp_path):
    processor = make("toy-one++toy-two").processor()
    processor.save_pretrained(tmp_path / "alone")
    again = GVTProcessor.from_pretrained(tmp_path / "alone")
    own, read = (one(images=pictures, text=PROMPTS) for one in (processor, again))
    assert own.keys() == read.keys() and torch.equal(own["input_ids"], read["input_ids"])
    assert all(map(torch.equal, own["pixel_values"], read["pixel_values"]))


def test_a_prompt_for_every_image(make, pictures):
    processor = make().processor()
    with pytest.raises(UserError, match="1 prompts for 3 images"):
        processor(images=pictures, text="what")
    with pytest.raises(UserError, match="0 prompts for 1 images"):
        processor(images=pictures[0])
    with pytest.raises(UserError, match="1 prompts for 0 images"):
        processor(text="what")
    with pytest.raises(UserError, match="0 prompts for 0 images"):
        processor(images=[], text=[])
    with pytest.raises(UserError, match="must be a path or of PIL, not ndarray"):
        processor(images=np.zeros((8, 8, 3), np.uint8), text="what")
    with pytest.raises(UserError, match="more than one <image>"):
        processor(images=pictures[0], text="<image> and <image>")


def test_a_prompt_too_long_for_the_language_model_is_refused(make, pictures):
    model = make()
    inputs = model.processor()(images=pictures[0], text="is it " * 2000)
    for call in (model.generate, model):
        with pytest.raises(UserError, match="positions, but the prompt with its image takes"):
            call(**inputs)


def test_the_connector_alone_is_trained_by_the_loss(make, pictures):
    model = make()
    model.connector.requires_grad_(True)
    inputs = model.processor()(images=pictures, text=PROMPTS)
    labels = inputs["input_ids"].masked_fill(inputs["mm_token_type_ids"] == 1, -100)
    labels = labels.masked_fill(inputs["attention_mask"] == 0, -100)
    model(**inputs, labels=labels).loss.backward()
    trained = {name.split(".")[0] for name, w in model.named_parameters() if w.grad is not None}
    assert trained == {"connector"}


@pytest.mark.parametrize(
    "expression", [*EXPRESSIONS, "mini-clip[layer=-2,tokens=9+cls]", "clip-b16"]
)
def test_a_card_comes_back_from_json(tmp_path, write_vit, expression):
    for name in ("toy-one", "toy-two"):
        write_vit(name)
    card = resolve(expression, [tmp_path])
    values = json.loads(json.dumps(to_dict(card)))
    back = from_dict(values, tmp_path)
    assert back == card
    assert back.hash() == card.hash()
    assert len({*card.encoders, *back.encoders}) == len(card.encoders)
    if expression.startswith("mini-clip"):
        assert values["base"]["path"] == "shipped:mini-clip.yaml"
