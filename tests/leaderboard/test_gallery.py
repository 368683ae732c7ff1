"""The gallery: samples chosen by rule, counted right, told as the rows tell them, within bytes."""

import itertools
import statistics

import numpy as np
import pytest

from leaderboard import schema
from leaderboard.page import render
from leaderboard.page.gallery import document as gallery
from leaderboard.page.gallery.choice import choose
from leaderboard.page.gallery.patterns import find_patterns
from leaderboard.results import load_results
from leaderboard.verdict import judge_all

from .conftest import build_run

TOKENIZERS = ("deit", "clip", "mae", "dino")
COLUMNS = (*TOKENIZERS, "blind", "random", "text")


def change(run_dir, column, seed, task, rule):
    """Rewrite the rows of one cell and seed; ``rule`` gives a row or None to leave it out."""
    path = schema.rows_path(run_dir, column, seed, task)
    rows = [rule(row) for _, row in schema.read_rows(path)]
    path.unlink()
    schema.write_rows(path, [row for row in rows if row is not None])


def failed(row):
    return row | {"scores": {}, "answer": None, "valid": False, "error": "out of memory"}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory):
    """A run with failed, missing, partly right, cut off and equal answers; nothing changes it."""
    run_dir = build_run(tmp_path_factory.mktemp("uneven") / "run", images=30)
    parts = {0: 0.0, 1: 0.3, 2: 0.5, 3: 0.6, 4: 1.0}
    for seed in (1, 2):
        change(run_dir, "mae", seed, "oc", lambda r: failed(r) if r["doc_id"] % 7 == 0 else r)
        change(run_dir, "clip", seed, "oc", lambda r: None if r["doc_id"] % 5 == 0 else r)
        for column in TOKENIZERS:
            change(
                run_dir,
                column,
                seed,
                "mci",
                lambda r, c=column: r | {"scores": {"acc": parts[(r["doc_id"] + len(c)) % 5]}},
            )
        change(run_dir, "dino", seed, "caption", lambda r: failed(r) if r["doc_id"] < 30 else r)
        change(run_dir, "deit", seed, "vqa", lambda r: r | {"truncated": r["doc_id"] % 2 == 0})
        schema.rows_path(run_dir, "dino", seed, "vqa").unlink()
    return run_dir


def first_rows(run_dir, task):
    """doc_id -> column -> row of the first seed."""
    found = {}
    for column in COLUMNS:
        path = schema.rows_path(run_dir, column, 1, task)
        for _, row in schema.read_rows(path) if path.is_file() else ():
            found.setdefault(row["doc_id"], {})[column] = row
    return found


def score(row):
    return next(iter(row["scores"].values()), None) if row else None


def shows(rows, pattern, column=None):
    """Whether a sample, told by its rows, shows a pattern: the definition, in plain words."""
    scores = {c: score(rows.get(c)) for c in COLUMNS}
    right = {c for c in COLUMNS if scores[c] is not None and scores[c] >= 0.5}
    wrong = {c for c in COLUMNS if scores[c] is not None and scores[c] < 0.5}
    judged = right & set(TOKENIZERS), wrong & set(TOKENIZERS)
    others = [scores[c] for c in TOKENIZERS if c != column and scores[c] is not None]
    return {
        "disagree": lambda: all(judged),
        "all-right": lambda: bool(judged[0]) and not judged[1],
        "all-wrong": lambda: bool(judged[1]) and not judged[0],
        "right": lambda: column in right,
        "wrong": lambda: column in wrong,
        "only-right": lambda: column in right and others and not (judged[0] - {column}),
        "only-wrong": lambda: column in wrong and others and not (judged[1] - {column}),
        "best": lambda: scores[column] is not None and others and scores[column] > max(others),
        "worst": lambda: scores[column] is not None and others and scores[column] < min(others),
        "unscored": lambda: scores[column] is None,
    }[pattern]()


WHOLE = ("disagree", "all-right", "all-wrong")
EACH = ("right", "wrong", "only-right", "only-wrong")


