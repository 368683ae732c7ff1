"""The whole of `gvt run` on toys: rows and report, nothing computed twice, nothing lost."""

import json
from pathlib import Path

import gvt.align.connectors
import gvt.columns
import gvt.engine.features
import gvt.engine.lm
import gvt.hardware
import gvt.lm_eval
from gvt.data import mini
from gvt.engine.journal import JOURNAL_FILE
from leaderboard import schema

# A shipped task asked for in other words: one YAML file.
TASK = """\
task: my_mci
custom_dataset: !function gvt.data.mini.mci_rows
test_split: heldout
output_type: generate_until
doc_to_image: !function gvt.data.prompts.image
doc_to_text: "Question: {{text_in}} Answer:"
doc_to_target: "{{text_out}}"
process_results: !function gvt.scoring.process.yes_no
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 2}
num_fewshot: 0
fewshot_config: {samples: []}
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
metadata: {version: 1.0, title: My task}
"""


def test_a_run_from_start_to_report(world, computed):
    code, output = world.run()
    assert code == 0, output.err
    assert "fatal" not in output.err  # nor what programs called by others complain of
    assert output.out.rstrip().endswith(str(world.folder / "report.html"))
    record = schema.read_run(world.folder)
    kinds = {column["name"]: column["kind"] for column in record["columns"]}
    assert kinds == {"one": "tokenizer", "two": "tokenizer", "blind": "control", "text": "ceiling"}
    assert record["finished"]
    assert record["suite"] == "toys"
    assert [task["name"] for task in record["tasks"]] == ["mini_mci"]
    one = next(column for column in record["columns"] if column["name"] == "one")
    assert (one["tokenizer"], one["feature_tokens"], one["visual_tokens"]) == ("toy-one", 10, 2)
    assert {entry["column"] for entry in record["alignment"]} == {"one", "two", "blind"}
    truth = mini.mci_rows()["heldout"].select(range(world.limit))
    for column in kinds:
        found = world.rows(column)
        assert [row["doc_id"] for row in found] == list(range(world.limit))
        assert [row["gold"] for row in found] == [[text] for text in truth["text_out"]]
        assert [row["image_sha256"] for row in found] == truth["image_sha256"]
        assert all(row["error"] is None and 0 <= row["scores"]["acc"] <= 1 for row in found)
    audited = [row for _, row in schema.read_rows(schema.audit_path(world.folder, "mini_mci"))]
    assert [row["gold"] for row in audited] == [[text] for text in truth["text_out"]]
    assert record["tasks"][0]["image_free"]["predictors"].keys() >= {"constant", "noun", "words"}
    said = {column: [row["answer"] for row in world.rows(column)] for column in kinds}
    assert len(set(map(tuple, said.values()))) == 4  # every column reads something else
    page = (world.folder / "report.html").read_text()
    titles = ("Toy toy-one", "Toy toy-two", "identification", "Best without image")
    assert all(title in page for title in titles)
    assert computed == {"train": 3, "load_tokenizer": 3, "generate": 4}


def test_the_second_time_nothing_is_computed(world, computed):
    world.run()
    before, answers = world.journal(), world.rows("one")
    code, _ = world.run()
    assert (code, computed) == (0, {})
    assert world.journal() == before
    assert world.rows("one") == answers
    stages = schema.read_run(world.folder)["stages"]
    assert stages
    assert all(stage["cached"] for stage in stages)


def test_another_folder_trains_nothing_and_says_the_same(world, computed, tmp_path):
    world.run()
    world.run(output="again")
    assert computed == {"generate": 4}
    for column in ("one", "two", "blind", "text"):
        assert world.rows(column, folder=tmp_path / "again") == world.rows(column)


def test_answers_without_their_rows_are_only_scored_again(world, computed):
    world.run()
    before = world.rows("two")
    schema.rows_path(world.folder, "two", 0, "mini_mci").unlink()
    world.run()
    assert computed == {}
    assert world.rows("two") == before


def test_one_more_tokenizer_costs_only_its_own_cells(world, computed, write_vit):
    world.run()
    before = world.journal()
    write_vit("toy-three", 7, folder=world.mine)
    code, _ = world.run("--tokenizers", "one,two,toy-three")
    assert code == 0
    assert computed == {"train": 1, "load_tokenizer": 1, "generate": 1}
    assert world.journal().startswith(before)
    added = [json.loads(line) for line in world.journal()[len(before) :].splitlines()]
    assert {row["column"] for row in added} == {"toy-three"}
    assert len(added) == len(world.rows("toy-three")) == world.limit


def test_a_tokenizer_trained_anew_is_looked_at_anew(world, computed, write_vit):
    world.run()
    before = {column: world.rows(column) for column in ("one", "two")}
    write_vit("toy-two", 9, folder=world.mine)
    world.run()
    assert computed == {"train": 1, "load_tokenizer": 1, "generate": 1}
    assert world.rows("one") == before["one"]
    assert world.rows("two") != before["two"]


