"""`gvt distill`: teacher and student see the same, the teacher stays, the card reads the result."""

import json

import numpy as np
import pytest
import torch
import transformers
import yaml
from accelerate import Accelerator
from PIL import Image, ImageOps
from safetensors.torch import load_file

from gvt.cli import main
from gvt.data.images import FolderImages
from gvt.engine import features
from gvt.errors import UserError
from gvt.mini.images import pixels
from gvt.pretrain import loop
from gvt.pretrain import teacher as teachers
from gvt.pretrain.distill import Distilled, distill
from gvt.pretrain.order import shuffled
from gvt.pretrain.plan import Plan
from gvt.pretrain.student import student_card
from gvt.resolve import resolve
from tokenizers_zoo import Card, load_tokenizer
from tokenizers_zoo.objectives.mini_vit import SIZE


@pytest.fixture
def teacher(write_vit):
    """A toy teacher: 24 pixels, a 3 x 3 grid, CLS kept, 16 channels."""
    return Card.load(write_vit("toy", 1))


@pytest.fixture
def learner(write_vit):
    """A toy student of the teacher's size, with other weights."""
    return Card.load(write_vit("learner", 2))


@pytest.fixture
def pictures(tmp_path):
    """A folder of six photos of several sizes."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0)
    for number in range(6):
        array = noise.integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(array).save(folder / ("more" if number % 2 else "") / f"{number}.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def weights(folder):
    return load_file(folder / "model.safetensors")


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def objective_of(plan, seen=8):
    return Distilled(plan, seen, 0, Accelerator(cpu=True))


def test_a_random_student_is_the_mini_vit_and_sees_what_the_teacher_sees(teacher, tmp_path):
    card = student_card("random", teacher, seed=5)
    tokenizer = load_tokenizer(card)
    assert {key: getattr(tokenizer.model.config, key) for key in SIZE} == SIZE
    assert (card.image.mean, card.image.std) == (teacher.image.mean, teacher.image.std)
    assert card.image.size == 72
    other = load_tokenizer(student_card("random", teacher, seed=6))
    assert not same(tokenizer.model.state_dict(), other.model.state_dict())


def test_a_random_student_may_have_another_cards_architecture(teacher, write_vit, tmp_path):
    write_vit("wide")
    card = student_card("random", teacher, architecture="wide", include_path=[tmp_path])
    tokenizer = load_tokenizer(card)
    assert tokenizer.dim == 16
    drawn, published = tokenizer.model.state_dict(), load_tokenizer(resolve("wide", [tmp_path]))
    assert not same(drawn, published.model.state_dict())


def test_a_student_with_weights_starts_with_them(teacher, learner):
    plan = Plan(teacher, learner)
    started = objective_of(plan).objective.model.state_dict()
    assert same(started, load_tokenizer(learner).model.state_dict())


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("mask_ratio", [0.0, 0.5])
def test_the_teacher_stays_bit_by_bit_and_the_student_moves(
    teacher, learner, tmp_path, monkeypatch, live, mask_ratio
):
    loaded = []
    for place in (teachers, features):
        monkeypatch.setattr(
            place,
            "load_tokenizer",
            lambda *args, **options: loaded.append(load_tokenizer(*args, **options)) or loaded[-1],
        )
    before, file = load_tokenizer(teacher), weights(teacher.folder)
    path = distill(Plan(teacher, learner, mask_ratio, live=live), tmp_path / "out", 8, batch_size=4)
    (used,) = (tokenizer for tokenizer in loaded if tokenizer.card == teacher)
    assert same(used.model.state_dict(), before.model.state_dict())
    assert not any(weight.requires_grad for weight in used.model.parameters())
    assert same(weights(teacher.folder), file)
    started = load_tokenizer(learner).model.state_dict()
    assert not same(load_tokenizer(Card.load(path)).model.state_dict(), started)


@pytest.mark.parametrize("expression", ["toy", "toy[tokens=patch]", "toy+toy[layer=0]"])
def test_batches_are_the_images_of_other_objectives_with_the_teachers_own_features(
    expression, teacher, learner, tmp_path
):
    card = resolve(expression, [tmp_path])
    objective = objective_of(Plan(card, learner))
    batch = next(objective.batches(4, 4, 0, 1))
    index = np.sort(shuffled(np.arange(4, 8), 10, 0))
    images = [Image.fromarray(array) for array in pixels("pretrain", 10)[index]]
    torch.testing.assert_close(batch["pixels"], load_tokenizer(learner).preprocess(images))
    parts = []
    for layer in (1, 0)[: 1 + expression.count("+")]:
        model = transformers.ViTModel.from_pretrained(teacher.folder, add_pooling_layer=False)
        with torch.no_grad():
            states = model.eval()(
                load_tokenizer(teacher).preprocess(images), output_hidden_states=True
            ).hidden_states[layer]
            parts.append(model.layernorm(states)[:, 1:])
    torch.testing.assert_close(batch["targets"], torch.cat(parts, -1), atol=1e-5, rtol=1e-4)


def test_every_rank_takes_its_share(teacher, learner):
    objective = objective_of(Plan(teacher, learner))
    whole = next(objective.batches(0, 4, 0, 1))
    halves = [next(objective.batches(0, 4, rank, 2)) for rank in (0, 1)]
    for key in ("pixels", "targets"):
        both = torch.cat([half[key] for half in halves]).flatten(1)
        assert sorted(both.tolist()) == sorted(whole[key].flatten(1).tolist())


def test_kept_features_and_the_teacher_at_every_step_train_alike(teacher, learner, tmp_path):
    one, two = (
        distill(Plan(teacher, learner, live=live), tmp_path / f"live-{live}", 8, batch_size=4)
        for live in (False, True)
    )
    for name, weight in weights(one.parent).items():
        torch.testing.assert_close(weight, weights(two.parent)[name], atol=2e-3, rtol=2e-3)


def test_both_see_the_same_mirrored_image(teacher, learner):
    objective = objective_of(Plan(teacher, learner, flip=True))
    batch = next(objective.batches(0, 10, 0, 1))
    tokenizer, looks = load_tokenizer(teacher), load_tokenizer(learner)
    index = np.sort(shuffled(np.arange(10), 10, 0))
    flips = 0
    for image, seen, target in zip(
        pixels("pretrain", 10)[index], batch["pixels"], batch["targets"], strict=True
    ):
        shown = Image.fromarray(image)
        if not torch.equal(seen, looks.preprocess([shown])[0]):
            shown = ImageOps.mirror(shown)
            flips += 1
        assert torch.equal(seen, looks.preprocess([shown])[0])
        tokens = tokenizer.encode(tokenizer.preprocess([shown]))
        torch.testing.assert_close(target, tokens.features[0, tokens.prefix :])
    assert 0 < flips < 10


@pytest.mark.parametrize("mask_ratio", [0.0, 0.5])
def test_an_interrupted_training_goes_on_to_the_same_weights(
    teacher, learner, tmp_path, monkeypatch, mask_ratio
):
    plan = Plan(teacher, learner, mask_ratio)
    whole = distill(plan, tmp_path / "whole", 20, batch_size=4)
    monkeypatch.setattr(loop, "_SAVE_SECONDS", -1.0)
    steps = []

    def interrupt(self, progress):
        steps.append(round(progress * 5))
        if steps == [1, 2, 3]:
            raise KeyboardInterrupt

    monkeypatch.setattr(Distilled, "after_step", interrupt)
    with pytest.raises(KeyboardInterrupt):
        distill(plan, tmp_path / "torn", 20, batch_size=4)
    torn = distill(plan, tmp_path / "torn", 20, batch_size=4, resume=True)
    assert steps == [1, 2, 3, 3, 4, 5]
    assert same(weights(whole.parent), weights(torn.parent))
    logs = [(path.parent / "log.jsonl").read_text() for path in (whole, torn)]
    assert logs[0] == logs[1]


@pytest.fixture
def torn(teacher, learner, tmp_path, monkeypatch):
    """A folder with the checkpoint of an interrupted training, and its plan."""
    plan = Plan(teacher, learner)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_SAVE_SECONDS", -1.0)
        stop = [None, KeyboardInterrupt]
        patch.setattr(Distilled, "after_step", lambda *_: (e := stop.pop(0)) and _raise(e))
        with pytest.raises(KeyboardInterrupt):
            distill(plan, tmp_path / "torn", 12, batch_size=4)
    return tmp_path / "torn", plan


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"batch_size": 2}, "batch_size 4, not 2"),
        ({"samples": 16}, "samples 12, not 16"),
        ({"seed": 1}, "seed 0, not 1"),
        ({"lr": 0.1}, "lr 0.001, not 0.1"),
        ({"mask_ratio": 0.5}, "mask_ratio 0.0, not 0.5"),
        ({"live": True}, "live False, not True"),
    ],
)
def test_it_goes_on_only_with_the_same_flags(torn, change, line):
    folder, plan = torn
    asked = {"samples": 12, "batch_size": 4} | change
    changed = {key: asked.pop(key) for key in ("mask_ratio", "live") if key in asked}
    before = (folder / "checkpoint.pt").read_bytes()
    with pytest.raises(UserError, match=line):
        distill(Plan(plan.teacher, plan.student, **changed), folder, resume=True, **asked)
    assert (folder / "checkpoint.pt").read_bytes() == before
    assert distill(plan, folder, 12, batch_size=4, resume=True).exists()


def test_a_checkpoint_that_is_none_is_told(torn):
    folder, plan = torn
    (folder / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match=r"checkpoint.pt: no checkpoint of this version"):
        distill(plan, folder, 12, batch_size=4, resume=True)


def test_the_card_of_the_result_reads_what_transformers_reads(teacher, tmp_path):
    student = student_card("random", teacher)
    path = distill(Plan(teacher, student, 0.5), tmp_path / "my-gvt", 8, batch_size=4)
    assert path == tmp_path / "my-gvt" / "my-gvt.yaml"
    card = resolve(str(path))
    tokenizer = load_tokenizer(card)
    assert tokenizer.parameters == card.parameters == 1070928  # those of mini-random: no head
    assert card.citation.startswith("@")
    model, info = transformers.ViTModel.from_pretrained(
        path.parent, add_pooling_layer=False, output_loading_info=True, dtype=torch.float32
    )
    assert not info["missing_keys"] and not info["unexpected_keys"]
    images = [Image.fromarray(array) for array in pixels("pretrain", 3)]
    processor = transformers.ViTImageProcessorPil(
        size={"height": 72, "width": 72},
        resample=Image.Resampling.BICUBIC,
        image_mean=list(card.image.mean),
        image_std=list(card.image.std),
    )
    with torch.no_grad():
        seen = processor(images, return_tensors="pt")["pixel_values"]
        wanted = model.eval()(seen).last_hidden_state[:, 1:]
    tokens = tokenizer.encode(tokenizer.preprocess(images))
    torch.testing.assert_close(tokens.features, wanted)
    note = json.loads((path.parent / "provenance.json").read_text())
    assert note["recipe"]["teacher_hash"] == teacher.hash()
    assert (note["recipe"]["mask_ratio"], note["samples_seen"]) == (0.5, 8)


def test_a_students_card_keeps_how_it_is_read(teacher, learner, tmp_path):
    text = yaml.safe_load(learner.path.read_text())
    text["features"] = {"layer": 0, "final_norm": False, "drop": ["cls"]}
    text["licence"] = "CC-BY-NC-4.0"
    learner.path.write_text(yaml.safe_dump(text))
    card = Card.load(
        distill(Plan(teacher, Card.load(learner.path)), tmp_path / "o", 4, batch_size=4)
    )
    assert (card.features.layer, card.features.final_norm) == (0, False)
    assert card.licence == "CC-BY-NC-4.0; Apache-2.0"  # of the weights it began with, and taught it


def test_images_of_a_folder_and_one_that_cannot_be_read(
    teacher, learner, pictures, tmp_path, capfd, monkeypatch
):
    (pictures / "torn.png").write_bytes((pictures / "0.png").read_bytes()[:200])
    plan = Plan(teacher, learner, folder=pictures)
    assert len(plan.images) == 7
    with pytest.raises(UserError, match="1 of 7 images cannot be read and are left out"):
        distill(plan, tmp_path / "out", 14, batch_size=4)
    monkeypatch.setattr(teachers, "_UNREADABLE", 0.2)
    path = distill(plan, tmp_path / "out", 14, batch_size=4)
    told = f"1 of 7 images cannot be read and are left out; first: {pictures / 'torn.png'}: OSError"
    assert told in capfd.readouterr().err
    assert json.loads((path.parent / "provenance.json").read_text())["samples_seen"] == 16
    objective = objective_of(plan, 7)
    (batch,) = [next(objective.batches(0, 7, 0, 1))]
    tokenizer = load_tokenizer(teacher)
    readable = [image for image in FolderImages(pictures).paths if image.name != "torn.png"]
    known = tokenizer.encode(tokenizer.preprocess([Image.open(path) for path in readable])).features
    gaps = torch.cdist(batch["targets"].flatten(1), known[:, 1:].flatten(1))
    assert gaps.min(1).values.max() < 1e-3
    assert set(gaps.argmin(1).tolist()) == set(range(6))
    with pytest.raises(UserError, match=r"torn.png: cannot be read"):
        distill(Plan(teacher, learner, folder=pictures, live=True), tmp_path / "p", 14)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--teacher mini-clap", "unknown tokenizer 'mini-clap'"),
        ("--teacher blind", "teacher 'blind': its tokens form no grid"),
        ("--teacher toy[tokens=cls]", "its tokens form no grid"),
        ("--teacher toy++toy", "its tokens form no grid"),
        ("--student randon", "unknown tokenizer 'randon'"),
        ("--student blind", "student 'blind': has no network"),
        ("--student toy+toy", "student 'toy+toy': is not one encoder"),
        ("--student eva02-l14", "student 'eva02-l14': is loaded by timm"),
        ("--student mini-dino --student_config mini-mae", "--student_config goes with"),
        ("--student deit-b16", "their patches show different places"),
        ("--images nowhere", "nowhere: no such folder of images"),
        ("--images .", ".: holds no images"),
        ("--student toy --output toy-weights", "holds the weights of 'toy'"),
    ],
)
def test_what_does_not_go_together_is_one_line(flags, line, teacher, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = {"--teacher": "toy", "--output": "out", "--samples": "4", "--include_path": "."}
    words = flags.split()
    given |= dict(zip(words[::2], words[1::2], strict=True))
    assert main(["distill", *(word for pair in given.items() for word in pair)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gvt: error: ") and line in error.splitlines()[0]
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_random_is_named_where_a_student_is_misspelt(teacher, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = "distill --teacher toy --student randon --output out --samples 4 --include_path ."
    assert main(argv.split()) == 2
    assert "Nearest: random" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["-0.1", "1", "x"])
def test_a_mask_hides_a_share(share, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["distill", "--teacher", "t", "-o", "o", "--samples", "1", "--mask_ratio", share])
    assert caught.value.code == 2
    assert "argument --mask_ratio" in capsys.readouterr().err