def widest_quarter(rows):
    """doc_ids whose tokenizers' scores lie furthest apart, ties included."""
    spread = {}
    for doc, by_column in rows.items():
        scores = [score(by_column.get(c)) for c in TOKENIZERS]
        scores = [s for s in scores if s is not None]
        spread[doc] = max(scores) - min(scores) if len(scores) > 1 else 0
    bar = statistics.quantiles(spread.values(), n=4, method="inclusive")[2]
    return {doc for doc, width in spread.items() if width >= bar and width > 0}


@pytest.mark.parametrize("task", ["vqa", "oc", "mci", "caption"])
def test_totals_are_those_of_the_rows(uneven, task):
    document = gallery.make_document(load_results(uneven))
    told = next(t for t in document["tasks"] if t["name"] == task)
    rows = first_rows(uneven, task)
    assert [c["name"] for c in document["columns"]] == list(COLUMNS)
    groups = [list(rows.values())]
    for category in told["categories"]:
        groups.append([r for r in rows.values() if next(iter(r.values()))["category"] == category])
    assert len(told["totals"]) == len(groups) == 1 + len(set(told["categories"]))
    for totals, group in zip(told["totals"], groups, strict=True):
        assert totals["n"] == len(group)
        each = ("unscored", *(("best", "worst") if task == "caption" else EACH))
        for pattern in each:
            expected = [sum(bool(shows(r, pattern, c)) for r in group) for c in COLUMNS]
            assert totals[pattern] == expected, pattern
        for pattern in () if task == "caption" else WHOLE:
            assert totals[pattern] == sum(shows(r, pattern) for r in group), pattern
    if task == "caption":
        assert told["totals"][0]["disagree"] == len(widest_quarter(rows))
        assert not {"right", "all-wrong"} & set(told["totals"][0])


def test_lower_is_better_turns_right_and_best_around(run_dir):
    run = schema.read_run(run_dir)
    upward = gallery.make_document(load_results(run_dir))["tasks"]
    for task in run["tasks"]:
        task["higher_is_better"] = False
    schema.write_run(run_dir, run)
    downward = gallery.make_document(load_results(run_dir))["tasks"]
    for up, down in zip(upward, downward, strict=True):
        pairs = [("best", "worst")] if up["unit"] == "score" else [("right", "wrong")]
        for one, other in pairs:
            assert up["totals"][0][one] == down["totals"][0][other] != down["totals"][0][one]