def test_a_task_and_a_suite_are_a_file_each(world, computed):
    world.run()
    (world.mine / "my_mci.yaml").write_text(TASK)
    text = "include: toys\ncontrols: [blind]\ntasks: [mini_mci, my_mci]\n"
    (world.mine / "child.yaml").write_text(text)
    code, output = world.run(suite="child")
    assert code == 0, output.err
    assert computed == {"generate": 3}
    tasks = {task["name"]: task["title"] for task in schema.read_run(world.folder)["tasks"]}
    assert tasks == {"mini_mci": "Multi-class identification", "my_mci": "My task"}
    for column in ("one", "two", "blind"):
        assert len(world.rows(column, "my_mci")) == world.limit
    assert "My task" in (world.folder / "report.html").read_text()


def test_missing_weights_cost_one_line_and_nothing_that_was_computed(world, computed, write_vit):
    world.run("--tokenizers", "one")
    before, kept = world.journal(), world.rows("one")
    write_vit("lost", folder=world.mine, weights=False)
    code, output = world.run("--tokenizers", "one,lost")
    assert code == 2
    errors = [line for line in output.err.splitlines() if line.startswith("gvt: error:")]
    (line,) = errors
    assert "lost.yaml: checkpoint folder" in line
    assert "does not exist" in line
    assert "Traceback" not in output.err
    assert world.journal() == before
    assert world.rows("one") == kept
    world.run("--tokenizers", "one")
    assert computed == {}


def test_an_image_that_was_lost_is_told_and_looked_for_again(world, computed, tmp_path):
    world.run()
    whole = world.rows("one")
    first = whole[0]["image_sha256"]
    (lost,) = {row["image"] for row in whole if row["image_sha256"] == first}
    schema.rows_path(world.folder, "one", 0, "mini_mci").unlink()
    (tmp_path / "cache" / "features").rename(tmp_path / "gone")
    (world.folder / JOURNAL_FILE).unlink()
    aside = tmp_path / "aside.png"
    Path(lost).rename(aside)
    code, _ = world.run()
    assert code == 0
    for row, before in zip(world.rows("one"), whole, strict=True):
        if row["image_sha256"] == first:
            assert "FileNotFoundError" in row["error"]
            assert row["scores"] == {}
        else:
            assert row == before
    assert "FileNotFoundError" in (world.folder / "report.html").read_text()
    aside.rename(lost)
    world.run()
    assert world.rows("one") == whole


def test_a_crash_loses_only_what_was_not_answered(world, computed, monkeypatch):
    original = gvt.engine.lm.generate

    def crash(*args):
        if computed["generate"] == 3:
            raise KeyboardInterrupt
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(gvt.engine.lm, "generate", crash)
        code, _ = world.run("--batch_size", "3")
    assert code == 130
    known = len(world.journal().splitlines())
    assert 0 < known < 4 * world.limit
    code, _ = world.run("--batch_size", "3")
    assert code == 0
    assert len(world.journal().splitlines()) == 4 * world.limit
    world.run("--batch_size", "5", output="whole")
    for column in ("one", "two", "blind", "text"):
        assert world.rows(column) == world.rows(column, folder=world.folder.parent / "whole")


def test_a_broken_line_of_the_journal_is_told_and_answered_again(world, computed):
    world.run()
    answers = world.rows("one")
    path = world.folder / JOURNAL_FILE
    path.write_bytes(b"no answer\n" + path.read_bytes().split(b"\n", 1)[1])
    schema.rows_path(world.folder, "one", 0, "mini_mci").unlink()
    world.run()
    assert computed == {"generate": 1}
    assert world.rows("one") == answers
    assert any("1 broken line" in text for text in schema.read_run(world.folder)["warnings"])


def test_two_seeds_are_two_alignments_of_one_encoder(world, computed):
    code, _ = world.run("--tokenizers", "one", "--seed", "0,1")
    assert code == 0
    assert computed["load_tokenizer"] == 2  # one, and blind
    assert computed["train"] == 4
    record = schema.read_run(world.folder)
    hashes = {entry["connector_hash"] for entry in record["alignment"]}
    assert len(hashes) == 4
    for seed in (0, 1):
        path = schema.rows_path(world.folder, "one", seed, "mini_mci")
        assert len(list(schema.read_rows(path))) == world.limit


def test_a_dry_run_foretells_what_the_run_then_does(world, computed, monkeypatch):
    _, before = world.run("--dry_run")
    assert not computed
    assert "mini_mci: 8 samples on 4 images" in before.out
    # Three encoders or in their place, 10 images to align on and 4 to be asked about.
    assert "features: 42 of 42 images to be computed" in before.out
    assert "alignment: 9 of 9 steps to be computed" in before.out
    assert "evaluation: 32 of 32 answers to be computed" in before.out
    assert "cached     0 %" in before.out
    assert "time       not known" in before.out
    code, _ = world.run()
    stages = schema.read_run(world.folder)["stages"]
    for name, wanted in (("features", 42), ("alignment", 9), ("evaluation", 32)):
        assert sum(s["computed"] for s in stages if s["stage"] == name) == wanted
    monkeypatch.setattr(gvt.columns.LanguageModel, "load", None)  # a plan needs no model
    _, after = world.run("--dry_run")
    assert code == 0 and not computed
    assert "cached     100 %" in after.out
    assert "about 0.0 minutes" in after.out
    _, more = world.run("--dry_run", "--seed", "0,1")
    assert "features: 0 of 42" in more.out
    assert "alignment: 9 of 18" in more.out
    assert "evaluation: 24 of 56" in more.out
