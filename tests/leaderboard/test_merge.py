"""Several runs as one: parts of a run make the whole again, and nothing is mixed in silence."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import leaderboard
from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.schema import SchemaError
from tests.leaderboard.conftest import LLM, RECIPE, alter


def assert_same(found, expected):
    assert found.cells.keys() == expected.cells.keys()
    for key, cell in expected.cells.items():
        one = found.cells[key]
        assert one.seeds == cell.seeds
        place = [one.samples.place[doc_id] for doc_id in cell.samples.doc_ids]
        np.testing.assert_array_equal(one.scores[:, place], cell.scores)
        assert one.estimate == cell.estimate
        for mine, theirs in zip(one.answers, cell.answers, strict=True):
            assert [mine[p] for p in place] == theirs
    for field in ("stages", "alignment"):
        for entry in expected.run[field]:
            assert entry in found.run[field]
        assert len(found.run[field]) == len(expected.run[field])


def test_parts_by_column_make_the_whole(whole, part):
    a = part("a", ["blind", "deit", "clip"])
    b = part("b", ["mae", "dino", "random", "text"])
    results, expected = load_results(a, b), load_results(whole)
    assert_same(results, expected)
    assert results.run["warnings"] == expected.run["warnings"]
    assert [(source.path, source.name) for source in results.sources] == [(a, "a"), (b, "b")]
    assert results.sources[1].run == schema.read_run(b)
    samples = results.samples["vqa"]
    assert samples.images[0] == str(a / "images/0.png")
    assert samples.digests[:4] == [f"{i:064x}" for i in (0, 0, 0, 1)]
    schema.validate_run(results.run)


def test_parts_by_task_and_by_seed_make_the_whole(whole, part):
    tasks = part("a", tasks=["vqa", "oc"]), part("b", tasks=["mci", "caption"])
    results = load_results(*tasks)
    assert [task["name"] for task in results.tasks] == ["vqa", "oc", "mci", "caption"]
    assert len(results.run["columns"]) == 7
    both = load_results(whole)
    for key, cell in both.cells.items():
        np.testing.assert_array_equal(results.cells[key].scores, cell.scores)
    seeds = load_results(part("c", seeds=[1]), part("d", seeds=[2]))
    assert_same(seeds, both)
    assert "seeds differ: 1 (c), 2 (d)" in seeds.run["warnings"]


def test_what_both_have_is_there_once(whole, part):
    a, b = part("a", ["blind", "random", "text", "deit"]), part("b", ["blind", "random", "text"])
    results = load_results(a, b, part("c", ["blind", "clip"]))
    assert [c["name"] for c in results.run["columns"]] == [
        "blind",
        "random",
        "deit",
        "text",
        "clip",
    ]
    blind = [stage for stage in results.run["stages"] if stage["column"] == "blind"]
    assert blind == [s for s in schema.read_run(whole)["stages"] if s["column"] == "blind"]


OTHER = {
    "another card": lambda run: alter(run, "columns", "clip", card_hash="other"),
    "another recipe": lambda run: (
        alter(run, "alignment", "clip", connector_hash="other"),
        run["config"].update(recipe={**RECIPE, "stages": []}),
    ),
    "another connector": lambda run: alter(run, "alignment", "clip", connector_hash="other"),
}


@pytest.mark.parametrize("reason", OTHER)
def test_another_column_of_the_same_name_gets_the_runs(part, reason):
    a, b = part("a", ["blind", "clip"]), part("b", ["clip", "mae"], change=OTHER[reason])
    path = schema.rows_path(b, "clip", 1, "vqa")
    schema.write_rows(path, [r | {"answer": "b's own"} for _, r in schema.read_rows(path)])
    results = load_results(a, b)
    names = {c["name"]: c["title"] for c in results.run["columns"]}
    assert list(names) == ["blind", "clip", "clip@b", "mae"]
    assert names["clip@b"] == "CLIP (b)"
    assert set(results.cell("clip@b", "vqa").answers[0]) == {"b's own"}
    assert "b's own" not in results.cell("clip", "vqa").answers[0]
    assert {e["column"] for e in results.run["alignment"]} == set(names)
    (told,) = [w for w in results.run["warnings"] if w.startswith("clip@b")]
    assert told.endswith(f"but {reason}")


def test_other_seeds_of_another_recipe_are_another_column(part):
    a = part("a", ["clip"], seeds=[1])
    same = part("b", ["clip"], seeds=[2])
    assert load_results(a, same).cell("clip", "vqa").seeds == [1, 2]
    renamed = {**RECIPE, "name": "renamed"}
    same = part("c", ["clip"], seeds=[2], change=lambda run: run["config"].update(recipe=renamed))
    assert load_results(a, same).cell("clip", "vqa").seeds == [1, 2]
    longer = {**RECIPE, "stages": [{"steps": 700}]}
    other = part("d", ["clip"], seeds=[2], change=lambda run: run["config"].update(recipe=longer))
    results = load_results(a, other)
    assert results.cell("clip", "vqa").seeds == [1]
    assert results.cell("clip@d", "vqa").seeds == [2]


def test_a_published_model_is_known_by_what_its_rows_depend_on(part):
    def untrained(stamp):
        def change(run):
            run["alignment"] = []
            run["stamps"] = {"clip/seed1/vqa": stamp, "clip/seed1/oc": "same"}

        return change

    a, b, c = (part(name, ["clip"], change=untrained(s)) for name, s in ("ax", "bx", "cy"))
    results = load_results(a, b, c)
    assert [column["name"] for column in results.run["columns"]] == ["clip", "clip@c"]


def test_a_language_model_in_another_folder_is_the_same(part):
    elsewhere = {**LLM, "name": "/elsewhere/llm"}
    a = part("a", ["clip", "text"])
    b = part("b", ["clip", "text"], change=lambda run: run["config"].update(llm=elsewhere))
    assert [column["name"] for column in load_results(a, b).run["columns"]] == ["clip", "text"]


def test_other_seeds_of_a_recipe_of_its_own_are_another_column(part):
    own = {"recipes": {"clip": {**RECIPE, "connector": {"type": "mlp"}}}}
    a = part("a", ["clip"], seeds=[1])
    b = part("b", ["clip"], seeds=[2], change=lambda run: run["config"].update(own))
    c = part("c", ["clip"], seeds=[1], change=lambda run: run["config"].update(own))
    assert [one["name"] for one in load_results(a, b).run["columns"]] == ["clip", "clip@b"]
    assert [one["name"] for one in load_results(b, c).run["columns"]] == ["clip"]


def test_what_differs_without_making_numbers_incomparable_is_said(part):
    def change(run):
        run["config"]["recipe"] = {**RECIPE, "name": "long", "connector": {"type": "mlp"}}
        run["versions"] |= {"torch": "2.14.0", "python": "3.12"}
        run["hardware"]["dtype"] = "bfloat16"
        run["warnings"].append("b's own")
        run["finished"] = None

    a, b = part("a", ["clip"]), part("b", ["mae"], seeds=[1], change=change)
    results = load_results(a, b)
    assert results.run["warnings"] == [
        "alignment recipes differ in connector: short (a), long (b); "
        "what is compared is not the tokenizer alone",
        "versions of torch differ: 2.13.0 (a), 2.14.0 (b)",
        "precisions differ: float32 (a), bfloat16 (b)",
        "seeds differ: 1 2 (a), 1 (b)",
        "CLIP's captions state counts, which the counting task asks for.",
        "b: b's own",
    ]
    assert results.run["versions"]["torch"] == "2.13.0 (a), 2.14.0 (b)"
    assert results.run["versions"]["gvt"] == "0.1.0"
    assert results.run["finished"] is None
    assert results.run["command"] == ["gvt", "report", str(a), str(b)]


def test_what_older_runs_do_not_tell_is_said(part):
    def forget(run):
        del run["tasks"][1]["prompt_hash"]
        del run["config"]["llm"]

    def change(run):
        run["tasks"][1]["prompt_hash"] = "another"

    a, b = part("a", ["clip"]), part("b", ["mae"], change=forget)
    warnings = load_results(a, b).run["warnings"]
    assert "prompts not compared on oc: an earlier version kept no hash of them" in warnings
    assert "language models not compared: not told by b" in warnings
    c = part("c", ["dino"], change=change)
    with pytest.raises(SchemaError, match=r"oc: prompt or scoring oc prompt \(a\), another \(c\)"):
        load_results(a, b, c)
    titles = [task["name"] for task in load_results(a, b, c, allow_mixed=True).run["tasks"]]
    assert titles == ["vqa", "oc", "oc@c", "mci", "caption"]


def test_rows_that_contradict_the_hashes_are_refused(part):
    a, b = part("a", ["clip"]), part("b", ["mae"])
    path = schema.rows_path(b, "mae", 1, "oc")
    rows = [row for _, row in schema.read_rows(path)]
    rows[4]["gold"] = ["other"]
    schema.write_rows(path, rows)
    with pytest.raises(SchemaError, match="not run on the same data") as caught:
        load_results(a, b)
    assert str(caught.value).startswith(f"{path}:5: ")


def test_folders_of_one_name_and_of_strange_names(part):
    a, b = part("one/run", ["clip"]), part("two/run", ["clip"], change=OTHER["another card"])
    c = part("<b> ü,x", ["clip"], change=lambda run: alter(run, "columns", "clip", card_hash="3"))
    results = load_results(a, b, c)
    assert [source.name for source in results.sources] == ["run", "run-2", "_b____x"]
    names = [column["name"] for column in results.run["columns"]]
    assert names == ["clip", "clip@run-2", "clip@_b____x"]
    schema.validate_run(results.run)
    with pytest.raises(SchemaError, match="given twice"):
        load_results(a, b, a.parent / "." / "run")


def test_the_audit_and_the_submissions_of_several_runs(part):
    def audited(run):
        run["tasks"][0]["image_free"] = {"predictor": "noun", "predictors": {}, "suspects": []}

    def unscored(run):
        alter(run, "tasks", "oc", unit="none", metric="valid")

    a = part("a", ["clip"], ["vqa", "oc"], change=unscored)
    b = part("b", ["mae"], ["vqa", "oc"], change=lambda run: (audited(run), unscored(run)))
    rows = [row for _, row in schema.read_rows(schema.rows_path(b, "mae", 1, "vqa"))]
    schema.write_rows(schema.audit_path(b, "vqa"), rows)
    paths = [schema.submission_path(a, "clip", 2, "oc"), schema.submission_path(b, "mae", 1, "oc")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text("[]")
    results = load_results(a, b)
    assert results.tasks[0]["image_free"]["predictor"] == "noun"
    mean = np.mean([row["scores"]["acc"] for row in rows])
    assert results.image_free["vqa"].estimate.mean == pytest.approx(mean)
    ((task, files),) = results.submissions
    assert (task["name"], files) == ("oc", [str(path) for path in paths])


def test_the_report_of_several_runs(part, tmp_path, capsys):
    a, b = part("a", ["blind", "clip"]), part("b", ["mae"])
    page = leaderboard.write_report(a, str(b), output=tmp_path / "new" / "both")
    assert page == tmp_path / "new" / "both" / "report.html"
    scores = json.loads((page.parent / "scores.json").read_text())
    assert list(scores["columns"]) == ["blind", "clip", "mae"]
    assert not (a / "report.html").exists()
    assert not (b / "report.html").exists()
    leaderboard.print_table(a, b)
    assert re.search(r"CLIP .*\n.*MAE ", capsys.readouterr().out)
