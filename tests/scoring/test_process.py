"""Checks the row functions that task YAMLs name."""

import subprocess
import sys

import pytest
import yaml

from gvt.paths import data_dir
from gvt.scoring import process


def test_vqa():
    row = {"doc_id": 1, "answers": ["red"]}
    assert process.vqa(row, ["Red."]) == {"acc": 1.0, "valid": 1.0}
    assert process.vqa(row, [" ?"]) == {"acc": 0.0, "valid": 0.0}


def test_counting_in_gvtbench_format():
    row = {"image_id": 7, "text_in": "How many phones?", "text_out": "3", "n_obj_exist": 4}
    assert process.counting(row, ["cell phones: 3"]) == {
        "acc": 1.0,
        "mae": 0.0,
        "legacy_acc": 0.0,
        "legacy_mae": 2.0,
        "true_count": 3.0,
        "answered_count": 3.0,
        "valid": 1.0,
    }
    assert process.counting(row, ["many"]) == {
        "acc": 0.0,
        "mae": 3.0,
        "legacy_acc": 0.0,
        "legacy_mae": 3.0,
        "true_count": 3.0,
        "valid": 0.0,
    }
    # The release scores the first sentence only.
    assert process.counting(row, ["dogs. 3"])["acc"] == 1.0
    assert process.counting(row, ["dogs. 3"])["legacy_acc"] == 0.0


def test_yes_no_in_gvtbench_format():
    row = {"image_id": 7, "text_in": "Does cat exist?", "text_out": "No.", "n_obj_exist": 4}
    assert process.yes_no(row, ["No, none"]) == {
        "acc": 1.0,
        "legacy_acc": 1.0,
        "said_yes": 0.0,
        "is_yes": 0.0,
        "n_objects": 4.0,
        "valid": 1.0,
    }
    assert process.yes_no(row, ["yes and no"]) == {
        "acc": 0.0,
        "legacy_acc": 1.0,
        "said_yes": 0.0,
        "is_yes": 0.0,
        "n_objects": 4.0,
        "valid": 0.0,
    }
    assert process.yes_no({"answers": ["yes"]}, ["Yes"])["legacy_acc"] == 1.0


def test_caption_is_scored_over_the_corpus():
    rows = [{"answers": ["a red circle", "one circle"]}, {"answers": ["two dogs on grass"]}]
    items = [process.caption(row, [row["answers"][0]])["cider"] for row in rows]
    scores = process.corpus_scores("cider", items)
    assert len(scores) == 2
    assert scores[0] > 1
    assert process.cider_mean(items) == pytest.approx(sum(scores) / 2)
    assert process.caption(rows[0], ["."])["valid"] == 0.0
    assert process.cider_mean([]) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: process.vqa({"doc_id": 5}, ["x"]), "row 5 has no answer"),
        (lambda: process.counting({"doc_id": 5, "answers": ["many"]}, ["1"]), "row 5.*not a count"),
        (lambda: process.yes_no({"doc_id": 5, "answers": ["red"]}, ["no"]), "row 5.*neither"),
        (lambda: process.corpus_scores("wups", []), "'wups'.*known: bleu_1.*cider"),
    ],
)
def test_bad_rows_say_which(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("answer", "first"),
    [
        ("Yes. It does.", "Yes."),
        ("two  dogs", "two dogs."),
        ("3.5 dogs", "3."),
        ("one\ntwo", "one."),
        ('".5 dogs', "5 dogs."),
        ('" .5', "5."),
        ("", ""),
        ("...", ""),
    ],
)
def test_first_sentence(answer, first):
    assert process.first_sentence(answer) == first


def test_scoring_imports_no_torch():
    code = "import sys, gvt.scoring.process; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


class _Names(yaml.SafeLoader):
    """Reads `!function a.b.c` as the text "a.b.c"."""


_Names.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))
SAMPLES = {
    "vqa": {"answers": ["red"]},
    "vqa_official": {"answers": ["red"] * 10, "answer_type": "other"},
    "counting": {"text_out": "3"},
    "yes_no": {"text_out": "No", "n_obj_exist": 3},
    "caption": {"answers": ["a red circle"]},
}


@pytest.mark.parametrize(
    "path", sorted(data_dir("tasks").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_task_lists_what_its_row_function_returns(path):
    """lm-eval averages what is not listed, which fails for what is no number."""
    task = yaml.load(path.read_text("utf-8"), _Names)
    module, _, function = str(task.get("process_results")).rpartition(".")
    sample = SAMPLES.get(function.removesuffix("_full"))
    if module != process.__name__ or sample is None:
        pytest.skip("scored by another function")
    scores = getattr(process, function)(sample, ["3 red, no"])
    listed = {entry["metric"]: entry["aggregation"] for entry in task["metric_list"]}
    optional = {"acc_yes_no", "acc_number", "n_objects"}
    assert listed.keys() - optional <= scores.keys()
    for name, value in scores.items():
        if isinstance(value, tuple):
            aggregate = getattr(process, listed[name].removeprefix(f"{process.__name__}."))
            assert isinstance(aggregate([value]), float)
