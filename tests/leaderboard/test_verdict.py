"""The headline says what the comparisons show, and no more."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.results import load_results
from leaderboard.verdict import judge, judge_all, judge_overall
from leaderboard.wording import put_in_words

TITLES = ["CLIP", "DeiT", "DINO", "MAE"]
TASKS = ["VQA", "counting", "captions", "relations"]


@pytest.fixture
def run(simulation):
    """Results of tokenizers with given accuracies: ``run([[0.8, 0.5], ...], seeds=1)``, by task."""

    def make(rates, seeds=1, n=600, shared=0.6):
        rng = np.random.default_rng(3)
        tasks, tokenizers = np.shape(rates)
        luck = rng.random((tasks, 1, 1, n))
        own = np.where(
            rng.random((1, 1, 1, n)) < shared, luck, rng.random((tasks, tokenizers, seeds, n))
        )
        scores = (own < np.array(rates)[:, :, None, None]).astype(float)
        design = simulation.Design(
            "test", tokenizers=tokenizers, seeds=seeds, images=n, questions=1, tasks=tasks
        )
        results = simulation.as_results(scores, design)
        for column, title in zip(results.run["columns"], TITLES, strict=False):
            column |= {"title": title, "encoder_parameters": None}
        for task, title in zip(results.run["tasks"], TASKS, strict=False):
            task |= {"title": title, "constant": False, "metric_title": "accuracy"}
        return results

    return make


def controlled(results):
    """The same with the last column as a control."""
    results.run["columns"][-1] |= {"kind": "control", "title": "Blind"}
    return results


def words(results):
    return put_in_words(results, judge_all(results))


def test_tasks_with_the_same_leaders_share_a_sentence(run):
    rates = [[0.80, 0.80, 0.5, 0.5], [0.5, 0.5, 0.8, 0.5], [0.8, 0.8, 0.5, 0.5]]
    wording = words(run(rates))
    assert wording.headline == (
        "CLIP and DeiT lead on VQA and captions; no difference shown between them.",
        "DINO leads on counting.",
    )
    assert [title for title, _ in wording.tasks] == ["VQA", "counting", "captions"]


def test_nobody_is_named_inside_the_noise(run):
    results = run([[0.61, 0.60, 0.60], [0.60, 0.61, 0.60]])
    wording = words(results)
    assert wording.answer == "No difference between the tokenizers is shown."
    (sentence,) = wording.headline
    shown = re.fullmatch(
        r"No difference between the three is shown on VQA and counting "
        r"\(80\u00a0% power for differences of ([\d.]+)( to ([\d.]+))? points\)\.",
        sentence,
    )
    median = [100 * judge(results, task).detectable for task in results.tasks]
    assert float(shown[1]) == pytest.approx(min(median), abs=0.051)
    assert float(shown[3] or shown[1]) == pytest.approx(max(median), abs=0.051)
    assert not any(" leads" in text for _, text in wording.tasks)


def test_the_answer_is_the_overall_leader(run):
    rates = [[0.8, 0.6, 0.6], [0.7, 0.6, 0.6], [0.6, 0.62, 0.6]]
    wording = words(run(rates))
    assert wording.answer == "Use CLIP."
    assert re.search(
        r"^Over the three tasks scored in percent it is [\d.]+ points ahead of (DeiT|DINO) \(95",
        wording.reason,
    )


def test_two_overall_leaders_are_both_named(run):
    wording = words(run([[0.8, 0.8, 0.5], [0.7, 0.7, 0.5]]))
    assert wording.answer in ("Use CLIP or DeiT.", "Use DeiT or CLIP.")
    assert "lead, no difference shown between them" in wording.reason


def test_different_leaders_of_equal_overall_depend_on_the_task(run):
    wording = words(run([[0.8, 0.6], [0.6, 0.8]]))
    assert wording.answer == "It depends on the task."
    assert wording.headline == ("CLIP leads on VQA.", "DeiT leads on counting.")


def test_one_task_has_no_overall(run):
    results = run([[0.8, 0.5]])
    assert judge_overall(results) is None
    wording = words(results)
    e = results.comparisons.pair("t0", "t1", "task0").difference.estimate
    mean, low, high = (f"{100 * value:.1f}" for value in (e.mean, e.low, e.high))
    assert wording.answer == "Use CLIP."
    assert wording.reason == (
        f"It leads on the only task, {mean} points ahead of DeiT "
        f"(95\u00a0% interval {low} to {high})."
    )


def test_one_tokenizer_is_compared_with_nobody(run):
    wording = words(run([[0.8], [0.7]]))
    assert wording.answer == "Only CLIP was run."
    assert wording.headline == ("Only CLIP has a score on VQA and counting.",)


def test_one_seed_is_said(run):
    assert "One alignment seed was run" in words(run([[0.8, 0.5]])).notes[0]
    assert "new alignment seeds (3 were run)" in words(run([[0.8, 0.5]], seeds=3)).notes[0]


def test_many_tokenizers_stay_short(run, simulation):
    design = simulation.Design("test", tokenizers=20, images=200, questions=1, tasks=2)
    scores, _ = simulation.draw(design, np.random.default_rng(1))
    results = simulation.as_results(scores, design)
    for k, column in enumerate(results.run["columns"]):
        column |= {"title": f"Encoder {k}", "encoder_parameters": 1}
    for task in results.tasks:
        task |= {"title": task["name"], "constant": False, "metric_title": "accuracy"}
    wording = words(results)
    assert len(wording.headline) == 1
    assert max(map(len, [*wording.headline, wording.reason])) < 250
    assert all("16 others" in text for _, text in wording.tasks)


def test_leaders_are_those_not_shown_below_the_best_after_correction(run):
    results = run([[0.70, 0.66, 0.62, 0.55]])
    verdict = judge(results, results.tasks[0])
    behind = [
        c.b if c.a == verdict.best else c.a
        for c in results.comparisons.of("task0")
        if verdict.best in (c.a, c.b) and c.clear
    ]
    assert set(verdict.leaders) == {"t0", "t1", "t2", "t3"} - set(behind)
    assert verdict.runner_up[0] == behind[0]


def test_overall_beats_controls_or_does_not_lead_by_sight(run_dir):
    results = load_results(run_dir)
    verdict = judge_overall(results)
    assert verdict.best == "deit" and "deit" in verdict.settled
    assert verdict.task["name"] == "overall"


def without(results, *missing):
    """The results without these (column, task)."""
    for key in missing:
        del results.cells[key]
    return results


def test_a_lead_over_nobody_is_not_told_with_a_lead_over_others(run):
    rates = [[0.8, 0.5, 0.5], [0.8, 0.5, 0.5]]
    wording = words(without(run(rates), ("t1", "task1"), ("t2", "task1")))
    assert wording.headline == ("CLIP leads on VQA.", "Only CLIP has a score on counting.")


def test_two_that_lead_others_are_not_told_with_two_alone(run):
    rates = [[0.8, 0.8, 0.5], [0.8, 0.8, 0.5]]
    wording = words(without(run(rates), ("t2", "task1")))
    together, alone = wording.headline
    assert together == "CLIP and DeiT lead on VQA; no difference shown between them."
    assert alone.startswith("No difference between CLIP and DeiT is shown on counting")


def test_who_lacks_a_task_is_said_to_be_in_no_overall_mean(run):
    wording = words(without(run([[0.8, 0.5, 0.9], [0.8, 0.5, 0.9]]), ("t2", "task1")))
    assert wording.answer == "Use CLIP."
    assert "DINO is not compared there" in wording.reason


def test_leaders_that_differ_among_themselves_are_not_called_level(run, monkeypatch):
    results = run([[0.8, 0.8, 0.5], [0.8, 0.8, 0.5]])
    level = judge_overall(results)
    monkeypatch.setattr(
        "leaderboard.wording.judge_overall", lambda results: replace(level, even=False)
    )
    reason = words(results).reason
    best, other = (results.title(name) for name in level.leaders)
    assert f"{best} scores best, no difference from {other} is shown" in reason
    assert "between them" not in reason


def test_where_lower_is_better_nobody_scores_highest(run):
    results = run([[0.5, 0.5, 0.8]])
    results.tasks[0]["higher_is_better"] = False
    verdict = replace(judge(results, results.tasks[0]), even=False)
    ((_, sentence),) = put_in_words(results, [verdict]).tasks
    assert "scores best; no difference shown from" in sentence


def test_a_tokenizer_alone_that_beats_no_control(run):
    results = controlled(run([[0.8, 0.8], [0.7, 0.7]]))
    verdicts = judge_all(results)
    assert put_in_words(results, verdicts[:1]).reason == "It beats every control on no task."
    assert put_in_words(results, verdicts).reason == "It beats every control on none of two tasks."


def test_without_a_control_none_is_said_to_be_beaten(run):
    results = run([[0.9], [0.8]])
    assert words(results).reason == "No control was run to hold it against."
    level = {"t0": ("majority",), "t1": ("majority",)}
    results = run([[0.8, 0.5]])
    verdicts = [replace(v, not_above=level) for v in judge_all(results)]
    wording = put_in_words(results, verdicts)
    assert wording.answer.endswith("beats what needs no image there.")
    assert "control" not in " ".join([wording.answer, wording.reason, *wording.headline])


def test_some_with_one_seed_are_not_all(run):
    results = run([[0.8, 0.5]], seeds=3)
    cell = results.cells["t0", "task0"]
    results.cells["t0", "task0"] = replace(cell, seeds=cell.seeds[:1], scores=cell.scores[:1])
    (note,) = words(results).notes
    assert note.startswith("Not all scores have several alignment seeds")


def test_no_power_for_differences_that_cannot_be(run):
    results = run([[0.6, 0.6]], n=60)
    verdict = replace(judge(results, results.tasks[0]), detectable=8.162)
    wording = put_in_words(results, [verdict])
    for text in (wording.headline[0], wording.tasks[0][1]):
        assert "too few images or seeds" in text and "816" not in text


def test_tasks_on_which_nobody_leads_by_sight_share_a_sentence(run):
    results = controlled(run([[0.8, 0.5, 0.5], [0.5, 0.8, 0.5]]))
    blind = {"t0": ("majority",), "t1": ("majority",)}
    verdicts = [replace(v, not_above=blind) for v in judge_all(results)]
    (sentence,) = put_in_words(results, verdicts).headline
    assert sentence.startswith("On VQA and counting no leader is shown to beat the controls")


def test_without_any_score_no_tokenizer_is_judged(run):
    results = without(run([[0.8, 0.5]]), ("t0", "task0"), ("t1", "task0"))
    assert words(results).answer == "No tokenizer has a score."


def test_two_of_two_are_both(run):
    wording = words(controlled(run([[0.9, 0.5], [0.8, 0.5]])))
    assert wording.reason.startswith("It beats every control on both tasks.")


def test_an_encoder_a_little_larger_than_the_smallest_is_not_one_time_as_large(run):
    results = run([[0.9, 0.5, 0.5], [0.9, 0.5, 0.5]])
    for column, size in zip(results.columns(), (103, 100, 200), strict=True):
        column["encoder_parameters"] = size
    assert words(results).reason.endswith("about as small as the smallest compared.")
