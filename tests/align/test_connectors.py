"""Trained connectors by content: read where nothing changed, trained anew where anything did."""

from dataclasses import replace

import pytest
import torch

from gvt.align import checkpoint, connectors
from gvt.align.connectors import align, connector_hash
from gvt.align.data import source
from gvt.data.training_files import TrainingFiles
from gvt.engine.combined import CombinedStore
from gvt.engine.features import FeatureStore
from gvt.files import held
from gvt.model.language import LanguageModel
from tests.align.data.conftest import captioned, encoded, folder, make_tars  # noqa: F401
from tokenizers_zoo import Card

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(colours, llm, accelerator, make_features, make_recipe, write_vit):
    """run(seed=0, …): align a toy card; what is not given stays the same from call to call."""
    store = FeatureStore(Card.load(write_vit("toy")), CPU, "no")
    features = {"colours": make_features()}

    def run(seed=0, recipe=None, store=store, llm=llm):
        return align(store, features, recipe or make_recipe(), llm, seed, accelerator)

    return run


def same(one, two):
    one, two = one.connector.state_dict(), two.connector.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_the_second_time_it_is_read(run, monkeypatch):
    first = run()
    monkeypatch.setattr(connectors, "train", None)
    second = run()
    assert (first.cached, second.cached) == (False, True)
    assert same(first, second)
    assert second.connector.mean.any()
    for name in ("hash", "steps", "samples", "curve", "parameters"):
        assert getattr(first, name) == getattr(second, name)
    assert (first.steps, first.samples) == (5, 30)


def test_another_seed_recipe_card_or_model_is_another_connector(
    run, make_recipe, write_vit, save_llm
):
    first = run()
    other_card = FeatureStore(Card.load(write_vit("other", seed=1)), CPU, "no")
    other_precision = FeatureStore(Card.load(write_vit("toy")), CPU, "bf16")
    others = [
        run(seed=1),
        run(recipe=make_recipe(steps=6)),
        run(store=other_card),
        run(store=other_precision),
        run(llm=LanguageModel.load(str(save_llm(seed=1)))),
    ]
    assert not any(one.cached for one in others)
    assert len({first.hash, *(one.hash for one in others)}) == 6
    # Each lies beside the others.
    assert run().cached
    assert run(seed=1).cached


def test_a_name_is_no_reason_to_train_anew(run, make_recipe, write_vit, tmp_path):
    first = run()
    moved = FeatureStore(Card.load(write_vit("toy", folder=tmp_path / "moved")), CPU, "no")
    again = run(recipe=make_recipe(name="renamed"), store=moved)
    assert (again.cached, again.hash) == (True, first.hash)


def test_the_hash_follows_the_training_images(run, colours, llm, make_recipe, write_vit):
    store = FeatureStore(Card.load(write_vit("toy")), CPU, "no")
    before = connector_hash(store, make_recipe(), llm, 0)
    colours.images = type(colours.images)("align", 17)
    assert connector_hash(store, make_recipe(), llm, 0) != before


def test_a_crash_while_writing_leaves_nothing_that_looks_whole(run, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(connectors.json, "dumps", crash_after(connectors.json.dumps, 1, crash))
        with pytest.raises(KeyboardInterrupt):
            run()
    assert not run().cached


def crash_after(function, calls, crash):
    count = []

    def counted(*args, **kwargs):
        count.append(1)
        return function(*args, **kwargs) if len(count) <= calls else crash()

    return counted


def test_what_was_left_out_is_told_whether_trained_or_read(
    folder,  # noqa: F811
    make_tars,  # noqa: F811
    make_recipe,
    llm,
    accelerator,
    write_vit,
):
    """Images that are torn behind their header, and rows of a stream that only training reads."""
    (folder / "5.jpg").write_bytes(encoded(5, side=256)[:-200])
    (folder.parent / "t.tsv").write_text("".join(f"{i}.jpg\tred\n" for i in range(12)))
    files = TrainingFiles("captions", str(folder.parent / "t.tsv"), images=str(folder))
    rows = [*captioned(range(300)), ("x.txt", b"no image")]
    stream = TrainingFiles("webdataset", str(make_tars(rows)), shuffle_buffer=1)
    (one,) = make_recipe(data=files, steps=2).stages
    two = replace(one, name="t", data=stream, steps=60)
    recipe = replace(make_recipe(), stages=(one, two))
    store = CombinedStore(Card.load(write_vit("toy")), CPU, "no")
    told = []
    for _ in range(2):
        source.cache_clear()
        features = {
            data: store.join([part.get(source(data).images) for part in store.stores])
            for data in (files, stream)
        }
        aligned = align(store, features, recipe, llm, 0, accelerator)
        told.append(aligned.left_out)
    assert aligned.cached
    assert told[0] == told[1]
    image, row = told[0]
    assert "1 of 12 images left out" in image and "images/5.jpg (OSError" in image
    assert "1 of 301 rows left out: 1 missing image" in row


def test_another_run_that_trains_the_same_connector_keeps_its_checkpoints(run, monkeypatch):
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    first = run()
    (first.folder / "training.json").unlink()
    theirs = first.folder / "checkpoint-000000003"
    theirs.mkdir()
    with held(first.folder) as own:
        assert own is not None
        again = run()
    assert not again.cached
    assert same(first, again)
    assert theirs.is_dir()
