"""For all tests: offline, an empty cache, toy models, and marks that skip what is lacking."""

import os
import shutil

import pytest

# Before anything imports transformers or torch. One thread: toy tensors gain nothing from more,
# and two threads beside another busy process can be ten times slower.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Every image stands before the text, as in LLaVA's own template.
LLAVA_TEMPLATE = (
    "{% for message in messages %}User: {% for item in message['content'] %}"
    "{% if item['type'] == 'image' %}<image> {% else %}{{ item['text'] }}{% endif %}"
    "{% endfor %}{% endfor %} Answer:"
)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test reads or fills the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GVT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_runtest_setup(item):
    """Skip, with the reason, what a mark says this machine must have."""
    if item.get_closest_marker("browser"):
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
    if item.get_closest_marker("java") and not shutil.which("java"):
        pytest.skip("java is not installed")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no GPU")


@pytest.fixture(scope="session")
def _official(tmp_path_factory):
    from gvt.mini.export import write

    folder = tmp_path_factory.mktemp("official")
    return folder, write(folder)


@pytest.fixture
def data_root(_official, tmp_path, monkeypatch):
    """A data root of twelve mini scenes in the official formats, known as $GVT_DATA."""
    folder, accept = _official
    copy = tmp_path / "data"
    shutil.copytree(folder, copy)
    monkeypatch.setenv("GVT_DATA", str(copy))
    monkeypatch.setenv("GVT_ACCEPT", accept)
    return copy


@pytest.fixture(scope="session")
def save_llm(tmp_path_factory):
    """save_llm(config, seed, noise): folder of a random toy model with the mini world's words."""
    from gvt.mini.tokenizer import build_tokenizer

    tokenizer = build_tokenizer([])

    def save(config=None, seed=0, noise=0.3):
        import torch
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, LlamaConfig

        config = config or LlamaConfig(**toy_llm_size())
        for name in ("bos", "eos", "pad"):
            setattr(config, f"{name}_token_id", getattr(tokenizer, f"{name}_token_id"))
        config.vocab_size = len(tokenizer)
        kind = AutoModelForCausalLM
        if config.is_encoder_decoder:
            kind, config.decoder_start_token_id = AutoModelForSeq2SeqLM, tokenizer.pad_token_id
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = kind.from_config(config)
            # Fresh norms are all ones and answers all alike: a mix-up would not show.
            for weight in model.parameters():
                weight.data += noise * torch.randn_like(weight)
        folder = tmp_path_factory.mktemp("llm")
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return save


def toy_llm_size():
    """Arguments that any decoder's configuration of transformers takes."""
    return {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": 256,
    }


@pytest.fixture(scope="session")
def llm_folder(save_llm):
    """Folder of a toy Llama."""
    return save_llm()


@pytest.fixture(scope="session")
def save_t5(save_llm):
    """save_t5(noise): folder of a toy encoder–decoder, built as Flan-T5 is."""
    from transformers import T5Config

    size = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    config = T5Config(**size, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    return lambda noise: save_llm(config, noise=noise)


@pytest.fixture(scope="session")
def t5_folder(save_t5):
    """Folder of a toy encoder–decoder with weights a connector learns through quickly."""
    return save_t5(0.1)


@pytest.fixture(scope="session")
def t5(t5_folder):
    """The toy encoder–decoder, frozen."""
    from gvt.model.language import LanguageModel

    return LanguageModel.load(str(t5_folder))


@pytest.fixture(scope="session")
def llm(llm_folder):
    """The toy Llama, frozen."""
    from gvt.model.language import LanguageModel

    return LanguageModel.load(str(llm_folder))


@pytest.fixture
def forwards(monkeypatch):
    """By the card whose encoder was loaded: how often each image went through its network.

    The blank image that operations are counted on is none of them.
    """
    from collections import Counter, defaultdict

    from gvt.engine import features

    seen = defaultdict(Counter)
    load = features.load_tokenizer

    def watched(card, **options):
        tokenizer = load(card, **options)

        def count(module, arguments):
            seen[card.name].update(one.numpy().tobytes() for one in arguments[0] if one.any())

        if card.checkpoint:
            tokenizer.model.register_forward_pre_hook(count)
        return tokenizer

    monkeypatch.setattr(features, "load_tokenizer", watched)
    return seen


@pytest.fixture
def write_vit(tmp_path):
    """write_vit("name", seed): the card of a random toy ViT beside its weights; its path."""

    def write(name, seed=0, folder=tmp_path, weights=True):
        import torch
        import yaml
        from transformers import ViTConfig, ViTModel

        size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = ViTConfig(**size, intermediate_size=32, image_size=24, patch_size=8)
        folder.mkdir(exist_ok=True)
        if weights:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = ViTModel(config, add_pooling_layer=False)
                for weight in model.parameters():
                    weight.data += 0.2 * torch.randn_like(weight)
            model.save_pretrained(folder / f"{name}-weights")
        card = {
            "name": name,
            "title": f"Toy {name}",
            "description": "A random toy.",
            "family": "vit",
            "checkpoint": f"local:{name}-weights",
            "parameters": 1,
            "licence": "Apache-2.0",
            "source": "a test",
            "image": {
                "size": 24,
                "resize": "stretch",
                "interpolation": "bicubic",
                "mean": [0.5, 0.4, 0.3],
                "std": [0.5, 0.6, 0.7],
            },
            "features": {"layer": -1, "final_norm": True, "drop": []},
        }
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(card, sort_keys=False))
        return path

    return write


@pytest.fixture(scope="session")
def save_llava(tmp_path_factory):
    """save_llava(**config): folder of a random LLaVA with the mini world's tokenizer."""
    import torch
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    from gvt.mini.tokenizer import build_tokenizer

    tokenizer = build_tokenizer([])

    def save(template=LLAVA_TEMPLATE, **options):
        vision = CLIPVisionConfig(
            hidden_size=24,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            image_size=28,
            patch_size=7,
        )
        special = {f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("bos", "eos")}
        text = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            pad_token_id=tokenizer.pad_token_id,
            **special,
        )
        image_id = tokenizer.convert_tokens_to_ids("<image>")
        config = LlavaConfig(
            vision_config=vision, text_config=text, image_token_id=image_id, **options
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            model = LlavaForConditionalGeneration(config)
            for weight in model.parameters():
                weight.data += 0.2 * torch.randn_like(weight)
        model.generation_config.pad_token_id = tokenizer.pad_token_id
        strategy = config.vision_feature_select_strategy
        processor = LlavaProcessor(
            CLIPImageProcessorPil(
                size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
            ),
            tokenizer,
            patch_size=7,
            vision_feature_select_strategy=strategy,
            num_additional_image_tokens=1,
            chat_template=template,
        )
        folder = tmp_path_factory.mktemp("llava")
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        return str(folder)

    return save


@pytest.fixture
def write_toys(write_vit):
    """write_toys(folder): two toy tokenizers, a recipe of three steps, and the suite of all."""

    def write(folder):
        for seed, name in enumerate(("toy-one", "toy-two")):
            write_vit(name, seed, folder=folder)
        (folder / "toy.yaml").write_text(
            "connector: {latents: 2, depth: 1, heads: 2, head_dim: 8, ffn_mult: 1}\n"
            "stages: [{name: s, data: mini-questions, steps: 3, batch_size: 4,"
            " questions_per_image: 3, lr: 1e-3}]\n"
        )
        (folder / "toys.yaml").write_text(
            "tokenizers: {one: toy-one, two: toy-two}\n"
            "controls: [blind, text]\n"
            "tasks: [mini_mci]\n"
            "recipe: toy\n"
        )

    return write
