"""Charts of behaviour hold what a count over the rows gives, and say it in words too."""

import random
import re
import shutil
import statistics
from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy import stats

from gvt.scoring import process
from leaderboard import schema
from leaderboard.page import behaviour, counting
from leaderboard.page.render import Page, render
from leaderboard.results import load_results
from leaderboard.verdict import judge_all

# Answers and what a person reads in them; None: no number.
ANSWERS = {"1": 1, "two": 2, "3 dogs": 3, "a dozen": 12, "14": 14, "many": None, "0": 0, "5": 5}
SAID = {"yes": True, "Yes, it does": True, "no": False, "I do not know": False}
SAME = {"category": None, "valid": True, "truncated": False, "chance": None, "error": None}


def rewrite(run_dir, task, make):
    """Every row of a task made anew: make(rng) gives gold, answer and scores."""
    for path in sorted((run_dir / "samples").rglob(f"{task}.jsonl")):
        rng = random.Random(str(path.relative_to(run_dir)))
        rows = [row for _, row in schema.read_rows(path)]
        path.unlink()
        schema.write_rows(path, [row | SAME | make(row, rng) for row in rows])


def count(row, rng):
    gold = 1 + row["doc_id"] % 11
    answer = rng.choice(list(ANSWERS))
    scores = process.counting({"answers": [str(gold)]}, [answer])
    valid = bool(scores.pop("valid"))
    return {"gold": [str(gold)], "answer": answer, "scores": scores, "valid": valid}


def agree(row, rng):
    gold, answer = ("yes", "no", "no")[row["doc_id"] % 3], rng.choice(list(SAID))
    scores = process.yes_no({"answers": [gold]}, [answer])
    valid = bool(scores.pop("valid"))
    return {"gold": [gold], "answer": answer, "scores": scores, "valid": valid}


def describe(row, rng):
    gold = [" ".join(["word"] * (3 + row["doc_id"] % 4))] * 2
    answer = " ".join(["word"] * rng.randint(1, 9))
    scores = process.caption_full({"answers": gold}, [answer])
    numbers = {key: value for key, value in scores.items() if isinstance(value, float)}
    return {"gold": gold, "answer": answer, "scores": numbers | {"cider": 1.0}}


@pytest.fixture(scope="module")
def answered(shared_run_dir, tmp_path_factory):
    """A run whose rows were scored by the row functions; nobody may change it."""
    run_dir = shutil.copytree(shared_run_dir, tmp_path_factory.mktemp("answered") / "run")
    for task, make in (("oc", count), ("mci", agree), ("caption", describe)):
        rewrite(run_dir, task, make)
    return run_dir


@pytest.fixture(scope="module")
def shown(answered):
    return context(answered)


@pytest.fixture
def answering(answered, tmp_path):
    return shutil.copytree(answered, tmp_path / "run")


def rows(run_dir, column, task):
    return [
        row
        for seed in (1, 2)
        for _, row in schema.read_rows(schema.rows_path(run_dir, column, seed, task))
    ]


def context(run_dir):
    results = load_results(run_dir)
    return behaviour.context(Page(results, []))


def spoken(svg):
    return re.search(r"<desc[^>]*>(.*?)</desc>", svg)[1]


def test_confusion_is_a_count_over_the_rows(answered):
    wanted = Counter(
        (
            min(int(row["gold"][0]), 10),
            None if ANSWERS[row["answer"]] is None else min(ANSWERS[row["answer"]], 10),
        )
        for row in rows(answered, "clip", "oc")
    )
    found = counting.confusion(load_results(answered).cell("clip", "oc"))
    seen = {
        (true, said): int(amount)
        for true, line in zip(found.true, found.table, strict=True)
        for said, amount in zip((*found.answered, None), line, strict=True)
        if amount
    }
    assert seen == wanted
    assert found.table.sum() == len(rows(answered, "clip", "oc"))


def test_the_text_alternative_holds_every_count(answered, shown):
    (found,) = shown["counting"]
    panels = {column["name"]: panel for column, panel in found["panels"]}
    assert list(panels) == ["blind", "random", "deit", "clip", "mae", "dino", "text"]
    told = Counter()
    for true, line in re.findall(r"(\d+\+?) there: ([^;]+)", spoken(panels["dino"])):
        for said, amount in re.findall(r"(no number|\d+\+?) (\d+)", line):
            told[true, said] += int(amount)

    def name(value):
        return "no number" if value is None else "10+" if value >= 10 else str(value)

    assert told == Counter(
        (name(int(row["gold"][0])), name(ANSWERS[row["answer"]]))
        for row in rows(answered, "dino", "oc")
    )


