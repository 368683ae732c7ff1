"""`gvt score`: the same answers, the same rows to the byte; other rules, other scores; no model."""

import json
from pathlib import Path

import pytest

import gvt.columns
import gvt.engine.features
import gvt.engine.lm
import gvt.rescore
import gvt.run
from gvt.cli import main
from gvt.engine.journal import JOURNAL_FILE
from gvt.errors import UserError
from gvt.explain import explain
from gvt.files import only_one
from leaderboard import schema

# Scored by the likelihood of two answers, with lm-eval's own scoring.
CHOICE = """\
task: my_choice
custom_dataset: !function gvt.data.mini.mci_rows
test_split: heldout
output_type: multiple_choice
doc_to_image: !function gvt.data.prompts.image
doc_to_text: "Question: {{text_in}} Answer:"
doc_to_choice: ["Yes.", "No."]
doc_to_target: "{{text_out}}"
num_fewshot: 0
fewshot_config: {samples: []}
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0, title: Choices}
"""
# Scored by whatever the function beside it says.
OWN = """\
task: my_own
custom_dataset: !function gvt.data.mini.mci_rows
test_split: heldout
output_type: generate_until
doc_to_image: !function gvt.data.prompts.image
doc_to_text: !function gvt.data.prompts.gvtbench
doc_to_target: !function gvt.data.prompts.target
process_results: !function own.scores
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 4}
num_fewshot: 0
fewshot_config: {samples: []}
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0, title: Own}
"""


@pytest.fixture
def score(world, monkeypatch, capfd):
    """score(*flags): the command on the run, in a world in which no model can be loaded."""

    def score(*flags):
        with monkeypatch.context() as patch:
            for module, name in (
                (gvt.columns.LanguageModel, "load"),
                (gvt.engine.features, "load_tokenizer"),
                (gvt.run, "Llava"),
                (gvt.engine.lm, "generate"),
                (gvt.engine.lm, "score"),
            ):
                patch.setattr(module, name, None)
            code = main(["score", str(world.folder), "--include_path", str(world.mine), *flags])
        return code, capfd.readouterr()

    return score


def samples(folder):
    return {path: path.read_bytes() for path in sorted((folder / "samples").rglob("*.jsonl"))}


def test_nothing_changed_is_the_same_to_the_byte(world, score, save_llava, tmp_path):
    """With seeds, a ceiling, a published model, choices and captions, and an image that is lost."""
    (world.mine / "my_choice.yaml").write_text(CHOICE)
    flags = ("--seed", "0,1", "--model", save_llava(), "--tokenizers", "one")
    flags += ("--tasks", "mini_mci,my_choice,mini_caption")
    world.run(*flags, "--dry_run")  # draws the images
    lost = sorted((tmp_path / "cache" / "mini").rglob("heldout/*.png"))[1]
    lost.rename(tmp_path / "aside.png")
    code, output = world.run(*flags)
    assert code == 0, output.err
    before, run = samples(world.folder), schema.read_run(world.folder)
    cells = {(path.parts[-3], path.parts[-2]) for path in before}
    seeds = {(column, f"seed{seed}") for column in ("one", "blind") for seed in (0, 1)}
    assert seeds | {("text", "seed0")} < cells and len(before) == 3 * 6
    failed = [json.loads(line)["error"] for text in before.values() for line in text.splitlines()]
    assert 0 < sum("FileNotFoundError" in (error or "") for error in failed) < len(failed)
    for answer in explain(world.folder, "my_choice:5", None, (world.mine,)).answers:
        told = {step.what: step.value for step in answer.steps}
        assert set(told) == {" Yes.", " No."} and all(value < 0 for value in told.values())
        assert f" {answer.row['answer']}" == max(told, key=told.get)
    page = (world.folder / "report.html").read_bytes()
    (world.folder / "report.html").unlink()
    code, output = score()
    assert code == 0, output.err
    assert samples(world.folder) == before
    assert "mini_mci: 48 rows, 0 changed\n" in output.out
    after = schema.read_run(world.folder)
    assert after.pop("rescored")
    assert after == run
    assert len((world.folder / "report.html").read_bytes()) == pytest.approx(len(page), rel=0.01)
    assert not list(world.folder.glob(".rescored*"))


