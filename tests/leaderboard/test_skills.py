"""Means over the tasks of a skill, against formulas worked out by hand."""

import shutil

import numpy as np
import pytest
from scipy.stats import t as student

from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.skills import Skills, in_words

SKILLS = {"vqa": "semantics", "caption": "semantics", "oc": "fine-grained", "mci": "fine-grained"}


def tell(run_dir, skills, **changes):
    run = schema.read_run(run_dir)
    for task in run["tasks"]:
        task.pop("skill", None)
        if task["name"] in skills:
            task["skill"] = skills[task["name"]]
    schema.write_run(run_dir, run | changes)
    return load_results(run_dir)


def swap(run_dir, a, b, task, seeds=(1, 2)):
    for seed in seeds:
        one, other = (schema.rows_path(run_dir, name, seed, task) for name in (a, b))
        aside = one.with_suffix(".aside")
        shutil.move(one, aside), shutil.move(other, one), shutil.move(aside, other)


def scores(run_dir, column, task, seed=1):
    path = schema.rows_path(run_dir, column, seed, task)
    rows = [row for _, row in schema.read_rows(path)]
    return np.array([row["scores"]["acc"] for row in rows]), [row["image_sha256"] for row in rows]


def test_means_are_unweighted_over_the_tasks_of_a_skill(run_dir):
    results = tell(run_dir, SKILLS)
    profile = Skills(results).profiles["clip"]
    mean = {
        task: np.mean([scores(run_dir, "clip", task, s)[0] for s in (1, 2)])
        for task in SKILLS
        if task != "caption"
    }
    assert profile.semantics.mean == pytest.approx(mean["vqa"])
    assert profile.fine_grained.mean == pytest.approx((mean["oc"] + mean["mci"]) / 2)
    gap = mean["vqa"] - (mean["oc"] + mean["mci"]) / 2
    assert profile.difference.mean == pytest.approx(gap)
    # A skill of one task is that task.
    assert profile.semantics == results.cell("clip", "vqa").estimate


def test_the_difference_knows_that_tasks_share_images(run_dir):
    results = tell(run_dir, {"vqa": "semantics", "oc": "fine-grained"}, seeds=[1])
    e = Skills(results).profiles["dino"].difference
    (x, images), (y, same) = scores(run_dir, "dino", "vqa"), scores(run_dir, "dino", "oc")
    assert images == same
    moved = {}
    for values, sign in ((x, 1), (y, -1)):
        for value, image in zip(values, images, strict=True):
            moved[image] = moved.get(image, 0) + sign * (value - values.mean()) / len(values)
    count = len(moved)
    error = np.sqrt(count / (count - 1) * sum(u**2 for u in moved.values()))
    # Degrees of freedom are Satterthwaite's over the two tasks, hence not quite those of one.
    margin = student.ppf(0.975, count - 1) * error
    assert (e.high - e.low) / 2 == pytest.approx(margin, rel=0.05)
    assert e.images == count


def test_another_scale_is_left_out_and_said(run_dir):
    skills = Skills(tell(run_dir, SKILLS))
    assert [task["name"] for task in skills.left_out] == ["caption"]
    assert [task["name"] for task in skills.tasks["semantics"]] == ["vqa"]


def test_tasks_of_one_skill_are_no_comparison(run_dir):
    for told in ({}, {"vqa": "semantics"}, {"caption": "semantics", "oc": "fine-grained"}):
        skills = Skills(tell(run_dir, told))
        assert not skills.complete and skills.profiles == {}


def test_the_ceiling_and_who_lacks_a_task_have_no_profile(run_dir):
    for seed in (1, 2):
        schema.rows_path(run_dir, "mae", seed, "oc").unlink()
    profiles = Skills(tell(run_dir, SKILLS)).profiles
    assert set(profiles) == {"blind", "random", "deit", "clip", "dino"}


def test_one_leads_on_both(run_dir, monkeypatch):
    swap(run_dir, "deit", "text", "oc")  # far ahead in counting, too
    results = tell(run_dir, SKILLS)
    skills = Skills(results)
    assert skills.leaders("fine-grained") == ["deit"] and skills.leaders("semantics")[0] == "deit"
    words = in_words(skills, results.title)
    assert "DeiT leads on fine-grained tasks." in words
    assert len(skills.leaders("semantics")) > 1  # first there by its mean, not by a test
    assert words[-1] == "That the two skills rank the tokenizers differently is not shown."
    monkeypatch.setattr(Skills, "leaders", lambda self, skill: ["deit"])
    assert in_words(skills, results.title)[-1].startswith("Both skills put DeiT first")


def test_a_shown_crossing_is_said(run_dir):
    swap(run_dir, "clip", "text", "vqa")
    results = tell(run_dir, SKILLS)
    words = in_words(Skills(results), results.title)
    assert words[:2] == ["CLIP leads on semantics.", "DeiT leads on fine-grained tasks."]
    assert words[2] == (
        "So the two skills rank them differently: CLIP is ahead of DeiT on semantics and behind on "
        "fine-grained tasks."
    )


def test_a_crossing_within_the_noise_is_not_shown(run_dir):
    for seed in (1, 2):
        rows = [row for _, row in schema.read_rows(schema.rows_path(run_dir, "deit", seed, "vqa"))]
        right = next(i for i, row in enumerate(rows) if not row["scores"]["acc"])
        rows[right]["scores"]["acc"] = 1.0  # one sample better than DeiT, else the same
        schema.write_rows(schema.rows_path(run_dir, "clip", seed, "vqa"), rows)
    results = tell(run_dir, SKILLS)
    skills = Skills(results)
    assert skills.leaders("semantics")[:2] == ["clip", "deit"]
    words = in_words(skills, results.title)
    assert "no difference shown from DeiT" in words[0]
    assert words[-1] == "That the two skills rank the tokenizers differently is not shown."
