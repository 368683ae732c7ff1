"""Checks the figures beside the main score against scikit-learn, and BLEU against our scorer."""

import json
import math
import random

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from gvt.scoring import process
from leaderboard import schema, tables, write_report
from leaderboard.figures import figures
from leaderboard.linear import ratio
from leaderboard.results import load_results
from leaderboard.schema import FORMAT_VERSION, rows_path, write_rows, write_run
from leaderboard.statistics import clustered_mean

YES_NO = ["yes", "no", "Yes, it does", "no no", "I do not know", "yes and no"]
COUNTS = ["1", "2", "three", "4 dogs", "5", "cell phones: 3", "many", "0"]
_WORDS = "a red circle left of the blue square and two large stars"
WORDS = _WORDS.split()


def answers_of(kind, rng):
    """(document, answer) of one sample."""
    if kind == "mci":
        gold = rng.choice(["Yes", "No"])
        return {"text_out": gold, "n_obj_exist": rng.randint(1, 30)}, rng.choice(YES_NO)
    if kind == "oc":
        return {"text_out": str(rng.randint(1, 9))}, rng.choice(COUNTS)
    if kind == "caption":
        texts = [" ".join(rng.choices(WORDS, k=rng.randint(4, 9))) for _ in range(4)]
        return {"answers": texts[1:]}, texts[0]
    people = [rng.choice(["red", "blue", "Red.", "2"]) for _ in range(10)]
    kinds = ["yes/no", "number", "other"]
    return {"answers": people, "answer_type": rng.choice(kinds)}, rng.choice(["red", "a red 2"])


SCORING = {
    "vqa": process.vqa_official,
    "oc": process.counting_full,
    "mci": process.yes_no_full,
    "caption": process.caption_full,
}