def test_another_rule_gives_other_scores_of_the_same_answers(world, computed, score):
    (world.mine / "my_own.yaml").write_text(OWN)
    rule = "def scores(doc, results): return {'acc': float(%s)}\n"
    (world.mine / "own.py").write_text(rule % "len(results[0]) % 2 == 0")
    world.run("--tasks", "my_own")
    journal, before = world.journal(), world.rows("one", "my_own")
    assert [row["scores"]["acc"] for row in before] == [len(r["answer"]) % 2 == 0 for r in before]
    (world.mine / "own.py").write_text(rule % "len(results[0]) % 2")
    code, output = score()
    assert code == 0, output.err
    assert "my_own: 32 rows, 32 changed\n" in output.out
    after = world.rows("one", "my_own")
    assert [row["scores"]["acc"] for row in after] == [1 - r["scores"]["acc"] for r in before]
    same = [{**row, "scores": None} for row in before]
    assert [{**row, "scores": None} for row in after] == same
    assert world.journal() == journal
    world.run("--tasks", "my_own")  # knows the new rows
    assert computed == {} and world.rows("one", "my_own") == after


def test_no_other_command_writes_the_run_while_it_is_scored(world, monkeypatch):
    world.run("--tasks", "mini_mci", "--tokenizers", "one")

    def load_tasks(*args):
        with pytest.raises(UserError, match="is writing to this run"), only_one(world.folder):
            pass
        raise UserError("held")

    monkeypatch.setattr(gvt.rescore, "load_tasks", load_tasks)
    with pytest.raises(UserError, match="held"):
        gvt.rescore.rescore(world.folder, (world.mine,))
    assert main(["score", str(world.folder / "nowhere")]) == 2
    assert not (world.folder / "nowhere").exists()


def test_what_the_journal_lacks_is_counted_and_nothing_is_lost(world, computed, score):
    world.run()
    whole, before = world.rows("two"), samples(world.folder)
    path = world.folder / JOURNAL_FILE
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    gone = [("two", 0), ("two", 3), ("text", 5)]
    kept = [line for line in lines if (line["column"], line["doc_id"]) not in gone]
    path.write_text("".join(json.dumps(line) + "\n" for line in kept))
    code, output = score()
    assert code == 2
    assert "the journal lacks 3 answers (3 of mini_mci); nothing was changed" in output.err
    assert samples(world.folder) == before
    code, output = score("--allow_missing")
    assert code == 0, output.err
    assert "mini_mci: 32 rows, 3 changed, 3 without an answer\n" in output.out
    after = world.rows("two")
    assert [i for i in range(world.limit) if after[i] != whole[i]] == [0, 3]
    assert after[0]["error"] == "the journal has no answer to this question"
    assert (after[0]["answer"], after[0]["scores"]) == (None, {})
    code, _ = score()
    assert code == 2  # still missing, not a failure like that of an image
    world.run()
    assert computed == {"generate": 2}
    assert samples(world.folder) == before


def test_a_published_model_of_an_earlier_version_is_told(world, score, save_llava):
    folder = save_llava()
    world.run("--model", folder, "--tokenizers", "one")
    before, run = samples(world.folder), schema.read_run(world.folder)
    del run["config"]["models"]
    schema.write_run(world.folder, run)
    code, output = score()
    assert code == 2
    assert f"does not tell the hash of model '{Path(folder).name}'" in output.err
    assert "Repeat the run" in output.err
    assert samples(world.folder) == before
    world.run("--model", folder, "--tokenizers", "one")
    code, _ = score()
    assert code == 0 and samples(world.folder) == before


def test_a_task_that_is_not_there_names_the_command(world, score, capfd):
    (world.mine / "my_choice.yaml").write_text(CHOICE)
    world.run("--tasks", "my_choice")
    assert main(["score", str(world.folder)]) == 2
    told = capfd.readouterr().err
    assert "unknown task 'my_choice'" in told and f"--include_path {world.mine}" in told
    assert main(["score", str(world.mine)]) == 2
    assert "unknown run" in capfd.readouterr().err
