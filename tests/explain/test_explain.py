"""`gvt explain`: the sample, every answer, and steps that lead to the scores that the run has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from gvt.cli import main
from gvt.errors import UserError
from gvt.explain import explain
from gvt.scoring import process
from leaderboard import schema
from tests.leaderboard.conftest import column, task

ROOT = Path(__file__).resolve().parents[2]
SAID = {"deit": ["4", "4"], "clip": ["four", "no idea"], "blind": ["2", "2"]}


def row(number, answer, **other):
    doc = {"answers": ["4"], "doc_id": number}
    scores = process.counting(doc, [answer])
    return (
        schema.Row(
            doc_id=number,
            image_id="a",
            image="images/a.png",
            image_sha256="0" * 64,
            category="few",
            question="How many stars are there?",
            gold=["4"],
            answer=answer,
            valid=bool(scores.pop("valid")),
            scores=scores,
            truncated=False,
            chance=0.25,
            error=None,
        )
        | other
    )


@pytest.fixture
def write_run(tmp_path):
    """write_run({(column, seed, task): rows}): a run directory of these files."""

    def write(cells, tasks=("mini_oc",)):
        folder = tmp_path / "run"
        columns = {name: None for name, _, _ in cells}
        run = schema.Run(
            format_version=schema.FORMAT_VERSION,
            suite="toys",
            title="Toys",
            command=[],
            created="2026-11-21T10:00:00+00:00",
            finished=None,
            seeds=sorted({seed for _, seed, _ in cells}),
            versions={},
            hardware={},
            config={},
            columns=[
                column(name, "control" if name == "blind" else "tokenizer") for name in columns
            ],
            tasks=[task("oc") | {"name": name} for name in tasks],
            stages=[],
            alignment=[],
            warnings=[],
        )
        schema.write_run(folder, run)
        for (name, seed, of), rows in cells.items():
            schema.write_rows(schema.rows_path(folder, name, seed, of), rows)
        (folder / "images").mkdir()
        Image.new("RGB", (30, 20)).save(folder / "images" / "a.png")
        return folder

    return write


@pytest.fixture
def counts(write_run):
    """Two seeds of three columns that counted the same image."""
    cells = {
        (name, seed, "mini_oc"): [row(0, "1"), row(7, answer)]
        for name, answers in SAID.items()
        for seed, answer in enumerate(answers)
    }
    cells["clip", 1, "mini_oc"][1]["truncated"] = True
    lost = {"answer": None, "scores": {}, "valid": False, "error": "a.png: OSError: broken"}
    cells["blind", 1, "mini_oc"][1].update(lost)
    return write_run(cells)


def test_every_answer_with_the_steps_to_its_score(counts):
    found = explain(counts, "mini_oc:7")
    assert (found.image, found.image_size) == (counts / "images" / "a.png", (30, 20))
    assert found.row["question"] == "How many stars are there?" and not found.notes
    said = {(one.column["name"], one.seed): one.row["answer"] for one in found.answers}
    wanted = {(name, seed): text for name, two in SAID.items() for seed, text in enumerate(two)}
    assert said == wanted | {("blind", 1): None}
    wanted = ("strict rule", "number read")
    read = {
        (one.column["name"], one.seed): [
            step.value for step in one.steps if (step.rule, step.what) == wanted
        ]
        for one in found.answers
    }
    assert read == {
        ("deit", 0): [4],
        ("deit", 1): [4],
        ("clip", 0): [4],
        ("clip", 1): ["none that is clear"],
        ("blind", 0): [2],
        ("blind", 1): [],
    }


def test_what_is_printed(counts, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["explain", str(counts), "--sample", "7"]) == 0  # one task only
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    told = " ".join(shown.split())
    assert "Counting mini_oc:7 image images/a.png (30 × 20 pixels)" in told
    assert "right 4 category few chance 25.0 %" in told
    assert '"4" DeiT (all 2 seeds) GVTBench release' in told
    assert '"four" CLIP (seed 0) GVTBench release' in told
    cut = '"no idea" cut off by the token limit; invalid: the rule finds no answer in it CLIP'
    assert f"{cut} (seed 1)" in told
    assert "no answer failed: a.png: OSError: broken Blind (seed 1)" in told
    assert "scores acc 0, mae 4, legacy_acc 0" in told
    assert told.endswith("The tables show acc.")


def test_hostile_text_stays_text(write_run, capsys):
    bad = "\x1b[31m[red]\u202eevil\n</script>"
    folder = write_run({("deit", 0, "mini_oc"): []})
    path = schema.rows_path(folder, "deit", 0, "mini_oc")
    schema.write_rows(path, [row(0, bad, question=bad, category=bad, image="../\0" + bad)])
    assert main(["explain", str(folder), "--sample", "mini_oc:0"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown
    assert "[red]" in shown and "</script>" in shown and "no image there" in shown


def test_a_sample_is_found_or_the_ways_to_name_it_are_told(write_run):
    cells = {
        ("deit", 0, name): [row(0, "1"), row(i, "1")]
        for i, name in enumerate(("mini_oc", "other"), start=3)
    }
    folder = write_run(cells, tasks=("mini_oc", "other"))
    assert explain(folder, "3").task["name"] == "mini_oc"
    assert explain(folder, "0", "mini_oc").row["doc_id"] == 0
    for sample, task_name, wrong in (
        ("0", None, "2 tasks have a sample 0"),
        ("9", None, "no task of .* has a sample 9"),
        ("mini_oc:4", None, "has no sample 4 of task 'mini_oc'"),
        ("mini_co:0", None, "unknown task 'mini_co'"),
        ("mini_oc:0", "other", "is of another task than --task other"),
        ("mini_oc:x", None, "'x' is no number of a sample"),
        (f"mini_oc:{'9' * 5000}", None, "is no number of a sample"),
    ):
        with pytest.raises(UserError, match=wrong):
            explain(folder, sample, task_name)


def test_scores_of_another_rule_are_told(write_run):
    changed = row(0, "4")
    changed["scores"]["acc"] = 0.0
    folder = write_run({("deit", 0, "mini_oc"): [changed]})
    # The task itself is asked then: here for a sample that has another right answer.
    found = explain(folder, "0")
    assert any("'gvt score' scores it anew" in note for note in found.notes)


def test_a_task_that_is_not_known_here_is_shown_without_steps(write_run):
    folder = write_run({("deit", 0, "nobodys"): [row(0, "4")]}, tasks=("nobodys",))
    found = explain(folder, "0")
    assert found.answers[0].steps == ()
    assert any("No task 'nobodys' is known here" in note for note in found.notes)


def test_a_pair_task_is_asked_for_what_rows_do_not_tell(data_root, write_run):
    """MMVP's rule wants the options, which only the task has."""
    from gvt import catalog
    from gvt.engine.evaluate import load_tasks

    doc = load_tasks({"mmvp": catalog.tasks()["mmvp"]}, 1).docs("mmvp")[0]
    gold = doc["answers"]
    said = row(0, gold[0], gold=gold, image_id=doc["image_id"], scores={"acc": 1.0})
    folder = write_run({("deit", 0, "mmvp"): [said]}, tasks=("mmvp",))
    (answer,) = explain(folder, "0").answers
    assert [step.value for step in answer.steps] == [gold[0].strip("()"), gold[0]]


def test_no_torch(counts):
    script = (
        "import sys\n"
        "from gvt.cli import main\n"
        "assert main(['explain', sys.argv[1], '--sample', '7']) == 0\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(counts)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
