"""Every objective trains, writes a folder that transformers reads, and goes on where it stopped."""

import json
import math

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file

from gvt.errors import UserError
from gvt.mini.images import pixels
from gvt.pretrain import OBJECTIVES, loop, objectives, pretrain
from gvt.pretrain.language import LanguageObjective
from gvt.pretrain.objectives import MiniImages
from tests.heard import Heard
from tokenizers_zoo import Card, load_tokenizer
from tokenizers_zoo.card import BUILTIN_CARDS

CLASSES = {
    "deit": "DeiTModel",
    "clip": "CLIPModel",
    "mae": "ViTMAEForPreTraining",
    "dino": "ViTModel",
    "teacher": "RegNetForImageClassification",
    "lm": "LlamaForCausalLM",
}


def model_of(folder, objective):
    """The saved folder through transformers' own class, with nothing missing or left over."""
    arguments = {"add_pooling_layer": False} if objective in ("deit", "dino") else {}
    model, info = getattr(transformers, CLASSES[objective]).from_pretrained(
        folder, output_loading_info=True, dtype=torch.float32, **arguments
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    return model


def card_of(folder, objective, tmp_path):
    """The shipped card of the objective, over another folder of weights."""
    text = (BUILTIN_CARDS / f"mini-{objective}.yaml").read_text()
    shipped = f"local:../weights/mini-{objective}"
    assert shipped in text
    path = tmp_path / f"mini-{objective}.yaml"
    path.write_text(text.replace(shipped, f"local:{folder}"))
    return Card.load(path)


def test_every_objective_is_tested():
    assert set(CLASSES) == set(OBJECTIVES)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_it_trains_and_the_folder_is_an_ordinary_one(objective, tmp_path):
    folder = pretrain(objective, tmp_path / "out", 11, batch_size=4)
    model = model_of(folder, objective)
    assert all(torch.isfinite(weight).all() for weight in model.parameters())
    note = json.loads((folder / "provenance.json").read_text())
    assert (note["objective"], note["samples_seen"], note["seed"]) == (objective, 12, 0)
    assert note["recipe"]["batch_size"] == 4
    assert math.isfinite(note["loss"])
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log[-1] == {"samples": 12, "loss": note["loss"]}
    assert not (folder / "checkpoint.pt").exists()


@pytest.mark.parametrize("objective", ["deit", "clip", "mae", "dino"])
def test_the_shipped_card_reads_what_was_trained(objective, tmp_path):
    folder = pretrain(objective, tmp_path / "out", 4, batch_size=4)
    card = card_of(folder, objective, tmp_path)
    tokenizer = load_tokenizer(card)
    images = [Image.fromarray(array) for array in pixels("pretrain", 3)]
    tokens = tokenizer.encode(tokenizer.preprocess(images))
    assert tokens.features.shape == (3, 36, 144)
    assert tokens.grid == (6, 6)
    assert tokenizer.parameters == card.parameters
    assert tokens.features.std(0).min() > 0  # no two images alike
    # The weights are the trained ones: those of the saved file, under the names of its encoder.
    saved = load_file(folder / "model.safetensors")
    name = next(
        name
        for name in saved
        if name.endswith(("patch_embedding.weight", "patch_embeddings.projection.weight"))
    )
    loaded = next(
        weight for key, weight in tokenizer.model.named_parameters() if name.endswith(key)
    )
    assert torch.equal(loaded, saved[name].float())


def test_training_moves_the_weights_and_lowers_the_loss(tmp_path):
    folder = pretrain("mae", tmp_path / "out", 40 * 8, batch_size=8)
    log = [json.loads(line)["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert log[-1] < log[0] < 1.5


def test_a_tracker_is_told_the_losses_and_the_weights_stay_the_same(tmp_path):
    heard = Heard()
    plain = pretrain("mae", tmp_path / "plain", 25 * 4, batch_size=4)
    folder = pretrain("mae", tmp_path / "out", 25 * 4, batch_size=4, log_with=[heard])
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    losses = [(step, round(value, 5)) for name, step, value in heard.told if name.endswith("/loss")]
    assert losses == [(row["samples"], row["loss"]) for row in log]
    assert [step for step, _ in losses] == [80, 100]
    assert {name for name, _, _ in heard.told} == {
        f"pretrain/mae/{value}" for value in ("loss", "lr", "samples_per_second")
    }
    assert heard.finished and heard.facts["steps"] == 25
    assert (folder / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()


def test_a_seed_fixes_every_bit(tmp_path):
    folders = [
        pretrain("clip", tmp_path / str(number), 8, batch_size=4, seed=seed)
        for number, seed in enumerate((1, 1, 2))
    ]
    one, two, other = (load_file(folder / "model.safetensors") for folder in folders)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("objective", ["mae", "dino", "lm"])
def test_an_interrupted_training_goes_on_to_the_same_weights(objective, tmp_path, monkeypatch):
    samples = {"batch_size": 4, "seed": 3}
    whole = pretrain(objective, tmp_path / "whole", 24, **samples)
    monkeypatch.setattr(loop, "_SAVE_SECONDS", -1.0)
    kind = LanguageObjective if objective == "lm" else MiniImages
    after_step, steps = kind.after_step, []

    def interrupt(self, progress):
        after_step(self, progress)
        steps.append(round(progress * 6))
        if steps == [1, 2, 3]:
            raise KeyboardInterrupt

    monkeypatch.setattr(kind, "after_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pretrain(objective, tmp_path / "torn", 24, **samples)
    assert (tmp_path / "torn" / "checkpoint.pt").exists()
    torn = pretrain(objective, tmp_path / "torn", 24, resume=True, **samples)
    # Step 3 was not saved yet; it is done again, and no other.
    assert steps == [1, 2, 3, 3, 4, 5, 6]
    one, two = (load_file(folder / "model.safetensors") for folder in (whole, torn))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert (whole / "log.jsonl").read_text() == (torn / "log.jsonl").read_text()


def test_init_trains_further_on_the_samples_that_follow(tmp_path, monkeypatch):
    first = pretrain("lm", tmp_path / "first", 8, batch_size=4)
    starts = []
    batches = LanguageObjective.batches
    monkeypatch.setattr(
        LanguageObjective,
        "batches",
        lambda self, start, *rest: starts.append(start) or batches(self, start, *rest),
    )
    second = pretrain("lm", tmp_path / "second", 4, batch_size=4, init=first, lr=1e-9)
    assert starts == [8]
    note = json.loads((second / "provenance.json").read_text())
    assert note["samples_seen"] == 12
    assert note["init"] == json.loads((first / "provenance.json").read_text())
    one, two = (load_file(folder / "model.safetensors") for folder in (first, second))
    # A table of AdamW's, which the tiny rate leaves where it was.
    name = "model.embed_tokens.weight"
    assert torch.equal(one[name], two[name])


def test_init_refuses_what_it_cannot_train_further(tmp_path):
    lm = pretrain("lm", tmp_path / "lm", 4, batch_size=4)
    with pytest.raises(UserError, match="mae: what it saves is not all it trains"):
        pretrain("mae", tmp_path / "out", 4, init=lm)
    with pytest.raises(UserError, match="no output of gvt pretrain"):
        pretrain("lm", tmp_path / "out", 4, init=tmp_path)


def test_compiled_models_train_as_eager_ones_do(tmp_path, monkeypatch):
    traced = []
    compile_module = torch.nn.Module.compile

    def traced_only(self, **options):  # a machine that tests may have no C++ compiler
        traced.append(type(self).__name__)
        compile_module(self, backend="eager", **options)

    monkeypatch.setattr(torch.nn.Module, "compile", traced_only)
    folders = [
        pretrain("mae", tmp_path / str(on), 4, batch_size=4, compiled=on) for on in (False, True)
    ]
    assert "ViTMAEForPreTraining" in traced
    losses = [json.loads((f / "provenance.json").read_text())["loss"] for f in folders]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_without_resume_it_starts_anew(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "checkpoint.pt").write_bytes(b"no checkpoint at all")
    folder = pretrain("mae", tmp_path / "out", 4, batch_size=4)
    assert not (folder / "checkpoint.pt").exists()


def test_a_loss_that_is_no_number_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(
        MiniImages, "forward", lambda self, batch: torch.tensor(math.nan, requires_grad=True)
    )
    with pytest.raises(UserError, match="mae: the loss became nan at step 0"):
        pretrain("mae", tmp_path / "out", 8, batch_size=4)


def test_a_batch_that_cannot_be_shared_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(loop.Accelerator, "num_processes", property(lambda self: 3))
    with pytest.raises(UserError, match="a batch of 2 samples cannot be shared among 3 processes"):
        pretrain("deit", tmp_path / "out", 4, batch_size=2)


def test_the_teacher_is_trained_once(tmp_path, monkeypatch):
    objectives.build("deit", 0)
    monkeypatch.setattr(objectives, "train", None)
    objectives.build("deit", 0)
    with pytest.raises(TypeError):
        objectives.build("deit", 1)


def drawn(objective, count, rank=0, world=1, start=0, batch_size=4):
    stream = objectives.build(objective, 0).batches(start, batch_size, rank, world)
    return [next(stream) for _ in range(count)]


def test_every_image_is_seen_once_an_epoch_and_labels_stay_with_their_images():
    batches = drawn("teacher", 4, batch_size=5)
    seen = [image.tobytes() for batch in batches for image in batch["pixels"].numpy()]
    images = [image.tobytes() for image in pixels("pretrain", 10)]
    assert sorted(seen[:10]) == sorted(seen[10:]) == sorted(images)
    scenes = objectives.scenes("pretrain", 10)
    for batch in batches:
        for image, label in zip(batch["pixels"].numpy(), batch["labels"].numpy(), strict=True):
            scene = scenes[images.index(image.tobytes())]
            named = {objectives.SHAPES[place] for place in np.flatnonzero(label)}
            assert named == {thing.shape for thing in scene.things}


def test_objectives_see_the_same_images_in_the_same_order():
    one, two = drawn("mae", 4), drawn("clip", 4)
    assert all(torch.equal(a["pixels"], b["pixels"]) for a, b in zip(one, two, strict=True))


def test_a_stream_can_be_entered_anywhere_and_shared_out():
    whole = drawn("mae", 4)
    later = drawn("mae", 2, start=8)
    assert all(torch.equal(a["pixels"], b["pixels"]) for a, b in zip(whole[2:], later, strict=True))
    halves = [drawn("mae", 4, rank, 2) for rank in (0, 1)]
    for batch, *shares in zip(whole, *halves, strict=True):
        both = torch.cat([share["pixels"] for share in shares])
        assert sorted(both.flatten(1).tolist()) == sorted(batch["pixels"].flatten(1).tolist())


def test_it_goes_on_only_with_the_same_recipe(tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(TypeError):
        patch.setattr(loop, "_SAVE_SECONDS", -1.0)
        patch.setattr(MiniImages, "save", None)  # torn at its very end
        pretrain("mae", tmp_path / "out", 8, batch_size=4)
    for asked, line in (
        ({"batch_size": 2}, "batch_size 4, not 2"),
        ({"seed": 1}, "seed 0, not 1"),
        ({"compiled": True}, "compiled False, not True"),
    ):
        with pytest.raises(UserError, match=f"checkpoint.pt: was made with {line}"):
            pretrain("mae", tmp_path / "out", 8, resume=True, **{"batch_size": 4} | asked)


def test_what_a_step_draws_does_not_hang_on_what_was_drawn_before(tmp_path, monkeypatch):
    drawn = []
    forward = MiniImages.forward

    def listen(self, batch):
        drawn.append(tuple(torch.rand(3).tolist()))
        torch.rand(len(drawn))
        return forward(self, batch)

    monkeypatch.setattr(MiniImages, "forward", listen)
    for name in ("one", "two"):
        pretrain("mae", tmp_path / name, 12, batch_size=4)
    assert drawn[:3] == drawn[3:]
    assert len(set(drawn)) == 3
