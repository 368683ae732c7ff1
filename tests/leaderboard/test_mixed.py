"""Runs that cannot stand in one table: refused with the reason, or marked if asked for."""

import pytest

import leaderboard
from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.schema import SchemaError
from leaderboard.verdict import judge_all
from leaderboard.wording import put_in_words
from tests.leaderboard.conftest import LLM, RECIPE, alter


def remove_rows(folder):
    for path in folder.rglob("oc.jsonl"):
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))


CLASHES = {
    "version 1 (a), 2 (b)": {"version": "2"},
    "data ocfedcba9876 (a), 0123456789ab (b)": {"dataset_hash": "0123456789abcdef"},
    "prompt or scoring oc prompt (a), another (b)": {"prompt_hash": "another"},
    "metric acc (a), mae (b)": {"metric": "mae"},
    "unit percent (a), score (b)": {"unit": "score"},
    "higher is better True (a), False (b)": {"higher_is_better": False},
    "samples 36 (a), 34 (b)": {},
}


@pytest.mark.parametrize("told", CLASHES)
def test_a_task_that_differs_is_refused_or_marked(part, told):
    a = part("a", ["blind", "clip"], ["vqa", "oc"])
    changes = CLASHES[told]
    b = part(
        "b", ["mae", "clip"], ["vqa", "oc"], change=lambda run: alter(run, "tasks", "oc", **changes)
    )
    if "metric" in changes:
        for path in b.rglob("oc.jsonl"):
            rows = [row | {"scores": {"mae": 0.5}} for _, row in schema.read_rows(path)]
            schema.write_rows(path, rows)
    if told.startswith("samples"):
        remove_rows(b)
    with pytest.raises(SchemaError) as caught:
        load_results(a, b)
    lines = str(caught.value).splitlines()
    assert lines[1:-1] == [f"  task oc: {told}"]
    assert "--allow_mixed" in lines[-1]
    results = load_results(a, b, allow_mixed=True)
    assert f"mixed: task oc: {told}" in results.run["warnings"]
    titles = {task["name"]: task["title"] for task in results.run["tasks"]}
    assert titles == {"vqa": "VQA", "oc": "Counting", "oc@b": "Counting (b)"}
    assert set(results.cells) == {
        *((column, "vqa") for column in ("blind", "clip", "mae")),
        *((column, "oc") for column in ("blind", "clip")),
        *((column, "oc@b") for column in ("clip", "mae")),
    }
    assert leaderboard.write_report(a, b, allow_mixed=True, output=a / "both").is_file()


def test_every_clash_has_its_line(part):
    def change(run):
        alter(run, "tasks", "vqa", version="2", metric="legacy")
        alter(run, "tasks", "mci", dataset_hash="x")
        run["config"]["llm"] = {**LLM, "name": "other", "hash": "2222bbbb"}

    a, b, c = part("a", ["clip"]), part("b", ["mae"], change=change), part("c", ["dino"])
    with pytest.raises(SchemaError) as caught:
        load_results(a, b, c)
    assert [line.strip() for line in str(caught.value).splitlines()[1:-1]] == [
        "task vqa: version 1 (a, c), 2 (b); metric acc (a, c), legacy (b)",
        "task mci: data mcifedcba987 (a, c), x (b)",
        "language model: llm 1111aaaa (a, c), other 2222bbbb (b)",
    ]


def test_another_language_model_is_refused_or_marked(part):
    other = {**LLM, "hash": "2222bbbb"}
    a = part("a", ["blind", "clip", "text"])
    b = part("b", ["blind", "clip", "text"], change=lambda run: run["config"].update(llm=other))
    with pytest.raises(
        SchemaError, match=r"language model: llm 1111aaaa \(a\), llm 2222bbbb \(b\)"
    ):
        load_results(a, b)
    results = load_results(a, b, allow_mixed=True)
    names = [column["name"] for column in results.run["columns"]]
    assert names == ["blind", "clip", "text", "blind@b", "clip@b", "text@b"]
    assert results.run["warnings"][:2] == [
        "mixed: language model: llm 1111aaaa (a), llm 2222bbbb (b)",
        "blind@b, clip@b, text@b: not the column of that name in an earlier run, "
        "but another language model",
    ]
    assert results.run["config"]["llm"] == {"a": LLM, "b": other}
    assert results.run["config"]["recipe"] == RECIPE


def test_hostile_names_stay_on_their_line(part):
    hostile = "<b>\x1b[31m\nrm -rf \u202e" + "x" * 100_000

    def change(run):
        run["config"]["llm"] = {"name": hostile, "hash": hostile}
        run["config"]["recipe"] = {"name": hostile, "stages": hostile, hostile: hostile}
        run["versions"]["torch"] = hostile
        alter(run, "tasks", "oc", version=hostile, dataset_hash=hostile)

    a, b = part("a", ["clip"]), part("b", ["mae"], change=change)
    with pytest.raises(SchemaError) as caught:
        load_results(a, b)
    lines = str(caught.value).split("\n")
    assert [line.split(":")[0].strip() for line in lines[1:3]] == ["task oc", "language model"]
    assert len(lines) == 4
    assert max(map(len, lines)) < 500
    assert "\x1b" not in str(caught.value)
    results = load_results(a, b, allow_mixed=True)
    assert all(len(warning) < 500 for warning in results.run["warnings"])


def test_language_models_that_are_mixed_have_an_answer_each(part):
    def other(run):
        run["config"] = {"llm": LLM | {"name": "other", "hash": "2222bbbb"}, "recipe": RECIPE}

    a = part("a", columns=["blind", "deit", "clip"])
    b = part("b", columns=["blind", "deit", "clip"], change=other)
    both = load_results(a, b, allow_mixed=True)
    wording = put_in_words(both, judge_all(both))
    assert wording.answer == "There is one answer for each language model."
    for folder, model in ((a, "llm 1111aaaa"), (b, "other 2222bbbb")):
        alone = load_results(folder)
        said = put_in_words(alone, judge_all(alone))
        assert f"Behind {model}: {said.answer.partition(' (')[0].rstrip('.')}" in wording.reason
        own = [text for text in wording.headline if text.startswith(f"Behind {model}: ")]
        assert len(own) == len(said.headline)
    assert list(load_results(a).by_language_model) == ["llm 1111aaaa"]
