"""Stock lm-eval: our model in it, and its own multimodal model on our tasks."""

import numpy as np
import pytest
from accelerate.state import AcceleratorState
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager
from PIL import Image

import gvt.hardware
import gvt.lm_eval
from gvt.data import mini
from gvt.data.prompts import Reference
from gvt.errors import UserError
from gvt.files import sha256
from gvt.paths import data_dir


@pytest.fixture(autouse=True)
def _toy_world(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gvt.hardware, "mixed_precision", lambda *_: "no")
    monkeypatch.setattr(mini, "HELDOUT", 6)
    monkeypatch.setattr(mini, "_IDENTIFIED", 6)
    for cached in (mini._images, mini._scenes):
        cached.cache_clear()
    AcceleratorState._reset_state(True)
    yield
    for cached in (mini._images, mini._scenes):
        cached.cache_clear()
    AcceleratorState._reset_state(True)


def answers(model, arguments, **options):
    manager = TaskManager(include_path=str(data_dir("tasks")), include_defaults=False)
    found = simple_evaluate(
        model=model,
        model_args=arguments,
        tasks=["mini_mci"],
        task_manager=manager,
        limit=9,
        bootstrap_iters=0,
        device="cpu",
        **options,
    )
    samples = sorted(found["samples"]["mini_mci"], key=lambda sample: sample["doc_id"])
    return [s["resps"][0][0] for s in samples], found["results"]["mini_mci"]["acc,none"]


def test_our_tasks_run_under_hf_multimodal_with_the_answers_that_our_model_gives(save_llava):
    folder = save_llava()
    ours, score = answers("gvt", {"pretrained": folder})
    stock, same_score = answers(
        "hf-multimodal",
        {"pretrained": folder, "dtype": "float32", "convert_img_format": True},
        apply_chat_template=True,
        batch_size=1,
    )
    assert len(set(ours)) > 1
    assert (ours, score) == ([text.strip() for text in stock], same_score)


def test_images_may_come_decoded_as_other_tasks_give_them(save_llava, tmp_path):
    model = gvt.lm_eval.GVT(pretrained=save_llava(), device="cpu")
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(noise).save(path)

    def answer(image):
        request = Instance(
            request_type="generate_until",
            doc={},
            arguments=("<image>What is it", {"until": [], "max_gen_toks": 6}, {"visual": [image]}),
            idx=0,
            metadata=("other", 0, 1),
        )
        return model.generate_until([request])

    file = Reference(path=str(path), sha256=sha256(path))
    assert answer(Image.open(path)) == answer(file) != [""]


def test_it_wants_one_model(save_llava):
    with pytest.raises(UserError, match="either tokenizer= or pretrained="):
        gvt.lm_eval.GVT()
    with pytest.raises(UserError, match="unknown tokenizer 'mini-clap'"):
        gvt.lm_eval.GVT(tokenizer="mini-clap", device="cpu")