def test_who_counts_right_is_shaded_within_the_frames(answering):
    def right(row, rng):
        scores = process.counting({"answers": row["gold"]}, row["gold"])
        scores.pop("valid")
        return {"answer": row["gold"][0], "scores": scores}

    rewrite(answering, "oc", right)
    (found,) = context(answering)["counting"]
    (_, first), *others = found["panels"]
    panel = next(panel for column, panel in others if column["name"] == "deit")
    assert '<use href="#counts-oc"/>' in panel and '<g id="counts-oc">' in first
    shaded = re.findall(r"M(\d+) (\d+)h18", re.search(r'class="q5" d="([^"]+)"', panel)[1])
    framed = re.findall(r"M(\d+) (\d+)h18v", re.search(r'class="agree" d="([^"]+)"', first)[1])
    assert [(x, int(y) - 8) for x, y in shaded] == [(x, int(y)) for x, y in framed]
    assert len(framed) == panel.count(">100</tspan>") == 10


def test_error_by_true_count_is_the_mean_over_rows(answered, shown):
    (found,) = shown["counting"]
    errors = defaultdict(list)
    for row in rows(answered, "mae", "oc"):
        true = int(row["gold"][0])
        errors[min(true, 10)].append(abs((ANSWERS[row["answer"]] or 0) - true))
    own = counting.errors_by_count(load_results(answered).cell("mae", "oc"))
    assert {n: e.mean for n, e in own.items()} == pytest.approx(
        {n: statistics.mean(values) for n, values in errors.items()}
    )
    said = re.search(r"MAE: ([^;]+)", spoken(found["errors"]))[1]
    assert said == ", ".join(
        f"{'10+' if n == 10 else n} {statistics.mean(errors[n]):.2f}" for n in sorted(errors)
    )


def test_yes_rate_stands_against_the_true_rate(answered, shown):
    (found,) = shown["yes_no"]
    mine = rows(answered, "clip", "mci")
    rate = statistics.mean(SAID[row["answer"]] for row in mine)
    assert f"CLIP: {100 * rate:.1f} (" in spoken(found["chart"])
    assert "yes is right (33.3)" in found["chart"]


def test_who_says_yes_too_often_is_named(answering):
    (found,) = context(answering)["yes_no"]
    assert "more often than is right" in found["sentence"]  # half of SAID against a third

    def honest(row, rng):
        gold = ("yes", "no")[row["doc_id"] % 2]
        scores = process.yes_no({"answers": [gold]}, [gold])
        scores.pop("valid")
        return {"gold": [gold], "answer": gold, "scores": scores}

    rewrite(answering, "mci", honest)
    (found,) = context(answering)["yes_no"]
    assert found["sentence"].startswith("No tokenizer is shown to say yes")


def test_caption_length_is_that_of_captions_and_references(answered, shown):
    (found,) = shown["captions"]
    words = [len(row["answer"].split()) for row in rows(answered, "deit", "caption")]
    low, high = stats.mstats.mquantiles(words, (0.1, 0.9), alphap=1, betap=1)
    text = spoken(found["chart"])
    assert (
        f"DeiT: {np.mean(words):.1f} on average, eight in ten between {low:g} and {high:g}" in text
    )
    lengths = [
        len(gold.split()) for row in rows(answered, "deit", "caption") for gold in row["gold"]
    ]
    assert f"References: {np.mean(lengths):.1f} on average" in text


def test_rows_without_the_answered_count_are_said_not_drawn(answering):
    def older(row, rng):
        return {"scores": {k: v for k, v in row["scores"].items() if k != "answered_count"}}

    rewrite(answering, "oc", lambda row, rng: older(row, rng) | {"valid": row["valid"]})
    (found,) = context(answering)["counting"]
    assert found["panels"] == [] and "CLIP" in found["unknown"]
    assert found["errors"]  # these need no answered count
    results = load_results(answering)
    assert "gvt score adds it" in render(results, judge_all(results))


def test_answers_that_are_never_numbers_are_a_full_last_column(answering):
    def silent(row, rng):
        scores = process.counting({"answers": row["gold"]}, ["many"])
        scores.pop("valid")
        return {"answer": "many", "scores": scores, "valid": False}

    rewrite(answering, "oc", silent)
    found = counting.confusion(load_results(answering).cell("clip", "oc"))
    assert (found.table[:, :-1] == 0).all() and (found.table[:, -1] > 0).all()
    (section,) = context(answering)["counting"]
    assert len(section["panels"]) == 7


def test_other_tasks_have_no_such_section(run_dir):
    assert context(run_dir) is None


def test_hostile_names_stay_text(answering):
    run = schema.read_run(answering)
    for column in run["columns"]:
        column["title"] = f"</svg><script>alert(1)</script>&\"'\u202e{column['name']}"
    schema.write_run(answering, run)
    results = load_results(answering)
    page = render(results, judge_all(results))
    assert "<script>alert" not in page and "\u202e" not in page
    assert "&lt;/svg&gt;&lt;script&gt;" in page


def test_absurd_counts_stay_on_the_axis(answering):
    def absurd(row, rng):
        scores = row["scores"] | {"true_count": rng.choice([-1e9, 1e300, 2.5]), "mae": 1e300}
        return {"scores": scores | {"answered_count": rng.choice([-5.0, 1e300])}}

    rewrite(answering, "oc", absurd)
    (found,) = context(answering)["counting"]
    assert found["counts"] == ["0", "2", "10+"] and len(found["panels"]) == 7
