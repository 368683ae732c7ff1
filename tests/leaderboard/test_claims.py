"""Claims of a suite: differences against oracles, verdicts, and what cannot be tested."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from scipy import stats

import leaderboard
from leaderboard import schema
from leaderboard.claims import declared, in_words, judge_claims
from leaderboard.overall import OVERALL
from leaderboard.results import load_results
from leaderboard.schema import SchemaError
from tests.leaderboard.conftest import build_run, write_claims


def claim(higher, lower, scope="task0", **others):
    """A claim of columns named in one string each."""
    sides = {"higher": higher.split(), "lower": lower.split()}
    return {"name": "c", "statement": "The first score above the second.", "scope": scope} | (
        sides | others
    )


def judged(results, *claims):
    results.run["config"] = {"suite": {"claims": list(claims)}}
    return judge_claims(results)


@pytest.fixture
def drawn(simulation):
    """Makes results of a design, the first ``better_of`` tokenizers better by a share."""

    def make(better: float = 0.0, better_of: int = 1, rng: int = 7, **changes):
        design = simulation.Design("test", **({"images": 60} | changes))
        scores, _ = simulation.draw(design, np.random.default_rng(rng))
        lucky = np.random.default_rng(8).random(scores[:, :better_of].shape) < better
        scores[:, :better_of] = np.where(lucky, 1, scores[:, :better_of])
        results = simulation.as_results(scores, design)
        for entry in (*results.run["columns"], *results.run["tasks"]):
            entry["title"] = entry["name"].upper()
        return results

    return make


@pytest.fixture
def claiming(run_dir):
    """Results of the run directory with claims."""
    return lambda *claims, change=None: load_results(write_claims(run_dir, *claims, change=change))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"questions": 1, "scores": "VQA credit"},
        {"scores": "CIDEr-D", "questions": 1},
        {"seeds": 3, "seed": 0.05},
        {"seeds": 3, "scores": "CIDEr-D"},
        {"seeds": 3, "seed": 0.05, "tasks": 2},
        {"tasks": 2},
    ],
)
def test_one_against_one_is_the_pair(drawn, changes):
    results = drawn(better=0.1, **changes)
    scope = OVERALL if "tasks" in changes else "task0"
    for a, b in (("t0", "t2"), ("t3", "t1")):
        (one,), pair = judged(results, claim(a, b, scope)), results.comparisons.pair(a, b, scope)
        e, p = one.difference.estimate, pair.difference.estimate
        np.testing.assert_allclose([e.mean, e.low, e.high], [p.mean, p.low, p.high], rtol=1e-12)
        assert one.difference.per_seed == pytest.approx(pair.difference.per_seed)
        assert (one.test, e.n, e.images) == (pair.test, p.n, p.images)
        assert one.p == one.adjusted == pytest.approx(pair.p, rel=1e-12)


def test_groups_are_averaged_sample_by_sample(drawn):
    results = drawn(better=0.1, better_of=2, questions=1, tokenizers=5)
    (one,) = judged(results, claim("t0 t1", "t2 t3 t4"))
    x = np.stack([results.cell(f"t{k}", "task0").scores[0] for k in range(5)])
    found = stats.ttest_1samp(x[:2].mean(axis=0) - x[2:].mean(axis=0), 0)
    low, high = found.confidence_interval(0.95)
    e = one.difference.estimate
    np.testing.assert_allclose([e.low, e.high, one.p], [low, high, found.pvalue])
    assert (one.test, e.n, e.images) == ("t", 60, 60)


def test_groups_are_paired_by_seed(drawn):
    results = drawn(seeds=3, seed=0.1)
    for k, order in ((0, [0, 1, 2]), (1, [2, 0, 1]), (2, [1, 2, 0])):
        cell = results.cell(f"t{k}", "task0")
        cell.seeds, cell.scores = order, cell.scores[order]
    (one,) = judged(results, claim("t0 t1", "t2 t3"))
    cells = [results.cell(f"t{k}", "task0") for k in range(4)]
    by_seed = [[cell.scores[cell.seeds.index(s)].mean() for cell in cells] for s in range(3)]
    wanted = [(a + b) / 2 - (c + d) / 2 for a, b, c, d in by_seed]
    assert one.difference.per_seed == pytest.approx(wanted)


def test_a_group_whose_seeds_move_together_gets_a_wider_interval(drawn):
    results, rng = drawn(seeds=3, images=200), np.random.default_rng(1)
    for s, moved in enumerate((0.0, 0.3, 0.6)):
        hit = rng.random((2, 400)) < moved  # both columns of the group, seed by seed
        for k in (0, 1):
            scores = results.cell(f"t{k}", "task0").scores
            scores[s] = np.where(hit[k], 1, scores[s])
    group, pair = judged(
        results, claim("t0 t1", "t2 t3"), claim("t0", "t2", name="pair", scope="task0")
    )
    assert group.difference.estimate.margin > 1.5 * pair.difference.estimate.margin
    assert group.verdict == "not shown" and group.p > 0.05


def test_lower_is_better_turns_the_claim(drawn):
    results = drawn(better=0.5)
    (up,) = judged(results, claim("t0", "t1"))
    results.tasks[0]["higher_is_better"] = False
    (down,) = judged(results, claim("t0", "t1"))
    assert (up.verdict, down.verdict) == ("supported", "contradicted")
    assert down.difference.estimate.mean == -up.difference.estimate.mean


def test_verdicts_after_correction_over_the_tested_claims(drawn):
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    results = drawn(better=0.3, better_of=2, images=150)
    found = judged(
        results,
        claim("t0 t1", "t2 t3", name="true"),
        claim("t2 t3", "t0 t1", name="false"),
        claim("t0 t2", "t1 t3", name="level"),
        claim("t2", "t3", name="level too"),
        claim("t0", "nobody", name="nobody"),
    )
    assert [one.verdict for one in found] == [
        *("supported", "contradicted", "not shown", "not shown", "not tested")
    ]
    np.testing.assert_allclose(
        [one.adjusted for one in found[:4]],
        multipletests([one.p for one in found[:4]], method="holm")[1],
    )
    assert in_words(found) == (
        "Of 5 claims 1 is supported, 1 is contradicted, 2 are not shown and 1 is not tested."
    )


def test_why_an_interval_without_zero_shows_nothing(drawn):
    results = drawn(scores="VQA credit", images=120)
    # the least shift of one column that is enough alone, and not with nine more claims
    cell = results.cell("t0", "task0")
    for step in range(120):
        cell.scores[0, step] = 1.0
        (alone,) = judged(results, claim("t0", "t1"))
        if alone.verdict == "supported":
            break
    others = [claim("t2", "t3", name=str(i), statement=str(i)) for i in range(9)]
    one, *_ = judged(results, claim("t0", "t1"), *others)
    assert alone.p == one.p < 0.05 <= one.adjusted and one.difference.estimate.low > 0
    assert (one.verdict, one.reason) == (
        "not shown",
        "alone it would be supported, but not as one of 10 claims",
    )
    turned, *_ = judged(results, claim("t1", "t0"), *others)
    assert turned.reason == "alone it would be contradicted, but not as one of 10 claims"


def test_a_seed_that_points_the_other_way_shows_nothing(drawn):
    """Where luck is all that seeds differ in, three of them now and then make a sure difference."""
    chance = {"seeds": 3, "image": 0.0, "own": 0.0, "luck": 0.0, "kept": 0.0}
    for rng in range(60):
        (one,) = judged(drawn(better=0.08, rng=rng, **chance), claim("t0", "t1"))
        if one.adjusted < 0.05 and min(one.difference.per_seed) < 0:
            break
    assert one.difference.estimate.low > 0
    assert (one.verdict, one.reason) == ("not shown", "the seeds do not agree")


def skilled(run):
    skills = {"vqa": "semantics", "caption": "semantics", "oc": "fine-grained"}
    for task in run["tasks"]:
        if task["name"] in skills:
            task["skill"] = skills[task["name"]]


def test_scopes_are_tasks_skills_and_overall(claiming):
    results = claiming(
        claim("deit clip", "mae dino", "vqa", name="task"),
        claim("deit clip", "mae dino", "caption", name="caption"),
        claim("deit clip", "mae dino", "semantics", name="skill"),
        claim("deit clip", "mae dino", "overall", name="overall"),
        change=skilled,
    )

    def gap(*tasks):
        mean = {
            name: np.mean([results.cell(name, task).scores.mean() for task in tasks])
            for name in ("deit", "clip", "mae", "dino")
        }
        return (mean["deit"] + mean["clip"] - mean["mae"] - mean["dino"]) / 2

    wanted = gap("vqa"), gap("caption"), gap("vqa"), gap("vqa", "oc", "mci")
    found = [one.difference.estimate.mean for one in results.claims]
    assert found == pytest.approx(wanted)
    titles = [(one.scope_title, one.task["unit"]) for one in results.claims]
    assert titles == [
        *(("VQA", "percent"), ("Captioning", "score")),
        *(("Semantics", "percent"), ("Overall", "percent")),
    ]


def fail_in_vqa(row):
    return row | {"scores": {}, "answer": None, "valid": False, "error": "out of memory"}


def test_what_cannot_be_tested_says_why(claiming, run_dir):
    for seed in (1, 2):
        schema.rows_path(run_dir, "mae", seed, "oc").unlink()
        path = schema.rows_path(run_dir, "dino", seed, "vqa")
        rows = [fail_in_vqa(row) for _, row in schema.read_rows(path)]
        schema.write_rows(path, rows)
    schema.rows_path(run_dir, "clip", 2, "mci").unlink()

    def change(run):
        skilled(run)
        run["tasks"][0]["skill"] = "fine-grained"
        run["tasks"][3]["unit"] = "none"

    results = claiming(
        *(
            claim(higher, "deit", scope, name=f"{higher} {scope}")
            for higher, scope in (
                ("siglip", "vqa"),
                ("mae", "oc"),
                ("dino", "vqa"),
                ("mae", "overall"),
                ("clip", "mci"),
                ("clip", "semantics"),
                ("clip", "caption"),
                ("clip", "vqa2"),
                ("text", "vqa"),
            )
        ),
        change=change,
    )
    *untested, text = results.claims
    assert {one.verdict for one in untested} == {"not tested"}
    assert [one.reason for one in untested] == [
        "no column 'siglip' in this run",
        "MAE has no score on Counting",
        "DINO has no score on VQA",
        "MAE has no score on Counting",
        "CLIP has one of 2 alignment seeds on Identification",
        "no task of this skill is scored in percent",
        "its right answers are not public, so there is no score",
        "'vqa2' is no task of this run and no skill",
    ]
    assert text.verdict == "supported"


def test_a_model_that_came_whole_meets_every_seed(claiming, run_dir):
    schema.rows_path(run_dir, "clip", 2, "vqa").unlink()

    def whole(run):
        next(c for c in run["columns"] if c["name"] == "clip")["tokenizer"] = None
        run["alignment"] = [one for one in run["alignment"] if one["column"] != "clip"]

    results = claiming(claim("clip", "mae", "vqa"), change=whole)
    (one,), pair = results.claims, results.comparisons.pair("clip", "mae", "vqa")
    assert one.difference.estimate == pair.difference.estimate and one.p == pair.p
    assert len(one.difference.per_seed) == 2


def test_a_claim_about_failed_answers_says_of_how_many_it_speaks(claiming, run_dir):
    for seed in (1, 2):
        path = schema.rows_path(run_dir, "mae", seed, "vqa")
        rows = [row for _, row in schema.read_rows(path)]
        failed = [row if i < 30 else fail_in_vqa(row) for i, row in enumerate(rows)]
        schema.write_rows(path, failed)
    of_some, of_all = claiming(
        claim("deit clip", "mae dino", "vqa"), claim("deit", "dino", "vqa", name="all")
    ).claims
    assert of_some.difference.estimate.n == 30
    assert of_some.notes[-1:] == [f"on the 30 of {len(rows)} samples that all of these answered"]
    assert not any("samples" in note for note in of_all.notes)
    assert of_some.notes[-1][1:] in leaderboard.write_report(run_dir).read_text()


def test_one_image_tests_nothing(tmp_path):
    folder = write_claims(build_run(tmp_path / "run", images=1), claim("deit", "mae", "vqa"))
    (one,) = load_results(folder).claims
    assert (one.verdict, one.reason) == ("not tested", "all samples are of one image")


def test_seeds_and_samples_in_common_are_asked_for(drawn):
    results = drawn(seeds=2)
    results.cell("t0", "task0").seeds = [5, 6]
    results.cell("t2", "task0").scores[:, ::2] = np.nan
    results.cell("t3", "task0").scores[:, 1::2] = np.nan
    seeds, samples = judged(results, claim("t0", "t1"), claim("t2", "t3"))
    assert seeds.reason == "no alignment seed that all these columns have on TASK0"
    assert samples.reason == "no sample was answered by all these columns"


def test_a_run_without_claims_has_none(run_dir):
    assert load_results(run_dir).claims == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"higher": "deit"}, r"claims\[0\].higher is 'deit', expected list"),
        ({"higher": [3]}, r"claims\[0\].higher\[0\] is 3, expected str"),
        ({"lower": []}, r"claims\[0\] \('c'\): higher and lower must name columns"),
        ({"lower": ["mae", "deit"]}, "each of them once"),
        ({"statement": None}, r"claims\[0\].statement is None, expected str"),
        ({"source": 1}, r"claims\[0\].source is 1, expected str or null"),
    ],
)
def test_what_is_no_claim_is_refused_with_its_place(claiming, changes, message):
    results = claiming({**claim("deit", "mae", "vqa"), **changes})
    with pytest.raises(SchemaError, match=message):
        judge_claims(results)


def test_parts_of_a_study_claim_once(run_dir, tmp_path):
    """Two runs of one suite, the second with another CLIP and a claim of its own."""
    claims = [claim("clip", "mae", "vqa", name="a"), claim("deit", "mae", "vqa", name="b")]
    write_claims(run_dir, *claims)
    other = tmp_path / "other"
    shutil.copytree(run_dir, other)

    def change(run):
        run["columns"] = [c for c in run["columns"] if c["name"] in ("clip", "deit")]
        next(c for c in run["columns"] if c["name"] == "clip")["card_hash"] = "another"
        for field in ("stages", "alignment"):
            run[field] = [e for e in run[field] if e["column"] in ("clip", "deit")]

    write_claims(other, *claims, claim("deit", "clip", "vqa", name="c"), change=change)
    merged = load_results(run_dir, other)
    found = [(c["name"], c["higher"], c["lower"]) for c in declared(merged)]
    assert found == [
        ("a", ["clip"], ["mae"]),
        ("b", ["deit"], ["mae"]),
        ("a@other", ["clip@other"], ["mae"]),
        ("c", ["deit"], ["clip@other"]),
    ]
    assert all(one.difference is not None for one in merged.claims)
