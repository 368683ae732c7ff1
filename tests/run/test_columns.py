"""What a column can be: expressions, folders, published models, language models of other kinds."""

import shutil
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from transformers import M2M100Config

from gvt.paths import data_dir
from leaderboard import schema


def test_an_encoder_decoder_answers_a_whole_suite(world, computed, t5_folder):
    tasks = ("mini_mci", "mini_vqa")
    flags = ("--llm", str(t5_folder), "--tasks", ",".join(tasks))
    code, output = world.run(*flags)
    assert code == 0, output.err
    assert "Traceback" not in output.err
    record = schema.read_run(world.folder)
    assert record["config"]["llm"]["name"] == str(t5_folder)
    assert {entry["column"] for entry in record["alignment"]} == {"one", "two", "blind"}
    for task in tasks:
        said = {}
        for column in ("one", "two", "blind", "text"):
            found = world.rows(column, task)
            assert [row["doc_id"] for row in found] == list(range(world.limit))
            assert all(row["error"] is None for row in found)
            said[column] = tuple(row["answer"] for row in found)
        assert len(set(said.values())) > 1, task
    assert computed["train"] == 3
    code, _ = world.run(*flags)
    assert code == 0
    assert not computed["train"]
    assert not computed["generate"]


def test_a_model_the_engine_would_answer_wrongly_for_is_refused_before_training(
    world, computed, save_llm
):
    config = M2M100Config(d_model=32, **{f"{side}_layers": 1 for side in ("encoder", "decoder")})
    code, output = world.run("--llm", str(save_llm(config)))
    assert code == 2
    assert "(m2m_100) is not supported" in output.err
    assert "Traceback" not in output.err
    assert not computed


def test_a_chat_template_is_another_frame_with_connectors_of_its_own(
    world, computed, llm_folder, tmp_path
):
    chat = shutil.copytree(llm_folder, tmp_path / "chat")
    (chat / "chat_template.jinja").write_text(
        "<bos>{% for m in messages %} {{ m['content'] }} <pad>{% endfor %}"
        "{% if add_generation_prompt %} Answer:{% endif %}"
    )
    code, output = world.run("--llm", str(chat), "--apply_chat_template")
    assert code == 0, output.err
    record = schema.read_run(world.folder)
    assert record["config"]["llm"]["name"] == f"{chat} (chat)"
    assert computed["train"] == 3
    assert all(row["error"] is None for row in world.rows("one"))
    world.run("--llm", str(chat), "--apply_chat_template")
    assert not computed["train"] and not computed["generate"]
    world.run("--llm", str(chat), output="plain")
    assert computed["train"] == 3


def test_a_published_model_is_one_more_column(world, computed, save_llava):
    folder = save_llava()
    code, _ = world.run("--model", folder)
    assert code == 0
    name = Path(folder).name
    run = schema.read_run(world.folder)
    (column,) = (column for column in run["columns"] if column["name"] == name)
    assert (column["kind"], column["visual_tokens"]) == ("tokenizer", 16)
    assert len(world.rows(name)) == world.limit
    assert all(row["error"] is None for row in world.rows(name))
    computed.clear()
    world.run("--model", folder)
    assert computed == {}


