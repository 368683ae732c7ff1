"""Training on a stream: what one process sees, several do; a kill costs no bit."""

import io
import signal
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from gvt.align import checkpoint
from gvt.align.batches import batches
from gvt.align.connectors import align
from gvt.align.data import Item, source
from gvt.align.trainer import train
from gvt.align.tuning import FrozenEncoders, live_encoders
from gvt.align.visuals import LivePixels
from gvt.config import Recipe
from gvt.data.training_files import TrainingFiles
from gvt.engine.combined import CombinedStore
from gvt.errors import UserError
from gvt.resolve import resolve_all
from gvt.yaml_files import FieldError
from tests.align.data.conftest import captioned, make_tars  # noqa: F401 - a fixture
from tests.align.killed import Killer, in_child, same
from tests.align.processes import together

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def card(write_vit):
    """Two toy encoders side by side."""
    write_vit("toy")
    path = write_vit("other", 1)
    return resolve_all({"both": "toy+other"}, [path.parent])["both"]


@pytest.fixture
def files(make_tars):  # noqa: F811
    """Three tars of twenty images with a caption each."""
    tars = make_tars(*(captioned(range(first, first + 20)) for first in (0, 20, 40)))
    return TrainingFiles("webdataset", str(tars), shuffle_buffer=8)


@pytest.fixture
def recipe(make_recipe, files):
    """Two stages on the stream; the first goes past its end."""
    (one,) = make_recipe(steps=13, data=files, warmup_steps=4, lr=1e-3).stages
    two = replace(one, name="t", steps=8, batch_size=7, gradient_accumulation=2)
    return Recipe(name="both", stages=(one, two), connector=make_recipe().connector)


@pytest.fixture
def run(card, files, recipe, llm):
    """run(accelerator, counter, folder): the recipe trained."""
    store = CombinedStore(card, CPU, "no")
    features = {files: store.join([one.get(source(files).images) for one in store.stores])}

    def run(accelerator, counter=None, folder=None):
        encoders = live_encoders(recipe, card, CPU)
        return train(
            recipe, llm, features, 0, accelerator, counter, encoders=encoders, folder=folder
        )

    return run


def test_a_batch_shows_the_features_of_its_own_captions(card, files, recipe, llm, accelerator):
    """What the store computes of the same images is the oracle."""
    encoders = FrozenEncoders(card, CPU)
    visuals = LivePixels(encoders.tokenizers, Item.image, np.empty(0, dtype=int))
    stage = recipe.stages[0]
    parts = next(batches(stage, 0, llm, visuals, 3, 0, accelerator))
    items = list(islice(source(files).stream((0, 0)), stage.batch_size))
    assert [name for part in parts for name in part.names] == [item.name for item in items]
    assert parts[-1].after == items[-1].state
    store = CombinedStore(card, CPU, "no")
    known = source(files).images
    place = {known.load(i).tobytes(): i for i in range(len(known))}
    assert len(place) == 60  # a stream of so few is known whole
    kept = store.join([one.get(known) for one in store.stores]).values
    wanted = kept[[place[item.image().tobytes()] for item in items]]
    np.testing.assert_allclose(encoders(parts[0].visual).numpy(), wanted, atol=1e-5)


def test_stages_and_seeds_see_other_orders(recipe, llm, accelerator):
    stage = replace(recipe.stages[0], steps=2, warmup_steps=0)

    def unseen(chosen):
        return None, np.arange(len(chosen))

    def names(number, seed):
        made = batches(stage, number, llm, unseen, 3, seed, accelerator)
        return [name for parts in made for part in parts for name in part.names]

    assert names(0, 0) == names(0, 0)
    assert len({tuple(names(*key)) for key in ((0, 0), (1, 0), (0, 1))}) == 3


def test_killed_at_any_step_it_ends_with_the_same_bits(run, accelerator, tmp_path, monkeypatch):
    whole = run(accelerator)
    assert whole.samples == 13 * 6 + 8 * 7
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    folder = tmp_path / "kept"
    for steps in (4, 7, 5):  # within the first epoch, the second, and the second stage
        killed = in_child(lambda n=steps: run(accelerator, Killer(n), folder))
        assert killed == signal.SIGKILL
    again = run(accelerator, folder=folder)
    assert same(whole, again)
    assert whole.curve == again.curve


def test_two_processes_have_the_curve_of_one(run, accelerator, tmp_path):
    alone = run(accelerator)
    first, second = together(tmp_path, 2, run)
    np.testing.assert_allclose(first.curve, alone.curve, atol=1e-4)
    assert same(first, second)


def damaged():
    """A JPEG that seems whole until it is decoded."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    content = file.getvalue()
    return content[:-12] + b"\xff\xdb" + content[-10:]


def test_images_damaged_in_the_middle_are_left_out_by_any_number_of_processes(
    card,
    make_tars,  # noqa: F811
    make_recipe,
    llm,
    accelerator,
    tmp_path,
):
    """Only the process that is to show one comes to know."""
    torn = dict.fromkeys(["0007.jpg", "0011.jpg", "0030.jpg"], damaged())
    members = dict(captioned(range(40))) | torn
    files = TrainingFiles("webdataset", str(make_tars(members.items())), shuffle_buffer=8)
    data = source(files)
    items = list(islice(data.stream(0), 40))
    assert sum(item.name.endswith(("0007", "0011", "0030")) for item in items) == 3
    # One epoch; of two processes each computes one image at a time.
    recipe = make_recipe(steps=10, batch_size=4, data=files, lr=1e-3, gradient_accumulation=2)
    store = CombinedStore(card, CPU, "no")
    features = {files: store.join([one.get(data.images) for one in store.stores])}

    def run(accelerator):
        made = train(
            recipe, llm, features, 0, accelerator, encoders=live_encoders(recipe, card, CPU)
        )
        return made, data.warnings

    alone, warnings = run(accelerator)
    assert "3 unreadable image" in warnings[0]
    (first, one), (_, two) = together(tmp_path, 2, run)
    np.testing.assert_allclose(first.curve, alone.curve, atol=1e-4)
    counted = [int(line.split(": ")[1].split()[0]) for line in (*one, *two)]
    assert sum(counted) == 3
    strict = TrainingFiles("webdataset", files.path, max_bad=0.0)
    features = {strict: features[files]}
    recipe = replace(recipe, stages=(replace(recipe.stages[0], data=strict),))
    with pytest.raises(UserError, match=r"1 unreadable image, more than the 0\.0% of max_bad"):
        run(accelerator)


def test_frozen_encoders_stand_still_and_tuned_ones_move(
    card, files, recipe, llm, accelerator, make_recipe
):
    store = CombinedStore(card, CPU, "no")
    features = {files: store.join([one.get(source(files).images) for one in store.stores])}
    frozen = align(store, features, recipe, llm, 0, accelerator)
    assert not frozen.tuned
    stages = [replace(one, trains=("connector", "tokenizer")) for one in recipe.stages]
    tuned = align(store, features, replace(recipe, stages=tuple(stages)), llm, 0, accelerator)
    assert tuned.tuned
    assert tuned.hash != frozen.hash


def test_a_stream_cannot_hold_images_out(recipe):
    with pytest.raises(FieldError, match="cannot be taken off a stream"):
        replace(recipe.stages[0], held_out=0.1)
