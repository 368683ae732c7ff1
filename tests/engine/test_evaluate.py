"""lm-eval's samples as rows: six of them scored by hand, failures and corpus scores among them."""

import shutil

import numpy as np
import pytest

from gvt.engine.evaluate import evaluate, load_tasks
from gvt.errors import UserError
from gvt.scoring.caption import cider_d
from leaderboard import schema

# question, image, right answers, what the model says, and the score by hand
TABLE = [
    ("one", "a", ["red"], "Red.", 1.0),
    ("two", "a", ["3"], "three", 1.0),
    ("three", "b", ["yes"], "no", 0.0),
    ("four", "c", ["circle", "ring"], "a ring\nand more", 1.0),
    ("five", "broken", ["x"], None, None),
    ("six", "b", ["blue"], "blue sky…", 0.0),
]
SCRIPT = {f"Q: {question}": said for question, _, _, said, _ in TABLE}
BROKEN = {"sha-broken": "OSError: broken"}


def rows(table=TABLE):
    return [
        {
            "image_id": f"im/{image}",
            "image": f"/nowhere/{image}.png",
            "image_sha256": f"sha-{image}",
            "question": question,
            "answers": golds,
            "category": "odd" if number % 2 else None,
            "chance": 0.5 if number % 2 else None,
        }
        for number, (question, image, golds, _, _) in enumerate(table)
    ]


def test_six_rows_scored_by_hand(write_task, make_lm):
    tasks = load_tasks({"toy": write_task("toy", rows())}, None)
    found = evaluate(make_lm(SCRIPT, BROKEN), tasks, ["toy"])["toy"]
    for number, row in enumerate(found):
        schema.validate_row(row)
        assert row["doc_id"] == number
    assert [row["question"] for row in found] == ["one", "two", "three", "four", "five", "six"]
    assert [row["scores"].get("acc") for row in found] == [row[4] for row in TABLE]
    assert [row["answer"] for row in found] == ["Red.", "three", "no", "a ring", None, "blue sky"]
    assert [row["gold"] for row in found] == [row[2] for row in TABLE]
    assert [row["image_id"] for row in found] == [f"im/{row[1]}" for row in TABLE]
    assert [row["image_sha256"] for row in found] == [f"sha-{row[1]}" for row in TABLE]
    assert [row["category"] for row in found] == [None, "odd"] * 3
    assert [row["chance"] for row in found] == [None, 0.5] * 3
    assert [row["truncated"] for row in found] == [False] * 5 + [True]
    assert [row["valid"] for row in found] == [True] * 4 + [False, True]


def test_a_failed_image_is_told_and_scores_nothing(write_task, make_lm):
    tasks = load_tasks({"toy": write_task("toy", rows())}, None)
    found = evaluate(make_lm(SCRIPT, BROKEN), tasks, ["toy"])["toy"]
    assert found[4]["error"] == "/nowhere/broken.png: OSError: broken"
    assert found[4]["scores"] == {}
    assert [number for number, row in enumerate(found) if row["error"]] == [4]


def test_an_empty_answer_is_wrong_and_not_a_failure(write_task, make_lm):
    tasks = load_tasks({"toy": write_task("toy", rows())}, 1)
    (row,) = evaluate(make_lm({"Q: one": ""}), tasks, ["toy"])["toy"]
    assert (row["answer"], row["scores"]["acc"], row["error"], row["valid"]) == ("", 0, None, False)


@pytest.mark.parametrize(("limit", "count"), [(2, 2), (0.5, 3), (0.51, 4), (100, 6), (None, 6)])
def test_the_limit(write_task, make_lm, limit, count):
    tasks = load_tasks({"toy": write_task("toy", rows())}, limit)
    assert tasks.count("toy") == count
    found = evaluate(make_lm(SCRIPT, BROKEN), tasks, ["toy"])["toy"]
    assert [row["doc_id"] for row in found] == list(range(count))
    met = list(dict.fromkeys(row[1] for row in TABLE[:count]))
    assert [image["sha256"] for image in tasks.images()] == [f"sha-{name}" for name in met]


def test_captions_are_weighed_among_those_that_were_answered(write_task, make_lm):
    references = [
        ["a red circle", "one red circle"],
        ["a blue star"],
        ["two green rings"],
        ["a moon", "the black moon"],
    ]
    said = ["a red circle", "a star", "lost", "a moon in black"]
    images = ["a", "b", "broken", "c"]
    table = list(zip("1234", images, references, said, said, strict=True))
    path = write_task(
        "toy",
        rows(table),
        scoring="caption",
        metric="cider",
        aggregation="!function gvt.scoring.process.cider_mean",
    )
    tasks = load_tasks({"toy": path}, None)
    script = {f"Q: {number}": text for number, text in zip("1234", said, strict=True)}
    found = evaluate(make_lm(script, BROKEN), tasks, ["toy"])["toy"]
    kept = [0, 1, 3]
    wanted = cider_d(
        [said[i].split() for i in kept],
        [[text.split() for text in references[i]] for i in kept],
    )
    assert wanted.min() > 0
    np.testing.assert_allclose([found[i]["scores"]["cider"] for i in kept], wanted)
    assert found[2]["scores"] == {}
    assert found[2]["error"]


