"""A run whose recipe trains the tokenizer: it answers from its own weights, and is planned so."""

import pytest
from accelerate.state import AcceleratorState
from lm_eval.api.instance import Instance

import gvt.lm_eval
from gvt.data.prompts import Reference
from leaderboard import schema

RECIPE = """include: mini
connector: {latents: 3, depth: 1, heads: 2, head_dim: 8}
stages:
  - {name: captions, data: mini-questions, steps: 2, batch_size: 4, warmup_steps: 1, held_out: 0.2}
  - {name: questions, steps: 20, batch_size: 4, warmup_steps: 1, questions_per_image: 2,
     trains: [connector, PARTS], tokenizer_lr: 1.0e-2, llm_lr: 1.0e-3}
"""


@pytest.fixture
def tuned(world):
    """tuned(parts): the flags for a run whose recipe trains these beside the connector."""

    def flags(parts="tokenizer"):
        (world.mine / "recipes").mkdir(exist_ok=True)
        (world.mine / "recipes" / "tuned.yaml").write_text(RECIPE.replace("PARTS", parts))
        return ("--tokenizers", "one", "--recipe", "tuned")

    return flags


def test_it_answers_from_its_own_weights(world, tuned, computed):
    flags = tuned()
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


def test_lm_eval_asks_what_was_trained(world, tuned, llm_folder):
    assert world.run(*tuned("tokenizer, llm"))[0] == 0
    rows = world.rows("one")
    AcceleratorState._reset_state(True)
    model = gvt.lm_eval.GVT(
        tokenizer="toy-one",
        recipe="tuned",
        llm=str(llm_folder),
        include_path=world.mine,
        device="cpu",
    )
    asked = [
        Instance(
            request_type="generate_until",
            doc={},
            arguments=(
                row["question"],
                {"until": ["\n"], "max_gen_toks": 8},
                {"visual": [Reference(path=row["image"], sha256=row["image_sha256"])]},
            ),
            idx=0,
            metadata=("mini_mci", row["doc_id"], 1),
        )
        for row in rows
    ]
    answers = model.generate_until(asked)
    assert answers == [row["answer"] for row in rows]
    assert len(set(answers)) > 1
