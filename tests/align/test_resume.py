"""A training that is killed goes on as if it never stopped; one that fails keeps what it had."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from gvt.align import checkpoint, trainer
from gvt.align.trainer import train
from gvt.config import Recipe
from gvt.errors import UserError
from gvt.progress import Counter
from tests.align.killed import Killer, in_child, same


@pytest.fixture
def recipe(make_recipe):
    """Two stages of both optimisers, with everything that a checkpoint must hold."""
    (one,) = make_recipe(steps=13, muon_lr=1e-2, warmup_steps=4, held_out=0.2).stages
    two = replace(one, name="t", steps=14, muon_lr=None, gradient_accumulation=2)
    return Recipe(name="both", stages=(one, two), connector=make_recipe().connector)


def test_killed_at_random_steps_it_ends_with_the_same_bits(
    colours, llm, accelerator, make_features, recipe, tmp_path, monkeypatch
):
    features = {"colours": make_features()}
    whole = train(recipe, llm, features, 0, accelerator)
    rng = np.random.default_rng(0)
    for steps in rng.integers(2, 6, size=5):
        # Some kills come right behind a checkpoint, others cost a few steps.
        monkeypatch.setattr(checkpoint, "SECONDS", float(rng.choice([0.0, 0.05])))
        killed = in_child(
            lambda n=steps: train(recipe, llm, features, 0, accelerator, Killer(n), folder=tmp_path)
        )
        assert killed == signal.SIGKILL
    at = max(tmp_path.glob("checkpoint-*[0-9]"))
    assert int(at.name[-9:]) > 2
    again = train(recipe, llm, features, 0, accelerator, folder=tmp_path)
    assert same(whole, again)
    assert (again.curve, again.held_out) == (whole.curve, whole.held_out)
    assert again.samples == whole.samples == 27 * 6


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(
    colours, llm, accelerator, make_features, recipe, tmp_path, monkeypatch
):
    features = {"colours": make_features()}
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    written = []

    def replace_once(part, whole, plain=os.replace):
        written.append(whole)
        if len(written) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        plain(part, whole)

    def work():
        checkpoint.os.replace = replace_once
        train(recipe, llm, features, 0, accelerator, folder=tmp_path)

    assert in_child(work) == signal.SIGKILL
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-000000002", "checkpoint-000000003.part"]
    counter = Counter()
    again = train(recipe, llm, features, 0, accelerator, counter, folder=tmp_path)
    assert counter.computed == 25
    assert same(again, train(recipe, llm, features, 0, accelerator))


def test_a_loss_that_is_no_number_names_its_images_and_costs_nothing(
    colours, llm, accelerator, make_features, make_recipe, tmp_path
):
    features = make_features()
    recipe = make_recipe(steps=5, batch_size=4)
    good = features.values[7].copy()
    seen = []

    class Noted(Counter):
        def advance(self, done):
            seen.append(done)

    # The statistics are taken before anything is trained.
    plain = trainer.statistics

    def statistics(found):
        made = plain(found)
        features.values[7] = np.nan
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "statistics", statistics)
        with pytest.raises(UserError, match="the loss became nan at step") as caught:
            train(recipe, llm, {"colours": features}, 0, accelerator, Noted(), folder=tmp_path)
    step = len(seen) + 1
    drawn = [index for index, _ in colours.calls][(step - 1) * 4 : step * 4]
    assert 7 in drawn
    for index in drawn:
        assert f"colours {index}" in caught.value.message
    assert f"step {step}, in" in caught.value.message
    features.values[7] = good
    counter = Counter()
    again = train(recipe, llm, {"colours": features}, 0, accelerator, counter, folder=tmp_path)
    assert counter.computed == 5 - len(seen)
    assert same(again, train(recipe, llm, {"colours": features}, 0, accelerator))


def test_a_gradient_that_is_no_number_changes_no_weight(
    colours, llm, accelerator, make_features, make_recipe, tmp_path
):
    def spoil(self, *args, plain=accelerator.clip_grad_norm_):
        return plain(self, *args) * float("inf")

    accelerator.clip_grad_norm_ = spoil
    with pytest.raises(UserError, match="a gradient became inf at step 1, in a batch of colours"):
        train(make_recipe(), llm, {"colours": make_features()}, 0, accelerator, folder=tmp_path)


def test_a_loss_that_is_no_number_in_a_part_of_a_batch_leaves_the_parts_in_step(
    colours, llm, accelerator, make_features, make_recipe, tmp_path, monkeypatch
):
    """What fails may be the machine; the training that goes on must still step behind all parts."""
    features = {"colours": make_features()}
    recipe = make_recipe(steps=6, gradient_accumulation=3)
    whole = train(recipe, llm, features, 0, accelerator)
    computed = iter(range(100))

    def spoil(self, batch, plain=trainer._Training._loss):
        loss = plain(self, batch)
        return loss * float("nan") if next(computed) == 7 else loss

    with monkeypatch.context() as patch:
        patch.setattr(trainer._Training, "_loss", spoil)
        with pytest.raises(UserError, match="the loss became nan at step 3"):
            train(recipe, llm, features, 0, accelerator, folder=tmp_path)
    again = train(recipe, llm, features, 0, accelerator, folder=tmp_path)
    assert same(whole, again)