def record():
    """run.json of one column, one seed and a task a row function."""
    column = dict.fromkeys(["description", "card_hash", "licence", "citation"], "") | dict.fromkeys(
        ["tokenizer", "encoder_parameters", "encoder_gflops", "feature_tokens", "visual_tokens"]
    )
    task = {"metric_title": "", "higher_is_better": True, "version": "1", "dataset_hash": ""}
    return {
        "format_version": FORMAT_VERSION,
        **dict.fromkeys(["suite", "title", "created"], ""),
        "finished": None,
        "seeds": [0],
        **{key: {} for key in ("versions", "hardware", "config")},
        **{key: [] for key in ("command", "stages", "alignment", "warnings")},
        "columns": [column | {"name": "deit", "title": "DeiT", "kind": "tokenizer"}],
        "tasks": [
            task
            | {"name": name, "title": name, "description": ""}
            | {"metric": "cider" if name == "caption" else "acc"}
            | {"unit": "score" if name == "caption" else "percent"}
            for name in SCORING
        ],
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(results, scores by task): one column, one seed, rows scored by the row functions."""
    folder = tmp_path_factory.mktemp("figures")
    write_run(folder, record())
    rng, made = random.Random(0), {}
    for kind, score in SCORING.items():
        rows, made[kind] = [], []
        for number in range(240):
            doc, answer = answers_of(kind, rng)
            made[kind].append((doc, answer, scored := score(doc, [answer])))
            numbers = {k: v for k, v in scored.items() if isinstance(v, float) and k != "valid"}
            rows.append(
                {
                    "doc_id": number,
                    "image_id": str(number // 3),
                    "image": None,
                    "image_sha256": "",
                    "category": None,
                    "question": "?",
                    "gold": process.golds(doc),
                    "answer": answer,
                    "scores": numbers | ({"cider": rng.random()} if kind == "caption" else {}),
                    "valid": bool(scored["valid"]),
                    "truncated": False,
                    "chance": None,
                    "error": None,
                }
            )
        write_rows(rows_path(folder, "deit", 0, kind), rows)
    return load_results(folder), made


def values(run, task):
    found = figures(run[0].cell("deit", task))
    return {name: figure.estimate.mean for name, figure in found.items()}


def test_yes_no_is_scikit_learns(run):
    scored = [score for _, _, score in run[1]["mci"]]
    truth, said = ([score[key] for score in scored] for key in ("is_yes", "said_yes"))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, said, average="binary"
    )
    found = values(run, "mci")
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(
        (precision, recall, f1)
    )
    for name, value in (("precision", precision), ("recall", recall), ("f1", f1)):
        items = [score[name] for score in scored]
        assert getattr(process, name)(items) == pytest.approx(value)
    assert found["said_yes"] == pytest.approx(np.mean(said))
    assert found["invalid"] == pytest.approx(1 - np.mean([score["valid"] for score in scored]))
    crowd = [score["legacy_acc"] for score in scored if 10 <= score["n_objects"] < 20]
    assert found["legacy_acc, 10–19 objects"] == pytest.approx(np.mean(crowd))


def test_counting_is_scikit_learns(run):
    scored = [score for _, _, score in run[1]["oc"]]
    truth = [int(score["true_count"]) for score in scored]
    found = values(run, "oc")
    error = [score["mae"] for score in scored]
    rmse = math.sqrt(metrics.mean_squared_error(np.zeros(len(error)), error))
    assert found["rmse"] == pytest.approx(rmse)
    assert process.rmse([score["rmse"] for score in scored]) == pytest.approx(rmse)
    # Where the answer is wrong any other class does: only right or wrong counts.
    said = [count if score["acc"] else -1 for count, score in zip(truth, scored, strict=True)]
    macro = metrics.recall_score(truth, said, labels=sorted(set(truth)), average="macro")
    assert found["macro_acc"] == pytest.approx(macro)
    assert process.macro_acc([score["macro_acc"] for score in scored]) == pytest.approx(macro)
    third = [score["acc"] for score in scored if 3 <= score["true_count"] <= 5]
    assert found["acc, 3–5 there"] == pytest.approx(np.mean(third))


def test_bleu_of_the_report_is_that_of_the_scorer(run):
    items = [score["bleu_4"] for _, _, score in run[1]["caption"]]
    found = values(run, "caption")
    for n in (1, 2, 3, 4):
        assert found[f"bleu_{n}"] == pytest.approx(getattr(process, f"bleu_{n}")(items), rel=1e-9)


def test_vqa_by_answer_type(run):
    scored = [score for _, _, score in run[1]["vqa"]]
    found = values(run, "vqa")
    by_type = [score["acc_yes_no"] for score in scored if "acc_yes_no" in score]
    assert found["acc_yes_no"] == pytest.approx(np.mean(by_type))
    assert found["legacy_acc"] == pytest.approx(np.mean([s["legacy_acc"] for s in scored]))


def test_a_mean_has_the_interval_clustered_by_image(run):
    results, made = run
    legacy = np.array([score["legacy_acc"] for _, _, score in made["oc"]])
    wanted = clustered_mean(legacy, np.arange(240) // 3, (0.0, 1.0))
    assert figures(results.cell("deit", "oc"))["legacy_acc"].estimate == wanted


@pytest.mark.parametrize(
    ("task", "name", "resamples"),
    [
        ("mci", "precision", 1000),
        ("mci", "f1", 1000),
        ("oc", "macro_acc", 1000),
        ("oc", "rmse", 1000),
        ("caption", "bleu_1", 300),
        ("caption", "bleu_2", 300),
    ],
)
def test_what_is_no_mean_varies_as_images_drawn_anew_show(run, task, name, resamples):
    """Against a bootstrap of whole images through the scorers' own aggregation."""
    results, made = run
    items = [score[name] for _, _, score in made[task]]
    images = [items[first : first + 3] for first in range(0, 240, 3)]
    aggregate, rng = getattr(process, name), random.Random(1)
    drawn = [
        aggregate([item for image in rng.choices(images, k=80) for item in image])
        for _ in range(resamples)
    ]
    e = figures(results.cell("deit", task))[name].estimate
    margin = stats.t.ppf(0.975, 79) * np.std(drawn)
    assert e.high - e.low == pytest.approx(2 * margin, rel=0.12)
    assert e.low < e.mean < e.high


def test_precision_asks_only_where_yes_was_said():
    truth = np.ones((1, 60))
    said = np.repeat([1.0, 0.0], 30)[None]
    clusters = np.arange(60) // 2
    e = ratio(said * truth, said).estimate(clusters, (0.0, 1.0), None)
    assert (e.mean, e.n, e.images) == (1.0, 30, 15)
    exact = stats.binomtest(15, 15).proportion_ci(0.95, "exact")
    assert (e.low, e.high) == pytest.approx((exact.low, exact.high))
    never = ratio(0 * said, 0 * said).estimate(clusters, (0.0, 1.0), None)
    assert never.mean == 0 and math.isnan(never.low) and never.n == 60


def test_strict_and_published_rule_stand_side_by_side(run):
    table = tables.figure_table(run[0], run[0].tasks[1])
    assert table["titles"][:2] == ["Accuracy", "Accuracy, published rule"]
    column, entries = table["rows"][0]
    assert column["name"] == "deit"
    assert len(entries) == len(table["titles"])
    report = write_report(run[0].run_dir).read_text("utf-8")
    section = report.split('<section id="figures">')[1].split("</section>")[0]
    assert section.count('<table class="figures">') == 4
    assert "published rule" in section and "BLEU-4" in section and "F1" in section
    written = json.loads((run[0].run_dir / "scores.json").read_text("utf-8"))
    rmse = written["columns"]["deit"]["oc"]["figures"]["rmse"]
    assert rmse["mean"] == pytest.approx(values(run, "oc")["rmse"])
    assert rmse["low"] < rmse["mean"] < rmse["high"]


def test_nothing_beside_the_main_score_is_no_table(run_dir):
    results = load_results(run_dir)
    assert tables.figure_table(results, results.tasks[0]) == {"titles": [], "rows": []}


def test_a_pair_task_shows_its_single_questions_too(run_dir):
    """MMVP: the main score asks for both answers of a pair, the figure beside it for one."""
    run = schema.read_run(run_dir)
    task = next(task for task in run["tasks"] if task["name"] == "mci")
    task["metric"] = "pair_acc"
    schema.write_run(run_dir, run)
    for path in (run_dir / "samples").rglob("mci.jsonl"):
        rows = [row for _, row in schema.read_rows(path)]
        for row in rows:
            row["scores"] = {"acc": row["scores"]["acc"], "pair_acc": 0.0}
        path.unlink()
        schema.write_rows(path, rows)
    cell = load_results(run_dir).cell("deit", "mci")
    found = figures(cell)
    assert list(found) == ["acc", "invalid"]
    assert found["acc"].estimate.mean == pytest.approx(np.nanmean(cell.others["acc"]))
    assert cell.estimate.mean == 0 < found["acc"].estimate.mean
