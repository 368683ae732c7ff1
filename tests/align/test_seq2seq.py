"""Alignment through an encoder–decoder: it learns, nothing but the connector moves."""

from types import SimpleNamespace

import pytest
import torch

from gvt.align.aligner import Aligner
from gvt.align.batches import batches
from gvt.align.trainer import new_connector, train
from gvt.align.visuals import KeptFeatures
from gvt.engine.generate import Decoding, generate
from gvt.model.pairing import pair_up


def test_it_learns_what_the_features_carry(colours, t5, accelerator, make_features, make_recipe):
    recipe = make_recipe(steps=150, warmup_steps=5, lr=1e-2, batch_size=16)
    before = [weight.clone() for weight in t5.model.parameters()]
    features = make_features()
    trained = train(recipe, t5, {"colours": features}, 0, accelerator)
    _, losses = zip(*trained.curve, strict=True)
    # Two tokens an answer; the second, the end, needs no image. Without one, ln 4 / 2 is the least.
    assert losses[0] > 0.69 > 0.45 > losses[-1]
    assert all(map(torch.equal, before, t5.model.parameters()))
    with torch.no_grad():
        prefixes = t5.visual_prefix(trained.connector(torch.from_numpy(features.values)))
    prompt = t5.prompt("which colour")
    found = generate(t5, list(prefixes), range(16), [prompt] * 16, [Decoding(3)] * 16)
    wanted = ["red", "green", "blue", "black"] * 4
    assert sum(one.text == text for one, text in zip(found, wanted, strict=True)) >= 14


@pytest.fixture
def asked(t5, make_features, make_recipe):
    """asked(precision, pairs): connector and loss of two images with these pairs."""
    features = make_features()
    visual = torch.from_numpy(features.values[:2]).float()

    def ask(precision, rows):
        connector = new_connector(make_recipe(), t5, features, 0)
        pairs = [[t5.pair(prompt, answer) for prompt, answer in row] for row in rows]
        return connector, Aligner(connector, t5, precision)(visual[: len(rows)], pair_up(pairs))

    return ask


ROWS = [[("which colour", "red"), ("what", "red green blue black")], [("what", "blue")]]


def test_the_loss_is_the_models_own_and_every_answer_weighs_alike(t5, asked, make_features):
    connector, loss = asked("no", ROWS)
    visual = torch.from_numpy(make_features().values[:2]).float()
    alone = []
    for image, row in enumerate(ROWS):
        for prompt, answer in row:
            embeds = torch.cat(
                [
                    t5.visual_prefix(connector(visual[image : image + 1])),
                    t5.embed(torch.tensor([[*t5.encode(prompt), t5.eos]])),
                ],
                dim=1,
            )
            labels = torch.tensor([[*t5.encode(answer), t5.eos]])
            alone.append(t5.model(inputs_embeds=embeds, labels=labels).loss)
    assert len(alone) == 3
    torch.testing.assert_close(loss, torch.stack(alone).mean())


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_gradients_reach_the_connector_only(t5, asked, precision):
    connector, loss = asked(precision, ROWS)
    loss.backward()
    frozen = [*t5.model.parameters(), *t5.in_precision(precision).parameters()]
    assert not any(weight.requires_grad for weight in frozen)
    assert all(weight.grad is None for weight in frozen)
    assert all(weight.grad.abs().sum() > 0 for weight in connector.parameters())
    assert t5.in_precision("bf16").dtype == torch.bfloat16
    assert t5.model.dtype == torch.float32


def test_the_order_of_data_is_that_of_causal_models(
    colours, llm, t5, make_features, make_recipe, accelerator
):
    seen = []
    for model in (llm, t5):
        colours.calls.clear()
        train(make_recipe(), model, {"colours": make_features()}, 0, accelerator)
        seen.append(list(colours.calls))
    assert seen[0] == seen[1]
    assert len(seen[0]) == 30


def test_any_number_of_processes_trains_on_the_same(colours, t5, make_features, make_recipe):
    (stage,) = make_recipe(steps=3).stages
    features = make_features()

    def rows(rank, world):
        """Per step: every pair with its image's features."""
        process = SimpleNamespace(process_index=rank, num_processes=world)
        return [
            [
                (batch.visual[owner].tolist(), tuple(prompt), labels[labels >= 0].tolist())
                for owner, prompt, labels in zip(
                    batch.texts.owners, batch.texts.prompts, batch.texts.labels, strict=True
                )
            ]
            for (batch,) in batches(stage, 0, t5, KeptFeatures(features), 3, 0, process)
        ]

    shares = [rows(rank, 2) for rank in range(2)]
    for step, alone in enumerate(rows(0, 1)):
        assert sorted(row for share in shares for row in share[step]) == sorted(alone)