def test_a_metric_that_needs_java_is_refused_before_the_run(write_task, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    path = write_task(
        "toy",
        rows(),
        scoring="caption",
        metric="meteor",
        aggregation="!function gvt.scoring.java.meteor_mean",
    )
    with pytest.raises(UserError, match=r"task 'toy' asks for METEOR.*Java runtime"):
        load_tasks({"toy": path}, None)


def test_a_task_asks_the_same_wherever_its_file_lies(write_task, tmp_path):
    path = write_task("toy", rows())
    other = tmp_path / "elsewhere" / "toy.yaml"
    other.parent.mkdir()
    other.write_text(path.read_text())
    stamps = {load_tasks({"toy": one}, None).stamp("toy", "model") for one in (path, other)}
    assert len(stamps) == 1
    other.write_text(path.read_text().replace("max_gen_toks: ", "max_gen_toks: 1"))
    assert load_tasks({"toy": other}, None).stamp("toy", "model") not in stamps


def test_what_the_report_is_told_of_a_task(write_task):
    path = write_task("toy", rows())
    (info,) = load_tasks({"toy": path}, None).info
    assert (info["name"], info["title"], info["metric"], info["unit"]) == (
        "toy",
        "Toy",
        "acc",
        "percent",
    )
    moved = [row | {"image": "/else/where.png"} for row in rows()]
    assert load_tasks({"toy": write_task("toy", moved)}, None).info == [info]
    other = [row | {"answers": ["other"]} for row in rows()]
    (changed,) = load_tasks({"toy": write_task("toy", other)}, None).info
    assert changed["dataset_hash"] != info["dataset_hash"]
    (fewer,) = load_tasks({"toy": path}, 2).info
    assert fewer["dataset_hash"] != info["dataset_hash"]


def test_the_prompt_hash_tells_prompts_apart_and_nothing_else(write_task, tmp_path):
    path = write_task("toy", rows())
    written = path.read_text()

    def hashed(old="", new=""):
        assert old in written
        path.write_text(written.replace(old, new) if old else written)
        return load_tasks({"toy": path}, None).info[0]["prompt_hash"]

    first = hashed()
    assert len(first) == 64
    assert hashed() == first
    assert hashed("title: Toy", "title: Other, description: of old, skill: semantics") == first
    assert hashed('"Q: {{question}}"', '"Q:  {{question}}"') != first
    assert hashed("max_gen_toks: 8", "max_gen_toks: 9") != first
    assert hashed("gvt.scoring.process.vqa", "gvt.scoring.process.yes_no") != first
    assert hashed('["\\n"]', '["."]') != first
    moved = tmp_path / "moved.jsonl"
    moved.write_bytes((tmp_path / "toy.jsonl").read_bytes())
    assert hashed("toy.jsonl", "moved.jsonl") == first


def test_a_prompt_that_a_called_function_changed_has_another_hash(write_task, monkeypatch):
    from gvt.data import prompts

    path = write_task("toy", rows())
    text = path.read_text()
    path.write_text(text.replace('"Q: {{question}}"', "!function gvt.data.prompts.vqa"))
    (before,) = load_tasks({"toy": path}, None).info
    monkeypatch.setattr(prompts, "vqa_prompt", lambda question: f"Q. {question} A.")
    (after,) = load_tasks({"toy": path}, None).info
    assert before["prompt_hash"] != after["prompt_hash"]
    assert before["dataset_hash"] == after["dataset_hash"]


def test_the_skill_of_a_task(write_task):
    path = write_task("toy", rows())
    text = path.read_text()
    assert "skill" not in load_tasks({"toy": path}, None).info[0]
    path.write_text(text.replace("title: Toy", "title: Toy, skill: fine-grained"))
    assert load_tasks({"toy": path}, None).info[0]["skill"] == "fine-grained"
    path.write_text(text.replace("title: Toy", "title: Toy, skill: fine grained"))
    with pytest.raises(schema.SchemaError, match="skill is 'fine grained', expected one of"):
        _ = load_tasks({"toy": path}, None).info


def test_a_task_has_a_ceiling_if_all_its_rows_tell_the_scene(write_task):
    told = [row | {"scene_text": "a circle"} for row in rows()]
    told[3]["scene_text"] = ""
    tasks = load_tasks({"toy": write_task("toy", told)}, None)
    assert not tasks.described("toy")
    assert load_tasks({"toy": write_task("toy", told)}, 3).described("toy")


def test_a_task_that_cannot_be_loaded_is_named(write_task, tmp_path):
    path = write_task("toy", rows())
    (tmp_path / "toy.jsonl").unlink()
    with pytest.raises(UserError, match=r"toy\.yaml: task 'toy' cannot be loaded"):
        load_tasks({"toy": path}, None)


def test_a_users_task_replaces_the_shipped_one_of_its_name(write_task, tmp_path):
    """Even if another task of the shipped folder is asked for beside it."""
    shipped = tmp_path / "zzz-shipped"
    mine = write_task("toy", rows())
    beside = write_task("beside", rows())
    shipped.mkdir()
    (shipped / "toy.yaml").write_text(mine.read_text().replace("title: Toy", "title: Theirs"))
    (shipped / "beside.yaml").write_text(beside.read_text())
    beside.unlink()
    tasks = load_tasks({"toy": mine, "beside": shipped / "beside.yaml"}, None)
    assert [one["title"] for one in tasks.info] == ["Toy", "Toy"]
