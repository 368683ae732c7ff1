"""Several processes train what one does; so do parts of a batch, one after the other."""

from dataclasses import replace

import pytest
import torch

from gvt.align import checkpoint
from gvt.align.batches import batches
from gvt.align.trainer import train
from gvt.align.visuals import KeptFeatures
from gvt.config import Recipe
from gvt.errors import UserError
from tests.align.processes import together


@pytest.fixture
def recipe(make_recipe):
    """Two stages with batches that no number of processes shares evenly."""
    (one,) = make_recipe(steps=20, batch_size=7, lr=1e-3, held_out=0.3).stages
    two = replace(one, name="t", gradient_accumulation=2)
    return Recipe(name="both", stages=(one, two), connector=make_recipe().connector)


def curves(trained):
    return torch.tensor([*trained.curve, *trained.held_out])


def close(one, other):
    torch.testing.assert_close(curves(one), curves(other), atol=1e-4, rtol=0)


def test_two_processes_have_the_curve_of_one(
    colours, llm, accelerator, make_features, recipe, tmp_path
):
    features = {"colours": make_features()}
    alone = train(recipe, llm, features, 0, accelerator)
    first, second = together(tmp_path, 2, lambda a: train(recipe, llm, features, 0, a))
    assert [step for step, _ in alone.curve] == [10, 20, 30, 40]
    assert len(alone.held_out) == 4
    close(first, alone)
    weights = [made.connector.state_dict() for made in (first, second)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_muon_is_as_near_as_its_rounding_lets_it_be(
    colours, llm, accelerator, make_features, recipe
):
    """It turns matrices in bfloat16, where a difference in the last bit of float32 can show."""
    stages = tuple(replace(stage, muon_lr=1e-3) for stage in recipe.stages[:1])
    recipe, features = replace(recipe, stages=stages), {"colours": make_features()}
    whole = train(recipe, llm, features, 0, accelerator)
    stages = tuple(replace(stage, gradient_accumulation=2) for stage in stages)
    parts = train(replace(recipe, stages=stages), llm, features, 0, accelerator)
    torch.testing.assert_close(curves(parts), curves(whole), atol=1e-2, rtol=0)


@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_go_on_from_a_checkpoint(
    colours, llm, accelerator, make_features, recipe, tmp_path, monkeypatch, sharded
):
    features = {"colours": make_features()}
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint.Checkpoints, "remove", lambda self: None)

    def work(accelerator):
        return train(recipe, llm, features, 0, accelerator, folder=tmp_path / "kept")

    whole, _ = together(tmp_path, 2, work, sharded)
    (last,) = (tmp_path / "kept").glob("checkpoint-*")
    assert last.name == "checkpoint-000000030"
    again, _ = together(tmp_path, 2, work, sharded)
    one, two = whole.connector.state_dict(), again.connector.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert whole.curve == again.curve


def test_parts_of_a_batch_have_the_curve_of_the_whole(
    colours, llm, accelerator, make_features, recipe
):
    features = {"colours": make_features()}
    whole = train(recipe, llm, features, 0, accelerator)
    stages = tuple(replace(stage, gradient_accumulation=3) for stage in recipe.stages)
    parts = train(replace(recipe, stages=stages), llm, features, 0, accelerator)
    close(parts, whole)


def test_parts_are_alike_in_length(colours, llm, accelerator, make_features, make_recipe):
    (stage,) = make_recipe(steps=6, batch_size=12, gradient_accumulation=3).stages
    made = batches(stage, 0, llm, KeptFeatures(make_features()), 3, 0, accelerator)
    for parts in made:
        lengths = [(batch.texts.group >= 0).sum(1).tolist() for batch in parts]
        assert [len(one) for one in lengths] == [4, 4, 4]
        flat = [length for one in lengths for length in one]
        assert flat == sorted(flat)


@pytest.mark.parametrize("parts", [("connector",), ("connector", "llm")])
def test_sharded_weights_have_the_curve_of_whole_ones(
    colours, llm, accelerator, make_features, recipe, tmp_path, parts
):
    stages = tuple(replace(stage, trains=parts, llm_lr=1e-3) for stage in recipe.stages)
    recipe = replace(recipe, stages=stages)
    features = {"colours": make_features()}
    alone = train(recipe, llm, features, 0, accelerator)
    first, _ = together(tmp_path, 2, lambda a: train(recipe, llm, features, 0, a), sharded=True)
    close(first, alone)
    assert alone.parts.keys() == first.parts.keys()
    for part, weights in alone.parts.items():
        for name, weight in weights.items():
            torch.testing.assert_close(first.parts[part][name], weight, atol=1e-3, rtol=1e-3)


def test_muon_does_not_go_with_shared_out_weights(
    colours, llm, make_features, make_recipe, tmp_path
):
    def work(accelerator):
        recipe = make_recipe(muon_lr=1e-3)
        with pytest.raises(UserError, match="Muon cannot train weights that FSDP") as caught:
            train(recipe, llm, {"colours": make_features()}, 0, accelerator)
        return caught.value.hint

    assert "muon_lr" in together(tmp_path, 1, work, sharded=True)[0]


def test_a_batch_that_cannot_be_shared(colours, llm, accelerator, make_features, make_recipe):
    (stage,) = make_recipe(batch_size=4, gradient_accumulation=4).stages
    process = type("Two", (), {"process_index": 0, "num_processes": 2})
    made = batches(stage, 0, llm, KeptFeatures(make_features()), 3, 0, process)
    with pytest.raises(UserError, match="4 images cannot be shared among 2 processes in 4 parts"):
        next(made)