def test_every_sample_is_offered_once_and_the_seed_decides(shared_run_dir):
    results = load_results(shared_run_dir)
    columns = results.columns()
    patterns = {t["name"]: find_patterns(results, t, columns) for t in results.tasks}
    orders = [
        [(task["name"], i) for task, i in choose(results, patterns, seed)] for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    everything = {(t, i) for t, s in results.samples.items() for i in range(len(s))}
    assert len(orders[0]) == len(everything) and set(orders[0]) == everything
    # Tasks take turns from the first sample on.
    assert {task for task, _ in orders[0][:4]} == set(results.samples)


def test_few_samples_show_some_of_every_pattern_and_category(tmp_path, monkeypatch):
    results = load_results(build_run(tmp_path / "run", images=120))
    monkeypatch.setattr(gallery, "MOST_SAMPLES", 160)
    document = gallery.make_document(results)
    samples = document["samples"]
    assert len(samples["doc"]) == 160 < document["total"]
    for k, task in enumerate(document["tasks"]):
        rows = first_rows(results.run_dir, task["name"])
        here = [rows[d] for d, t in zip(samples["doc"], samples["task"], strict=True) if t == k]
        categories = {
            c for c, t in zip(samples["category"], samples["task"], strict=True) if t == k
        }
        assert categories == set(range(len(task["categories"])))
        totals = task["totals"][0]
        for pattern, count in totals.items():
            if isinstance(count, list):
                for column, whole in zip(COLUMNS, count, strict=True):
                    some = any(shows(r, pattern, column) for r in here)
                    assert some == (whole > 0), (task["name"], pattern, column)
            elif task["unit"] == "percent" and pattern != "n":
                assert any(shows(r, pattern) for r in here) == (count > 0)


def told(document, place):
    text = document["texts"][place]
    return text if isinstance(text, str) else text[0]


def test_the_page_tells_what_the_rows_tell(uneven):
    document = gallery.make_document(load_results(uneven))
    samples = document["samples"]
    rows = {t["name"]: first_rows(uneven, t["name"]) for t in document["tasks"]}
    second = {
        (c, row["doc_id"]): row["scores"].get("acc")
        for c in COLUMNS
        for _, row in schema.read_rows(schema.rows_path(uneven, c, 2, "oc"))
    }
    seen = dict.fromkeys("rpqwsf-", 0)
    assert len({len(values) for values in samples.values()}) == 1
    for sample in range(len(samples["doc"])):
        one = {key: values[sample] for key, values in samples.items()}
        task = document["tasks"][one["task"]]
        by_column = rows[task["name"]][one["doc"]]
        any_row = next(iter(by_column.values()))
        assert told(document, one["question"]) == any_row["question"]
        assert [told(document, g) for g, _ in one["gold"]] == any_row["gold"]
        assert task["categories"][one["category"]] == any_row["category"]
        assert told(document, one["image_id"]) == any_row["image_id"]
        for c, column in enumerate(COLUMNS):
            row, mark = by_column.get(column), one["marks"][c]
            seen[mark] += 1
            note = one["notes"][c] if one["notes"] else ""
            if row is None:
                assert (mark, one["answers"][c]) == ("-", -1)
                continue
            text = row["answer"] if row["error"] is None else row["error"]
            assert told(document, one["answers"][c]) == text
            assert ("t" in note) == row["truncated"]
            points = score(row)
            if points is None:
                assert mark == "f"
            elif task["unit"] == "score":
                assert mark == "s" and one["values"][c] == pytest.approx(points, abs=1e-6)
            else:
                assert mark == {0: "w", 0.3: "q", 0.5: "p", 0.6: "p", 1: "r"}[points]
            if task["name"] == "oc" and points is not None:
                differ = second[column, one["doc"]] != points
                assert ("1/2" in note) == differ
    assert all(seen.values()), seen


def test_partly_right_counts_as_right_from_half_on(uneven):
    document = gallery.make_document(load_results(uneven))
    samples = document["samples"]
    marks = {
        (mark, value)
        for row, values in zip(samples["marks"], samples["values"], strict=True)
        if values
        for mark, value in zip(row, values, strict=True)
        if mark in "pq"
    }
    assert marks == {("q", 0.3), ("p", 0.5), ("p", 0.6)}


def test_the_command_names_the_run_where_there_is_one(run_dir):
    results = load_results(run_dir.rename(run_dir.with_name("a run")))
    assert gallery.make_document(results)["command"] == "gvt explain 'a run' --sample "
    results.sources *= 2
    assert gallery.make_document(results)["command"] == ""


def test_repeated_and_many_gold_answers_are_counted(run_dir):
    votes = ["red"] * 6 + ["blue"] * 3 + ["a", "b", "c", "d", "e"]
    for column, seed in itertools.product(COLUMNS, (1, 2)):
        change(run_dir, column, seed, "vqa", lambda r: r | {"gold": votes})
    document = gallery.make_document(load_results(run_dir))
    samples = document["samples"]
    sample = samples["task"].index(0)
    gold = [(told(document, place), n) for place, n in samples["gold"][sample]]
    assert gold == [("red", 6), ("blue", 3), ("a", 1), ("b", 1), ("c", 1)]
    assert samples["more_gold"][sample] == 2


def test_a_text_is_cut_with_its_true_length(run_dir):
    long = "x" * 100_000
    for seed in (1, 2):
        change(run_dir, "clip", seed, "vqa", lambda r: r | {"answer": long})
    document = gallery.make_document(load_results(run_dir))
    assert ["x" * 400, 99_600] in document["texts"]
    assert sum(isinstance(text, list) for text in document["texts"]) == 1


def page_bytes(results):
    """Bytes of the gallery's data as the page has it."""
    page = render.Page(results, judge_all(results))
    render.samples.context(page)
    return page, len(render._for_script(page.data["samples"]).encode())


def test_texts_and_images_stay_within_the_bytes(run_dir, monkeypatch):
    """Long, different, and made of characters that the page must escape."""
    for column, seed in itertools.product(COLUMNS, (1, 2)):
        for task in ("vqa", "oc"):
            change(
                run_dir,
                column,
                seed,
                task,
                lambda r, c=column: r | {"answer": f"{c} {r['doc_id']} " + "<&é" * 200},
            )
    results = load_results(run_dir)
    everything = page_bytes(results)[1]
    monkeypatch.setattr(gallery, "MOST_BYTES", 300_000)
    page, size = page_bytes(results)
    one_sample = 8 * 400 * 6 + 20_000
    assert 250_000 < size < 300_000 + one_sample
    assert everything > 2 * size
    here = len(page.data["samples"]["samples"]["doc"])
    assert 20 < here < page.data["samples"]["total"]


def test_an_image_of_several_questions_is_there_once(shared_run_dir):
    document = gallery.make_document(load_results(shared_run_dir))
    samples = document["samples"]
    assert len(samples["doc"]) == document["total"] == 300
    # 30 files are named by 30 images of each of the tasks.
    assert len(document["images"]) == 30
    assert len(set(document["images"])) == 30


def test_the_section_says_how_many_of_how_many(shared_run_dir, monkeypatch):
    results = load_results(shared_run_dir)
    text = render.render(results, judge_all(results))
    assert "All 300 samples of the run are in this file." in text
    monkeypatch.setattr(gallery, "MOST_SAMPLES", 40)
    text = render.render(results, judge_all(results))
    assert "40 of 300 samples are in this file" in text
    document = gallery.make_document(results)
    here = 100 * sum(document["samples"]["disagree"]) / 40
    whole = 100 * sum(task["totals"][0]["disagree"] for task in document["tasks"]) / 300
    assert f"disagree on {here:.0f} % of these samples and on {whole:.0f} %" in text


def test_columns_without_tokenizers_and_tasks_without_categories(run_dir):
    run = schema.read_run(run_dir)
    run["columns"] = [c for c in run["columns"] if c["kind"] != "tokenizer"]
    run["stages"], run["alignment"] = [], []
    schema.write_run(run_dir, run)
    for column, seed in itertools.product(("blind", "random", "text"), (1, 2)):
        change(run_dir, column, seed, "vqa", lambda r: r | {"category": None})
    document = gallery.make_document(load_results(run_dir))
    vqa = document["tasks"][0]
    assert vqa["categories"] == [] and len(vqa["totals"]) == 1
    assert vqa["totals"][0]["disagree"] == 0
    assert np.array(vqa["totals"][0]["right"]).sum() > 0
    samples = document["samples"]
    categories = {c for c, t in zip(samples["category"], samples["task"], strict=True) if t == 0}
    assert categories == {-1}


def test_categories_without_number_are_counted_up_to_a_bound(run_dir):
    """A data set whose categories name single images has no more counts than the page can hold."""
    for column, seed in itertools.product(COLUMNS, (1, 2)):
        change(run_dir, column, seed, "vqa", lambda r: r | {"category": f"{r['doc_id']:03d}"})
    from leaderboard.page.gallery import choice

    results = load_results(run_dir)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(choice, "MOST_CATEGORIES", 10)
        patch.setattr(gallery, "MOST_CATEGORIES", 10)
        document = gallery.make_document(results)
    vqa = document["tasks"][0]
    assert len(vqa["totals"]) == 11
    assert sorted(vqa["categories"]) == [f"{i:03d}" for i in range(90)]  # all samples are here
