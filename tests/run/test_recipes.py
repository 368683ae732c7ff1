"""A run whose columns differ in their recipe: each is what a run with that recipe makes of it."""

import pytest

from gvt.cli import main
from leaderboard import schema

LONGER = "include: toy\nconnector: {latents: 3}\nstages: [{name: s, steps: 5}]\n"
MIXED = """\
include: toys
tokenizers: {same: toy-one, two: null}
recipes: {same: longer}
claims: [{name: c, statement: More is more., scope: mini_mci, higher: [same], lower: [one]}]
"""


def write(world):
    (world.mine / "longer.yaml").write_text(LONGER)
    (world.mine / "mixed.yaml").write_text(MIXED)


def connectors(folder):
    return {one["column"]: one["connector_hash"] for one in schema.read_run(folder)["alignment"]}


def test_each_column_is_what_a_run_with_its_recipe_makes_of_it(world, computed, tmp_path, capfd):
    write(world)
    _, plan = world.run("--dry_run", suite="mixed")
    # Three columns: two by the toy recipe of 3 steps, one by that of 5; its encoder reads once.
    assert "alignment: 11 of 11 steps to be computed" in plan.out
    assert "features: 28 of 42 images to be computed" in plan.out
    code, output = world.run(suite="mixed")
    assert code == 0, output.err
    assert computed["train"] == 3 and computed["load_tokenizer"] == 2
    config = schema.read_run(world.folder)["config"]
    assert (config["recipe"]["name"], [*config["recipes"]]) == ("toy", ["same"])
    assert config["recipes"]["same"]["connector"]["latents"] == 3
    (claim,) = config["suite"]["claims"]
    assert (claim["name"], claim["scope"], claim["source"]) == ("c", "mini_mci", "")
    assert (claim["higher"], claim["lower"]) == (["same"], ["one"])
    columns = {column["name"]: column for column in schema.read_run(world.folder)["columns"]}
    assert (columns["one"]["visual_tokens"], columns["same"]["visual_tokens"]) == (2, 3)
    titles = [columns[name]["title"] for name in ("one", "same")]
    assert titles == ["Toy toy-one", "Toy toy-one (longer)"]
    _, plan = world.run("--dry_run", suite="mixed")
    assert "cached     100 %" in plan.out

    main(["show", str(world.folder)])
    assert "recipe: toy\nrecipes:\n  same: longer\n" in capfd.readouterr().out

    mixed = connectors(world.folder)
    for recipe, column in (("toy", "one"), ("longer", "same")):
        folder = tmp_path / recipe
        world.run("--recipe", recipe, "--tokenizers", "one", output=recipe)
        assert not (computed["train"] and recipe == "toy")
        assert connectors(folder)["one"] == mixed[column]
        said = [row["answer"] for row in world.rows("one", folder=folder)]
        assert said == [row["answer"] for row in world.rows(column)]


def test_the_same_connector_bit_for_bit_without_a_cache(world, monkeypatch, tmp_path):
    from safetensors.torch import load_file

    write(world)
    weights = []
    for cache, suite, flags in (("a", "mixed", ()), ("b", "toys", ("--recipe", "longer"))):
        monkeypatch.setenv("GVT_CACHE", str(tmp_path / cache))
        world.run(*flags, suite=suite, output=cache)
        name = connectors(tmp_path / cache)["same" if suite == "mixed" else "one"]
        weights.append(load_file(tmp_path / cache / "connectors" / name / "connector.safetensors"))
    own, alone = weights
    assert own.keys() == alone.keys() and all(own[key].equal(alone[key]) for key in own)


@pytest.mark.parametrize("trains", ["connector", "connector, tokenizer"])
def test_export_takes_the_recipe_of_the_column(world, tmp_path, trains):
    from PIL import Image

    from gvt.model.hf import GVTForConditionalGeneration

    write(world)
    (world.mine / "longer.yaml").write_text(LONGER.replace("5}", f"5, trains: [{trains}]}}"))
    world.run(suite="mixed")
    argv = ["export", str(world.folder), "--include_path", str(world.mine), "--column", "same"]
    assert main([*argv, "--output", str(tmp_path / "model")]) == 0
    model = GVTForConditionalGeneration.from_pretrained(tmp_path / "model")
    assert model.connector.tokens == 3
    assert (tmp_path / "model/encoders").exists() == ("tokenizer" in trains)
    row = world.rows("same")[0]
    processor = model.processor()
    asked = processor(Image.open(row["image"]), row["question"], return_tensors="pt")
    said = model.generate(**asked, max_new_tokens=8)
    assert processor.batch_decode(said, skip_special_tokens=True)[0].strip() == row["answer"]
