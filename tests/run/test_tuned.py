"""A run whose recipe trains the tokenizer: it answers from its own weights, and is planned so."""

from leaderboard import schema

RECIPE = """include: mini
connector: {latents: 3, depth: 1, heads: 2, head_dim: 8}
stages:
  - {name: captions, data: mini-questions, steps: 2, batch_size: 4, warmup_steps: 1, held_out: 0.2}
  - {name: questions, steps: 20, batch_size: 4, warmup_steps: 1, questions_per_image: 2,
     trains: [connector, tokenizer], tokenizer_lr: 1.0e-2}
"""


def test_it_answers_from_its_own_weights(world, computed):
    (world.mine / "recipes").mkdir(exist_ok=True)
    (world.mine / "recipes" / "tuned.yaml").write_text(RECIPE)
    flags = ("--tokenizers", "one", "--recipe", "tuned")
    _, plan = world.run(*flags, "--dry_run")
    assert "training connector, tokenizer" in plan.out
    code, output = world.run(*flags)
    assert code == 0, output.err
    record = schema.read_run(world.folder)
    columns = {column["name"] for column in record["columns"]}
    assert {"one", "blind"} <= columns
    # The frozen start on 10 training images, the tuned end on those of the tasks.
    encoded = {
        column: sum(
            stage["computed"]
            for stage in record["stages"]
            if stage["stage"] == "features" and stage["column"] == column
        )
        for column in ("one", "blind")
    }
    assert encoded["one"] > 10 and encoded["blind"] == encoded["one"]
    assert [point[0] for point in record["alignment"][0]["held_out"]] == [2]
    tuned, blind = (a for a in record["alignment"] if a["column"] in ("one", "blind"))
    assert tuned["parameters"] > blind["parameters"]
    world.run(*flags)
    assert computed == {}
    _, plan = world.run(*flags, "--dry_run")
    assert "cached     100 %" in plan.out
