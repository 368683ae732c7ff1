"""The whole of `gvt run` on toys: rows and report, nothing computed twice, nothing lost."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from accelerate.state import AcceleratorState
from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager
from transformers import M2M100Config

import gvt.align.connectors
import gvt.columns
import gvt.engine.features
import gvt.engine.lm
import gvt.hardware
import gvt.lm_eval
from gvt.align import data
from gvt.cli import main
from gvt.data import mini
from gvt.data.images import MiniImages
from gvt.engine.journal import JOURNAL_FILE
from gvt.paths import data_dir
from leaderboard import schema

LIMIT = 8
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


@pytest.fixture(autouse=True)
def _toy_world(tmp_path, monkeypatch):
    """Few scenes, an empty cache, float32; runs are written below tmp_path."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gvt.hardware, "mixed_precision", lambda *_: "no")
    monkeypatch.setattr(mini, "HELDOUT", 6)
    monkeypatch.setattr(mini, "_IDENTIFIED", 6)
    monkeypatch.setattr(data, "ALIGN_SCENES", 10)
    monkeypatch.setattr(data.MiniQuestions, "images", MiniImages("align", 10))
    caches = (mini._images, mini._scenes, data.source, data._align_scenes)
    for cached in caches:
        cached.cache_clear()
    AcceleratorState._reset_state(True)
    yield
    for cached in caches:
        cached.cache_clear()
    AcceleratorState._reset_state(True)


