"""Every warning comes with a run made for it, and none with a clean one."""

import json
import re

import pytest

import leaderboard
from leaderboard import schema
from leaderboard.caveats import caveats
from leaderboard.results import load_results


def change_run(run_dir, change):
    run = schema.read_run(run_dir)
    change(run)
    schema.write_run(run_dir, run)


def change_rows(run_dir, column, task, change, seeds=(1, 2)):
    for seed in seeds:
        path = schema.rows_path(run_dir, column, seed, task)
        rows = [row for _, row in schema.read_rows(path)]
        path.unlink()
        schema.write_rows(path, change(rows))


def clean(run):
    run["warnings"] = []
    for column in run["columns"]:
        if column["kind"] != "ceiling":
            column["trained_on"] = ["imagenet-1k"]
    for task in run["tasks"]:
        task["images_from"] = ["coco/val2014"]


@pytest.fixture
def clean_run(run_dir):
    change_run(run_dir, clean)
    return run_dir


def kinds(run_dir):
    return [caveat.kind for caveat in caveats(load_results(run_dir))]


def fail(rows):
    gone = {"scores": {}, "answer": None, "valid": False, "error": "out of memory"}
    return [rows[0] | gone, *rows[1:]]


def few(key, value, share):
    def change(rows):
        count = int(share * len(rows))
        return [row | {key: value} if i < count else row for i, row in enumerate(rows)]

    return change


def test_a_clean_run_has_none(clean_run):
    assert kinds(clean_run) == []
    page = leaderboard.write_report(clean_run).read_text()
    assert "None: nothing failed" in page


MADE = {
    "unfinished": lambda d: change_run(d, lambda run: run.update(finished=None)),
    "failed": lambda d: change_rows(d, "mae", "oc", fail),
    "missing": lambda d: change_rows(d, "mae", "oc", lambda rows: rows[:-1]),
    "samples": lambda d: change_rows(d, "mae", "oc", lambda rows: rows[:-1]),
    "seeds": lambda d: schema.rows_path(d, "mae", 2, "oc").unlink(),
    "one seed": lambda d: change_run(d, lambda run: run.update(seeds=[1])),
    "budget": lambda d: change_run(d, lambda run: run["columns"][2].update(visual_tokens=64)),
    "recipe": lambda d: change_run(
        d, lambda run: run["config"].update(recipes={"clip": {"name": "tuned", "stages": []}})
    ),
    "truncated": lambda d: change_rows(d, "mae", "oc", few("truncated", True, 0.02)),
    "invalid": lambda d: change_rows(d, "mae", "oc", few("valid", False, 0.1)),
    "mixed": lambda d: change_run(d, lambda run: run["warnings"].append("mixed: prompts of vqa")),
    "recorded": lambda d: change_run(d, lambda run: run["warnings"].append("not pinned")),
    "contamination": lambda d: change_run(
        d, lambda run: run["columns"][2].update(trained_on=["coco/train2017"])
    ),
}


@pytest.mark.parametrize("kind", MADE)
def test_each_comes_with_a_run_made_for_it(clean_run, kind):
    MADE[kind](clean_run)
    found = caveats(load_results(clean_run))
    assert kind in [caveat.kind for caveat in found]
    related = {"failed": {"samples"}, "missing": {"samples"}, "samples": {"missing"}}
    assert {caveat.kind for caveat in found} <= {kind} | related.get(kind, set())


def test_the_page_shows_them_in_their_order(clean_run):
    for name in ("budget", "failed", "recorded"):
        MADE[name](clean_run)
    page = leaderboard.write_report(clean_run).read_text()
    shown = re.findall(r'class="level(\d)" data-kind="([a-z ]+)"', page)
    wanted = [(str(c.level), c.kind) for c in caveats(load_results(clean_run))]
    assert shown == wanted and len(shown) == 4
    assert "not pinned" in page and "See the first failure" in page


def test_they_name_task_column_and_count(clean_run):
    change_rows(clean_run, "mae", "oc", fail)
    (failed,) = [c for c in caveats(load_results(clean_run)) if c.kind == "failed"]
    assert failed.text == "Counting: failed samples, which are in no score: MAE (2)."
    assert failed.level == 2 and failed.advice


def test_small_shares_are_no_warning(clean_run):
    change_rows(clean_run, "mae", "oc", few("valid", False, 0.05))
    change_rows(clean_run, "dino", "vqa", few("truncated", True, 0.01))
    assert kinds(clean_run) == []


def test_a_crawl_is_a_note_and_the_most_serious_come_first(clean_run):
    for name in ("one seed", "contamination", "mixed", "failed"):
        MADE[name](clean_run)
    change_run(clean_run, lambda run: run["columns"][3].update(trained_on=["web/wit-400m"]))
    found = caveats(load_results(clean_run))
    levels = [caveat.level for caveat in found]
    assert levels == sorted(levels, reverse=True) and {2, 1, 0} == set(levels)
    assert found[-1].kind == "contamination" and "CLIP (wit-400m)" in found[-1].text


def test_overlap_names_task_stage_and_reason(clean_run):
    MADE["contamination"](clean_run)
    texts = [c.text for c in caveats(load_results(clean_run)) if c.kind == "contamination"]
    assert len(texts) == 4  # of one encoder, a task each
    assert texts[0].startswith("VQA asks about images of coco/val2014; the encoder of DeiT")
    assert "train2017 holds all of val2014 but 5,000" in texts[0]


def test_long_lists_are_cut_with_the_rest_counted(clean_run):
    def many(run):
        for i, column in enumerate(run["columns"]):
            column["visual_tokens"] = None if column["kind"] != "tokenizer" else 10 + i

    change_run(clean_run, many)
    (budget,) = [c for c in caveats(load_results(clean_run)) if c.kind == "budget"]
    assert "12 of DeiT, 13 of CLIP, 14 of MAE and 15 of DINO" in budget.text


def test_works_to_cite_stand_once_and_can_be_copied(clean_run):
    entry = "@misc{doe2021,\n  title = {Seeing <b>& more</b>}\n}"

    def cite(run):
        for column in run["columns"][2:4]:
            column["bibtex"] = [entry]

    change_run(clean_run, cite)
    page = leaderboard.write_report(clean_run).read_text()
    assert page.count("@misc{doe2021,") == 1
    assert "Seeing &lt;b&gt;&amp; more&lt;/b&gt;" in page and 'data-copies="bibtex"' in page


def test_hashes_models_and_data_are_told(clean_run):
    def tell(run):
        run["config"]["llm"] = {"name": "mini-lm", "hash": "f00d" * 16, "parameters": 1_570_000}
        run["tasks"][0]["prompt_hash"] = "beef" * 16
        for entry in run["alignment"]:
            entry["images_from"] = ["coco/train2014"]

    change_run(clean_run, tell)
    page = leaderboard.write_report(clean_run).read_text()
    made = page[page.index('<section id="made">') :]
    for text in ("f00d" * 16, "beef" * 16, "vqafedcba9876543210", "clip0123456789abcdef"):
        assert text in made
    for text in ("mini-lm, 1.57 M parameters", "coco/train2014", "images of coco/val2014"):
        assert text in made
    assert json.dumps("accelerate")[1:-1] in made