def test_expressions_are_columns_of_their_own_and_share_what_was_encoded(world, computed):
    """Layer, token budget and both fusions of two toys; each column reads something else."""
    names = {
        "toy-one@layer=0": "toy-one[layer=0]",
        "toy-one@tokens=4": "toy-one[tokens=4]",
        "one+two": "toy-one+toy-two",
        "one++two@tokens=1": "toy-one++toy-two[tokens=1]",
    }
    asked = ("toy-one[layer=0]", "toy-one[tokens=4]", "one+two", "one++two[tokens=1]")
    _, plan = world.run("--tokenizers", *asked, "--dry_run")
    # Two layers of the first toy in one pass, the second, and blind; 14 images each.
    assert "features: 42 of 98 images to be computed" in plan.out
    code, output = world.run("--tokenizers", *asked)
    assert code == 0, output.err
    assert computed["load_tokenizer"] == 3
    assert all(text in output.out for text in names.values())  # the table names what was typed
    record = schema.read_run(world.folder)
    columns = {c["name"]: c for c in record["columns"] if c["kind"] == "tokenizer"}
    assert {name: c["title"] for name, c in columns.items()} == names
    assert [c["feature_tokens"] for c in columns.values()] == [10, 4, 10, 11]
    assert [c["encoder_parameters"] for c in columns.values()] == [1, 1, 2, 2]
    first, pooled, both, behind = (c["encoder_gflops"] for c in columns.values())
    assert first == pooled and both == behind == pytest.approx(2 * first)
    assert len({c["card_hash"] for c in columns.values()}) == 4
    encoded = [s["computed"] for s in record["stages"] if s["stage"] == "features"]
    assert sum(encoded) == 42
    said = [[row["answer"] for row in world.rows(name)] for name in names]
    assert len(set(map(tuple, said))) == 4
    page = (world.folder / "report.html").read_text()
    assert all(text in page for text in names.values())
    world.run("--tokenizers", *asked)
    assert computed == {}


def test_a_folder_of_weights_runs_under_its_automatic_card(world, computed):
    folder = world.mine / "toy-two-weights"
    code, output = world.run("--tokenizers", f"local:{folder}", "one")
    assert code == 0
    assert f"automatic card of local:{folder}" in output.err
    record = schema.read_run(world.folder)
    (column,) = (c for c in record["columns"] if c["name"] == "toy-two-weights")
    assert column["title"] == f"local:{folder}" and column["feature_tokens"] == 9
    assert len(world.rows("toy-two-weights")) == world.limit


def test_stock_lm_eval_takes_the_same_expressions(world, llm_folder):
    world.run("--tokenizers", "toy-one[layer=0,tokens=4]")
    said = [row["answer"] for row in world.rows("toy-one@layer=0,tokens=4")]
    AcceleratorState._reset_state(True)
    arguments = f"tokenizer=toy-one[layer=0][tokens=4],llm={llm_folder},recipe=toy,device=cpu"
    found = simple_evaluate(
        model="gvt",
        model_args=f"{arguments},include_path={world.mine}",
        tasks=["mini_mci"],
        task_manager=TaskManager(include_path=str(data_dir("tasks")), include_defaults=False),
        limit=world.limit,
        bootstrap_iters=0,
    )
    assert [sample["resps"][0][0] for sample in found["samples"]["mini_mci"]] == said


def test_a_sweep_fills_columns_and_encodes_no_image_twice(world, computed, forwards):
    sweep = ("--sweep", "layer=0,-1", "--sweep", "tokens=1,4", "--tokenizers", "one")
    names = [f"one@layer={layer},tokens={tokens}" for layer in (0, -1) for tokens in (1, 4)]
    _, plan = world.run(*sweep, "--dry_run")
    assert "sweep      layer=0,-1 x tokens=1,4: 4 columns" in plan.out
    assert "features: 28 of 70 images to be computed" in plan.out  # the toy's, and blind's
    code, output = world.run(*sweep)
    assert code == 0, output.err
    assert list(forwards) == ["toy-one[layer=0]"]
    assert list(forwards["toy-one[layer=0]"].values()) == [1] * 14
    record = schema.read_run(world.folder)
    columns = {c["name"]: c for c in record["columns"] if c["kind"] == "tokenizer"}
    assert list(columns) == names
    assert [c["title"] for c in columns.values()] == [
        f"toy-one[layer={layer},tokens={tokens}]" for layer in (0, -1) for tokens in (1, 4)
    ]
    assert [c["feature_tokens"] for c in columns.values()] == [1, 4, 1, 4]
    said = [tuple(row["answer"] for row in world.rows(name)) for name in names]
    assert len(set(said)) == 4
    page = (world.folder / "report.html").read_text()
    assert all(c["title"] in page for c in columns.values())
    world.run(*sweep)
    assert computed == {}
    world.run(*sweep, "--seed", "0,1")  # one flag more: nothing but connectors and answers is new
    assert not computed["load_tokenizer"] and computed["train"] == 5
