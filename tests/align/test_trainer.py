"""Alignment learns, is fixed by its seed, and shows every tokenizer the same data."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gvt.align.aligner import Aligner
from gvt.align.batches import batches
from gvt.align.trainer import new_connector, train
from gvt.align.visuals import KeptFeatures
from gvt.config import Connector, Recipe
from gvt.engine.generate import Decoding, generate
from gvt.errors import UserError
from gvt.model.packing import pack


def weights(trained):
    return trained.connector.state_dict()


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in one)


def test_it_learns_what_the_features_carry(colours, llm, accelerator, make_features, make_recipe):
    recipe = make_recipe(steps=300, warmup_steps=5, lr=3e-2, batch_size=16)
    before = [weight.clone() for weight in llm.model.parameters()]
    features = make_features()
    trained = train(recipe, llm, {"colours": features}, 0, accelerator)
    steps, losses = zip(*trained.curve, strict=True)
    assert steps == tuple(range(10, 301, 10))
    # Two tokens an answer; the second, the end, needs no image. Without one, ln 4 / 2 is the least.
    assert losses[0] > 0.69 > 0.45 > losses[-1]
    assert trained.samples == 4800
    # And the frozen model now says so, and is as it was.
    assert all(map(torch.equal, before, llm.model.parameters()))
    with torch.no_grad():
        prefixes = llm.visual_prefix(trained.connector(torch.from_numpy(features.values)))
    prompt = llm.encode("which colour")
    found = generate(llm, list(prefixes), range(16), [prompt] * 16, [Decoding(3)] * 16)
    wanted = ["red", "green", "blue", "black"] * 4
    assert sum(one.text == text for one, text in zip(found, wanted, strict=True)) >= 14


def test_a_seed_fixes_every_bit(colours, llm, accelerator, make_features, make_recipe):
    features = {"colours": make_features()}
    one = train(make_recipe(), llm, features, 3, accelerator)
    torch.rand(7)  # whatever happened before
    np.random.rand(7)
    two = train(make_recipe(), llm, features, 3, accelerator)
    other = train(make_recipe(), llm, features, 4, accelerator)
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


def test_every_tokenizer_sees_the_same_data(colours, llm, accelerator, make_features, make_recipe):
    seen = []
    plain = Connector(type="linear")
    for features, kind in ((make_features(), None), (make_features(7, 2, seed=9), plain)):
        colours.calls.clear()
        train(make_recipe(connector=kind), llm, {"colours": features}, 0, accelerator)
        seen.append(list(colours.calls))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 30
    colours.calls.clear()
    train(make_recipe(), llm, {"colours": make_features()}, 1, accelerator)
    assert colours.calls != seen[0]


def test_every_image_is_seen_once_before_any_is_seen_twice(
    colours, llm, accelerator, make_features, make_recipe
):
    features = make_features(failed={3: "torn", 8: "torn"})
    recipe = make_recipe(steps=7, batch_size=4)
    train(recipe, llm, {"colours": features}, 0, accelerator)
    indices = [index for index, _ in colours.calls]
    usable = sorted(set(range(16)) - {3, 8})
    assert sorted(indices[:14]) == sorted(indices[14:]) == usable
    assert indices[:14] != indices[14:]


def test_failed_images_do_not_shift_the_statistics(
    colours, llm, accelerator, make_features, make_recipe
):
    features = make_features(failed={0: "torn", 1: "torn", 5: "torn"})
    trained = train(make_recipe(steps=1), llm, {"colours": features}, 0, accelerator)
    good = [index for index in range(16) if index not in features.failed]
    values = features.values[good].astype(np.float32).reshape(-1, 12)
    np.testing.assert_allclose(trained.connector.mean, values.mean(0), atol=1e-4)
    wanted = new_connector(make_recipe(), llm, features, 0)
    wanted.whiten(
        *(torch.from_numpy(x).float() for x in (values.mean(0), np.cov(values.T, ddof=0)))
    )
    np.testing.assert_allclose(trained.connector.whitening, wanted.whitening, atol=1e-3)


def test_stages_follow_one_another_on_one_connector(
    colours, llm, accelerator, make_features, make_recipe
):
    (stage,) = make_recipe(steps=10).stages
    second = type(stage)(**{**vars(stage), "name": "t", "lr": 1e-9})
    both = Recipe(name="both", stages=(stage, second), connector=make_recipe().connector)
    features = {"colours": make_features()}
    one = train(make_recipe(steps=10), llm, features, 0, accelerator)
    two = train(both, llm, features, 0, accelerator)
    assert [step for step, _ in two.curve] == [10, 20]
    assert two.curve[0] == one.curve[0]
    # The second stage hardly moves what the first has made.
    for name, weight in weights(one).items():
        torch.testing.assert_close(weights(two)[name], weight, atol=1e-6, rtol=1e-5)
    orders = [index for index, _ in colours.calls[-120:]]
    assert orders[:60] != orders[60:]


def test_muon_turns_linear_layers_and_adamw_moves_the_rest(
    colours, llm, accelerator, make_features, make_recipe
):
    recipe = make_recipe(steps=1, lr=1e-3, muon_lr=1e-2, weight_decay=0.0)
    features = make_features()
    trained = train(recipe, llm, {"colours": features}, 0, accelerator).connector
    fresh = dict(new_connector(recipe, llm, features, 0).named_parameters())
    moved = {name: (p - fresh[name]).detach() for name, p in trained.named_parameters()}
    # A first step of AdamW is the sign of the gradient; of Muon, a matrix of norm about one
    # (Newton-Schulz leaves the large singular values between about 0.7 and 1.2).
    latents = moved.pop("body.latents").abs()
    torch.testing.assert_close(latents, torch.full_like(latents, 1e-3), rtol=1e-2, atol=0)
    linear = {name: step for name, step in moved.items() if step.ndim == 2}
    assert len(linear) == 6
    for name, step in linear.items():
        scale = 1e-2 * max(1.0, step.shape[0] / step.shape[1]) ** 0.5
        assert 0.6 < torch.linalg.matrix_norm(step, 2) / scale < 1.3, name


def test_both_optimizers_follow_the_schedule(
    colours, llm, accelerator, make_features, make_recipe, monkeypatch
):
    rates = {"AdamW": [], "Muon": []}
    for name, seen in rates.items():
        kind = getattr(torch.optim, name)

        def step(self, *args, plain=kind.step, seen=seen):
            seen.append(self.param_groups[0]["lr"])
            return plain(self, *args)

        monkeypatch.setattr(kind, "step", step)
    recipe = make_recipe(steps=4, warmup_steps=2, lr=1e-3, muon_lr=1e-2)
    train(recipe, llm, {"colours": make_features()}, 0, accelerator)
    # Half, then all of it; a cosine over what is left.
    assert rates["AdamW"] == pytest.approx([0.5e-3, 1e-3, 1e-3, 0.5e-3])
    assert rates["Muon"] == pytest.approx([0.5e-2, 1e-2, 1e-2, 0.5e-2])


def test_the_loss_is_the_mean_over_answers_whatever_their_length(
    llm, accelerator, make_features, make_recipe
):
    features = make_features()
    connector = new_connector(make_recipe(), llm, features, 0)
    model = Aligner(connector, llm, "no")
    visual = torch.from_numpy(features.values[:2]).float()
    asked = [[("which colour", "red"), ("what", "red green blue black")], [("what", "blue")]]
    pairs = [[(llm.encode(a), (*llm.encode(b), llm.eos)) for a, b in row] for row in asked]
    place = llm.placeholder(connector.tokens)
    together = model(visual, pack([place] * 2, pairs, llm.pad))
    alone = [
        model(visual[row : row + 1], pack([place], [[pair]], llm.pad))
        for row in range(2)
        for pair in pairs[row]
    ]
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_without_any_image_there_is_no_training(
    colours, llm, accelerator, make_features, make_recipe
):
    torn = make_features(failed=dict.fromkeys(range(16), "torn"))
    with pytest.raises(UserError, match="none of 16 images can be read"):
        train(make_recipe(), llm, {"colours": torn}, 0, accelerator)
    with pytest.raises(UserError, match="stage 's': all 16 images are held out"):
        train(make_recipe(held_out=0.99), llm, {"colours": make_features()}, 0, accelerator)


def test_what_is_no_number_is_told(colours, llm, accelerator, make_features, make_recipe):
    features = make_features()
    with pytest.raises(UserError, match="the loss became nan at step 2"):
        train(make_recipe(lr=1e30), llm, {"colours": features}, 0, accelerator)
    features.values[:] = np.nan
    with pytest.raises(UserError, match="there are features that are no finite numbers"):
        train(make_recipe(), llm, {"colours": features}, 0, accelerator)


@pytest.mark.parametrize("world", [2, 3])
def test_any_number_of_processes_trains_on_the_same(
    colours, llm, make_features, make_recipe, world
):
    (stage,) = make_recipe(steps=3).stages
    features = make_features()

    def rows(rank, world):
        """Per step and image: its features and the packed tokens."""
        process = SimpleNamespace(process_index=rank, num_processes=world)
        return [
            [
                (image.tolist(), ids[group >= 0].tolist())
                for image, ids, group in zip(
                    batch.visual, batch.texts.ids, batch.texts.group, strict=True
                )
            ]
            for (batch,) in batches(stage, 0, llm, KeptFeatures(features), 3, 0, process)
        ]

    shares = [rows(rank, world) for rank in range(world)]
    for step, alone in enumerate(rows(0, 1)):
        together = zip(*(share[step] for share in shares), strict=True)
        assert [row for group in together for row in group] == alone


def test_processes_with_unequal_shares_have_the_loss_of_one(
    colours, llm, make_features, make_recipe
):
    (stage,) = make_recipe(steps=4, batch_size=5).stages
    features = make_features()
    model = Aligner(new_connector(make_recipe(), llm, features, 0), llm, "no")

    def losses(rank, world):
        process = SimpleNamespace(process_index=rank, num_processes=world)
        shown = KeptFeatures(features)
        given = batches(stage, 0, llm, shown, model.connector.tokens, 0, process)
        return torch.stack([model(batch.visual, batch.texts) for (batch,) in given])

    together = torch.stack([losses(rank, 3) for rank in range(3)])
    assert len({len(asked) for _, asked in colours.calls}) > 1  # or shares would be equal
    torch.testing.assert_close(together.mean(0), losses(0, 1))


def test_a_new_connector_depends_on_its_seed_alone(llm, make_features, make_recipe):
    torch.manual_seed(1)
    one = new_connector(make_recipe(), llm, make_features(), 0).state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    two = new_connector(make_recipe(), llm, make_features(), 0).state_dict()
    assert same(one, two)
    assert torch.equal(state, torch.get_rng_state())
    assert not same(one, new_connector(make_recipe(), llm, make_features(), 1).state_dict())