@pytest.fixture
def computed(monkeypatch):
    """How often each expensive thing was done."""
    counter = Counter()

    def count(module, name):
        original = getattr(module, name)

        def counted(*args, **kwargs):
            counter[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    count(gvt.align.connectors, "train")
    count(gvt.engine.features, "load_tokenizer")
    count(gvt.engine.lm, "generate")
    return counter


@pytest.fixture
def world(tmp_path, llm_folder, write_toys, computed, capfd):
    """A folder of a user's own files, and `run(…)`: the command over it; exit code and output."""
    mine = tmp_path / "mine"
    write_toys(mine)

    def run(*flags, suite="toys", output="run"):
        computed.clear()
        code = main(
            [
                *("run", "--suite", suite, "--include_path", str(mine), "--llm", str(llm_folder)),
                *("--limit", str(LIMIT), "--device", "cpu"),
                *("--output_path", str(tmp_path / output)),
                *flags,
            ]
        )
        return code, capfd.readouterr()

    return SimpleNamespace(mine=mine, folder=tmp_path / "run", run=run)


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
            found = rows(world.folder, column, task)
            assert [row["doc_id"] for row in found] == list(range(LIMIT))
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


def journal(folder):
    return (folder / JOURNAL_FILE).read_bytes()


def rows(folder, column, task="mini_mci"):
    return [row for _, row in schema.read_rows(schema.rows_path(folder, column, 0, task))]


def test_a_run_from_start_to_report(world, computed):
    code, output = world.run()
    assert code == 0
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
    truth = mini.mci_rows()["heldout"].select(range(LIMIT))
    for column in kinds:
        found = rows(world.folder, column)
        assert [row["doc_id"] for row in found] == list(range(LIMIT))
        assert [row["gold"] for row in found] == [[text] for text in truth["text_out"]]
        assert [row["image_sha256"] for row in found] == truth["image_sha256"]
        assert all(row["error"] is None and 0 <= row["scores"]["acc"] <= 1 for row in found)
    audited = [row for _, row in schema.read_rows(schema.audit_path(world.folder, "mini_mci"))]
    assert [row["gold"] for row in audited] == [[text] for text in truth["text_out"]]
    assert record["tasks"][0]["image_free"]["predictors"].keys() >= {"constant", "noun", "words"}
    said = {column: [row["answer"] for row in rows(world.folder, column)] for column in kinds}
    assert len(set(map(tuple, said.values()))) == 4  # every column reads something else
    page = (world.folder / "report.html").read_text()
    titles = ("Toy toy-one", "Toy toy-two", "identification", "Best without image")
    assert all(title in page for title in titles)
    assert computed == {"train": 3, "load_tokenizer": 3, "generate": 4}


def test_the_second_time_nothing_is_computed(world, computed):
    world.run()
    before, answers = journal(world.folder), rows(world.folder, "one")
    code, _ = world.run()
    assert (code, computed) == (0, {})
    assert journal(world.folder) == before
    assert rows(world.folder, "one") == answers
    stages = schema.read_run(world.folder)["stages"]
    assert stages
    assert all(stage["cached"] for stage in stages)


def test_another_folder_trains_nothing_and_says_the_same(world, computed, tmp_path):
    world.run()
    world.run(output="again")
    assert computed == {"generate": 4}
    for column in ("one", "two", "blind", "text"):
        assert rows(tmp_path / "again", column) == rows(world.folder, column)


def test_answers_without_their_rows_are_only_scored_again(world, computed):
    world.run()
    before = rows(world.folder, "two")
    schema.rows_path(world.folder, "two", 0, "mini_mci").unlink()
    world.run()
    assert computed == {}
    assert rows(world.folder, "two") == before


def test_one_more_tokenizer_costs_only_its_own_cells(world, computed, write_vit):
    world.run()
    before = journal(world.folder)
    write_vit("toy-three", 7, folder=world.mine)
    code, _ = world.run("--tokenizers", "one,two,toy-three")
    assert code == 0
    assert computed == {"train": 1, "load_tokenizer": 1, "generate": 1}
    assert journal(world.folder).startswith(before)
    added = [json.loads(line) for line in journal(world.folder)[len(before) :].splitlines()]
    assert {row["column"] for row in added} == {"toy-three"}
    assert len(added) == len(rows(world.folder, "toy-three")) == LIMIT


def test_a_tokenizer_trained_anew_is_looked_at_anew(world, computed, write_vit):
    world.run()
    before = {column: rows(world.folder, column) for column in ("one", "two")}
    write_vit("toy-two", 9, folder=world.mine)
    world.run()
    assert computed == {"train": 1, "load_tokenizer": 1, "generate": 1}
    assert rows(world.folder, "one") == before["one"]
    assert rows(world.folder, "two") != before["two"]


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
        assert len(rows(world.folder, column, "my_mci")) == LIMIT
    assert "My task" in (world.folder / "report.html").read_text()


def test_missing_weights_cost_one_line_and_nothing_that_was_computed(world, computed, write_vit):
    world.run("--tokenizers", "one")
    before, kept = journal(world.folder), rows(world.folder, "one")
    write_vit("lost", folder=world.mine, weights=False)
    code, output = world.run("--tokenizers", "one,lost")
    assert code == 2
    errors = [line for line in output.err.splitlines() if line.startswith("gvt: error:")]
    (line,) = errors
    assert "lost.yaml: checkpoint folder" in line
    assert "does not exist" in line
    assert "Traceback" not in output.err
    assert journal(world.folder) == before
    assert rows(world.folder, "one") == kept
    world.run("--tokenizers", "one")
    assert computed == {}


def test_an_image_that_was_lost_is_told_and_looked_for_again(world, computed, tmp_path):
    world.run()
    whole = rows(world.folder, "one")
    first = whole[0]["image_sha256"]
    (lost,) = {row["image"] for row in whole if row["image_sha256"] == first}
    schema.rows_path(world.folder, "one", 0, "mini_mci").unlink()
    (tmp_path / "cache" / "features").rename(tmp_path / "gone")
    (world.folder / JOURNAL_FILE).unlink()
    aside = tmp_path / "aside.png"
    Path(lost).rename(aside)
    code, _ = world.run()
    assert code == 0
    for row, before in zip(rows(world.folder, "one"), whole, strict=True):
        if row["image_sha256"] == first:
            assert "FileNotFoundError" in row["error"]
            assert row["scores"] == {}
        else:
            assert row == before
    assert "FileNotFoundError" in (world.folder / "report.html").read_text()
    aside.rename(lost)
    world.run()
    assert rows(world.folder, "one") == whole


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
    known = len(journal(world.folder).splitlines())
    assert 0 < known < 4 * LIMIT
    code, _ = world.run("--batch_size", "3")
    assert code == 0
    assert len(journal(world.folder).splitlines()) == 4 * LIMIT
    world.run("--batch_size", "5", output="whole")
    for column in ("one", "two", "blind", "text"):
        assert rows(world.folder, column) == rows(world.folder.parent / "whole", column)


def test_a_broken_line_of_the_journal_is_told_and_answered_again(world, computed):
    world.run()
    answers = rows(world.folder, "one")
    path = world.folder / JOURNAL_FILE
    path.write_bytes(b"no answer\n" + path.read_bytes().split(b"\n", 1)[1])
    schema.rows_path(world.folder, "one", 0, "mini_mci").unlink()
    world.run()
    assert computed == {"generate": 1}
    assert rows(world.folder, "one") == answers
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
        assert len(list(schema.read_rows(path))) == LIMIT


def test_a_published_model_is_one_more_column(world, computed, save_llava):
    folder = save_llava()
    code, _ = world.run("--model", folder)
    assert code == 0
    name = Path(folder).name
    run = schema.read_run(world.folder)
    (column,) = (column for column in run["columns"] if column["name"] == name)
    assert (column["kind"], column["visual_tokens"]) == ("tokenizer", 16)
    assert len(rows(world.folder, name)) == LIMIT
    assert all(row["error"] is None for row in rows(world.folder, name))
    computed.clear()
    world.run("--model", folder)
    assert computed == {}


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
    # Of the first toy two layers, of the second one, and blind; 14 images each.
    assert "features: 56 of 98 images to be computed" in plan.out
    code, output = world.run("--tokenizers", *asked)
    assert code == 0, output.err
    assert computed["load_tokenizer"] == 4
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
    assert sum(encoded) == 56
    said = [[row["answer"] for row in rows(world.folder, name)] for name in names]
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
    assert len(rows(world.folder, "toy-two-weights")) == LIMIT


def test_stock_lm_eval_takes_the_same_expressions(world, llm_folder):
    world.run("--tokenizers", "toy-one[layer=0,tokens=4]")
    said = [row["answer"] for row in rows(world.folder, "toy-one@layer=0,tokens=4")]
    AcceleratorState._reset_state(True)
    arguments = f"tokenizer=toy-one[layer=0][tokens=4],llm={llm_folder},recipe=toy,device=cpu"
    found = simple_evaluate(
        model="gvt",
        model_args=f"{arguments},include_path={world.mine}",
        tasks=["mini_mci"],
        task_manager=TaskManager(include_path=str(data_dir("tasks")), include_defaults=False),
        limit=LIMIT,
        bootstrap_iters=0,
    )
    assert [sample["resps"][0][0] for sample in found["samples"]["mini_mci"]] == said
