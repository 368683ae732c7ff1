"""Published benchmarks from their official files to the report, by `gvt run` on toys."""

import json

import pytest
from accelerate.state import AcceleratorState

import gvt.hardware
from gvt.align import data
from gvt.cli import main
from gvt.data.images import MiniImages
from leaderboard import schema

LIMIT = 8
PAPER = ("vqav2_val", "coco_caption_val", "oc_coco", "mci_coco")


@pytest.fixture(autouse=True)
def _toy_world(tmp_path, monkeypatch):
    """Ten scenes to align on, an empty cache, float32; runs are written below tmp_path."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gvt.hardware, "mixed_precision", lambda *_: "no")
    monkeypatch.setattr(data.mini, "ALIGN_SCENES", 10)
    monkeypatch.setattr(data.MiniQuestions, "images", MiniImages("align", 10))
    for cached in (data.source, data.mini._align_scenes):
        cached.cache_clear()
    AcceleratorState._reset_state(True)
    yield
    for cached in (data.source, data.mini._align_scenes):
        cached.cache_clear()
    AcceleratorState._reset_state(True)


@pytest.fixture
def run(tmp_path, llm_folder, write_toys, data_root, monkeypatch, capfd):
    """run(tasks, *flags): the command on one toy tokenizer; exit code and output."""
    mine = tmp_path / "mine"
    write_toys(mine)
    monkeypatch.setenv("GVT_DATA", str(tmp_path / "elsewhere"))  # the flag must win

    def run(tasks, *flags):
        command = (
            f"run --suite toys --include_path {mine} --llm {llm_folder} --device cpu"
            f" --tokenizers one --tasks {tasks} --data_root {data_root}"
            f" --limit {LIMIT} --output_path {tmp_path / 'run'}"
        )
        return main([*command.split(), *flags]), capfd.readouterr()

    return run


def rows(folder, task, column="one"):
    return [row for _, row in schema.read_rows(schema.rows_path(folder, column, 0, task))]


def test_the_papers_tasks_from_official_files_to_the_report(run, tmp_path):
    code, output = run(",".join(PAPER))
    assert code == 0, output.err
    record = schema.read_run(tmp_path / "run")
    assert [task["name"] for task in record["tasks"]] == list(PAPER)
    assert all(task["bibtex"][0].startswith("@") for task in record["tasks"])
    found = {task: rows(tmp_path / "run", task) for task in PAPER}
    assert [len(found[task]) for task in PAPER] == [LIMIT, 4, LIMIT, LIMIT]
    for of_task in found.values():
        for row in of_task:
            assert row["error"] is None
            assert len(row["image_sha256"]) == 64
    (first, *_) = found["vqav2_val"]
    assert len(first["gold"]) == 10
    assert first["question"].endswith("?")
    assert {"acc", "legacy_acc", "acc_number"} <= first["scores"].keys()
    assert {"cider", "bleu_4", "rouge_l"} <= found["coco_caption_val"][0]["scores"].keys()
    assert {"mae", "legacy_acc"} <= found["oc_coco"][0]["scores"].keys()
    page = (tmp_path / "run" / "report.html").read_text()
    for title in ("VQAv2", "COCO captions (val)", "Object counting (COCO)", "Identification"):
        assert title in page


def test_a_test_split_is_answered_for_the_server(run, tmp_path, data_root):
    code, output = run("vqav2_testdev,mmvp")
    assert code == 0, output.err
    path = tmp_path / "run" / "submissions" / "one" / "seed0" / "vqav2_testdev.json"
    submission = json.loads(path.read_text())
    asked = data_root / "vqav2" / "v2_OpenEnded_mscoco_test-dev2015_questions.json"
    questions = json.loads(asked.read_text())["questions"][:LIMIT]
    assert [one["question_id"] for one in submission] == [one["question_id"] for one in questions]
    answers = [row["answer"] for row in rows(tmp_path / "run", "vqav2_testdev")]
    assert [one["answer"] for one in submission] == [text.strip() for text in answers]
    assert all(row["scores"] == {} for row in rows(tmp_path / "run", "vqav2_testdev"))
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Submission written" in page
    assert "submissions/one/seed0/vqav2_testdev.json" in page
    shown = " ".join(output.out.split())
    assert "VQAv2 test-dev: no score, submission written: submissions/one/seed0" in shown
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert set(scores["columns"]["one"]) == {"mmvp"}
    assert scores["frames"]["mmvp"]["majority"] is None  # no constant answers both of a pair
    assert scores["frames"]["mmvp"]["chance"] == 0.25
    path.unlink()
    run("vqav2_testdev,mmvp")
    assert json.loads(path.read_text()) == submission
    path.unlink()
    assert main(["score", str(tmp_path / "run"), "--data_root", str(data_root)]) == 0
    assert json.loads(path.read_text()) == submission


def test_nothing_but_a_test_split(run, tmp_path):
    code, output = run("vqav2_testdev")
    assert code == 0, output.err
    assert "Nothing was scored" in (tmp_path / "run" / "report.html").read_text()


def test_a_broken_file_stops_the_run_before_anything_is_computed(run, tmp_path, data_root):
    path = data_root / "gvtbench" / "coco_mci.json"
    path.write_text(path.read_text()[:-30])
    code, output = run("pope,mci_coco")
    assert code == 2
    (line,) = [line for line in output.err.splitlines() if line.startswith("gvt: error:")]
    assert "coco_mci.json" in line
    assert "Traceback" not in output.err
    assert not (tmp_path / "run" / "run.json").exists()
    assert not (tmp_path / "cache" / "features").exists()


def test_a_missing_image_stops_the_run_unless_the_limit_does_not_reach_it(run, tmp_path, data_root):
    late = sorted((data_root / "coco" / "val2017").iterdir())[-1]
    late.unlink()
    code, output = run("oc_coco")
    assert code == 0, output.err
    code, output = run("oc_coco", "--limit", "12")
    assert code == 2
    assert f"1 of 12 images are missing: {late} (coco_oc.json: entry[11])" in output.err
