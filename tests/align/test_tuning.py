"""Tokenizer and language model that are trained with the connector: they move, and are kept."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gvt.align.aligner import Aligner
from gvt.align.connectors import align
from gvt.align.trainer import train
from gvt.align.tuning import live_encoders, load_language, tuned_language
from gvt.config import Recipe
from gvt.engine.combined import CombinedStore
from gvt.errors import UserError
from gvt.model.frame import PLAIN
from gvt.model.packing import pack
from gvt.resolve import resolve_all
from gvt.yaml_files import FieldError
from tokenizers_zoo import Card, load_tokenizer

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def store(write_vit):
    """The features of a toy encoder, frozen, read before its last layer."""
    return CombinedStore(Card.load(write_vit("toy")), CPU, "no")


@pytest.fixture
def run(colours, llm, accelerator, store):
    """run(recipe): the toy encoder aligned on real images."""
    features = {"colours": store.join([one.get(colours.images) for one in store.stores])}
    return lambda recipe, seed=0: align(store, features, recipe, llm, seed, accelerator)


def weights(tokenizer):
    return tokenizer.model.state_dict()


def test_a_live_encoder_that_stands_still_has_the_curve_of_kept_features(
    colours, llm, accelerator, store, make_recipe
):
    """The tokenizer is run at every step for the sake of a later stage."""
    (one,) = make_recipe(steps=20, lr=1e-3).stages
    later = replace(one, name="later", steps=1, trains=("tokenizer",), lr=1e-4)
    recipe = Recipe(name="r", stages=(one, later), connector=make_recipe().connector)
    features = {"colours": store.join([part.get(colours.images) for part in store.stores])}
    kept = train(make_recipe(steps=20, lr=1e-3), llm, features, 0, accelerator)
    encoders = live_encoders(recipe, store.card, CPU)
    live = train(recipe, llm, features, 0, accelerator, encoders=encoders)
    np.testing.assert_allclose(live.curve, kept.curve, atol=1e-4)


def test_a_tuned_tokenizer_gives_the_features_of_its_column(run, store, make_recipe, colours):
    aligned = run(make_recipe(trains=("connector", "tokenizer"), tokenizer_lr=1e-3))
    assert aligned.tuned
    after = aligned.store(store)
    before, moved = (one.stores[0].get(colours.images).values[:4] for one in (store, after))
    assert np.abs(moved - before).max() > 1e-3
    # They are those of the weights beside the connector, and the frozen ones are as they were.
    tokenizer = after.stores[0].tokenizer
    pixels = tokenizer.preprocess([colours.images.load(i) for i in range(4)])
    np.testing.assert_allclose(tokenizer.encode(pixels).features.numpy(), moved, atol=1e-5)
    fresh = load_tokenizer(store.card)
    changed = [n for n, w in weights(fresh).items() if not torch.equal(w, weights(tokenizer)[n])]
    assert changed
    assert aligned.parameters > sum(w.numel() for w in aligned.connector.parameters())
    again = run(make_recipe(trains=("connector", "tokenizer"), tokenizer_lr=1e-3))
    assert (again.cached, again.hash) == (True, aligned.hash)
    other = run(make_recipe(trains=("connector", "tokenizer"), tokenizer_lr=1e-3), seed=1)
    assert other.store(store).stores[0].folder != after.stores[0].folder


def test_only_what_a_stage_names_moves(colours, llm, accelerator, store, make_recipe):
    features = {"colours": store.join([part.get(colours.images) for part in store.stores])}
    recipe = make_recipe(trains=("tokenizer",))
    encoders = live_encoders(recipe, store.card, CPU)
    made = train(recipe, llm, features, 0, accelerator, encoders=encoders)
    start = train(
        replace(recipe, stages=(replace(recipe.stages[0], steps=1, lr=1e-30),)),
        llm,
        features,
        0,
        accelerator,
        encoders=live_encoders(recipe, store.card, CPU),
    )
    one, two = made.connector.state_dict(), start.connector.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    moved = made.parts["encoders"]
    assert any(not torch.equal(moved[name], start.parts["encoders"][name]) for name in moved)


def test_a_control_without_a_network_trains_its_connector(
    colours, llm, accelerator, make_features, make_recipe
):
    recipe = make_recipe(trains=("connector", "tokenizer"))
    blind = resolve_all({"blind": "blind"}, ())["blind"]
    assert live_encoders(recipe, blind, CPU) is None
    train(recipe, llm, {"colours": make_features()}, 0, accelerator)
    alone = make_recipe(trains=("tokenizer",))
    with pytest.raises(UserError, match="stage 's': this tokenizer has no weights to train"):
        train(alone, llm, {"colours": make_features()}, 0, accelerator)


def test_a_control_without_a_network_keeps_its_connector_where_only_tokenizers_train(
    colours, llm, accelerator, make_features, make_recipe
):
    """The controls of a run come last: an error would cost the columns before them."""
    (one,) = make_recipe(steps=12).stages
    two = replace(one, name="t", trains=("tokenizer",))
    three = replace(one, name="u", steps=13)
    features = {"colours": make_features()}
    recipe = replace(make_recipe(), stages=(one, two))
    alone = train(replace(recipe, stages=(one,)), llm, features, 0, accelerator)
    passed = train(recipe, llm, features, 0, accelerator)
    states = [made.connector.state_dict() for made in (alone, passed)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert passed.samples == 12 * 6
    later = train(replace(recipe, stages=(one, two, three)), llm, features, 0, accelerator)
    assert [step for step, _ in later.curve] == [10, 34]


def test_a_part_without_a_network_is_told(write_vit, make_recipe, tmp_path):
    write_vit("toy")
    card = resolve_all({"x": "toy++blind"}, [tmp_path])["x"]
    with pytest.raises(UserError, match=r"'blind' in 'toy\+\+blind' has no network"):
        live_encoders(make_recipe(trains=("tokenizer",)), card, CPU)


@pytest.mark.parametrize("part", ["llm", "lora"])
def test_a_tuned_language_model_answers(run, llm, make_recipe, part):
    if part == "lora":
        pytest.importorskip("peft")
    before = {name: weight.clone() for name, weight in llm.model.state_dict().items()}
    recipe = make_recipe(steps=20, trains=("connector", part), llm_lr=1e-3)
    aligned = run(recipe)
    tuned = aligned.language(llm)
    assert all(torch.equal(before[n], w) for n, w in llm.model.state_dict().items())
    assert tuned.model.state_dict().keys() == before.keys()
    moved = [n for n, w in tuned.model.state_dict().items() if not torch.equal(before[n], w)]
    if part == "llm":
        assert len(moved) > len(before) / 2
    else:
        assert set(moved) == {n for n in before if "_proj" in n}
    assert not any(weight.requires_grad for weight in tuned.model.parameters())
    assert tuned.hash != llm.hash
    assert tuned.pair("what", "red") == llm.pair("what", "red")


def test_a_cache_that_has_lost_weights_never_gives_the_frozen_ones(run, llm, store, make_recipe):
    aligned = run(make_recipe(trains=("connector", "tokenizer", "llm")))
    for path in aligned.folder.glob("[el]*.safetensors"):
        path.unlink()
    with pytest.raises(UserError, match=r"has lost .*language\.safetensors"):
        aligned.language(llm)
    with pytest.raises(UserError, match=r"has lost .*encoders\.safetensors"):
        aligned.store(store).stores[0].tokenizer  # noqa: B018


def test_lora_learns_and_its_merged_weights_say_the_same(
    llm, make_recipe, colours, accelerator, make_features, tmp_path
):
    pytest.importorskip("peft")
    recipe = make_recipe(steps=60, trains=("connector", "lora"), lr=1e-2, batch_size=16)
    made = train(recipe, llm, {"colours": make_features()}, 0, accelerator)
    frozen = train(
        make_recipe(steps=60, lr=1e-2, batch_size=16),
        llm,
        {"colours": make_features()},
        0,
        accelerator,
    )
    assert made.curve[-1][1] < frozen.curve[-1][1]
    path = tmp_path / "language.safetensors"
    save_file(dict(made.parts["language"]), path)
    adapted, merged = tuned_language(recipe, llm, 0), load_language(recipe, llm, tmp_path)
    adapted.model.load_state_dict(load_file(path), strict=False)
    visual = torch.from_numpy(make_features().values[:2]).float()
    texts = pack([llm.placeholder(3)] * 2, [[llm.pair("what", "red")]] * 2, llm.pad)
    losses = [Aligner(made.connector, one, "no")(visual, texts) for one in (adapted, merged, llm)]
    torch.testing.assert_close(losses[0], losses[1])
    assert not torch.allclose(losses[0], losses[2], atol=1e-2)


def test_both_ways_at_once_make_no_sense(make_recipe):
    (stage,) = make_recipe().stages
    stages = (replace(stage, trains=("llm",)), replace(stage, name="t", trains=("lora",)))
    with pytest.raises(FieldError, match="both 'llm' and 'lora'"):
        Recipe(name="r", stages=stages)


def test_without_peft_it_says_what_to_install(
    colours, llm, accelerator, make_features, make_recipe, monkeypatch
):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UserError, match="needs peft") as caught:
        train(make_recipe(trains=("lora",)), llm, {"colours": make_features()}, 0, accelerator)
    assert "gvt[lora]" in caught.value.hint


def test_a_stage_puts_prompts_in_a_frame_of_its_own(
    colours, llm, accelerator, make_features, make_recipe, monkeypatch
):
    monkeypatch.setattr(
        llm.tokenizer,
        "chat_template",
        "{% for m in messages %}{{ m['content'] }} which {% endfor %}",
    )
    (stage,) = make_recipe(frame="chat").stages
    framed = llm.framed("chat")
    assert framed.turn.after.strip() == "which"
    assert framed.model is llm.model and llm.turn != framed.turn
    seen = []
    plain = type(framed).pair

    def pair(self, prompt, answer):
        seen.append(self.turn)
        return plain(self, prompt, answer)

    monkeypatch.setattr(type(framed), "pair", pair)
    stages = (stage, replace(stage, name="t", frame="plain"))
    recipe = Recipe(name="r", stages=stages, connector=make_recipe().connector)
    train(recipe, llm, {"colours": make_features()}, 0, accelerator)
    assert set(seen[: len(seen) // 4]) == {framed.turn}
    assert set(seen[-len(seen) // 4 :]) == {PLAIN}
