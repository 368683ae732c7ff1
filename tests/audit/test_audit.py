"""The audit of a task: leaks show, fair tasks do not, and all is in the task's own score."""

import random

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut

from gvt.audit import NotAuditableError, audit
from gvt.audit.audit import CONSTANT, GUESS
from gvt.audit.folds import folds_by_image
from gvt.scoring import process
from leaderboard.statistics import clustered_mean, paired_difference

from .conftest import questions


def clusters(task):
    return np.unique(task.images, return_inverse=True)[1]


def test_a_noun_prior_shows(noun_prior):
    found = audit(noun_prior)
    # What the nouns are worth follows from how the answers were drawn: (2 · 0.9 + 5 · 0.5) / 7.
    for name in ("noun", "wording", "words"):
        assert found.figures[name].estimate.mean == pytest.approx(4.3 / 7, abs=0.05)
        assert found.figures[name].gain.low > 0
    assert found.figures["template"].estimate == found.figures[CONSTANT].estimate
    assert found.best.gain.low > 0
    assert found.best.name in ("noun", "wording", "words")


def test_a_printed_label_is_found_and_the_nouns_are_not_blamed(printed_label):
    found = audit(printed_label)
    for name in ("template", "wording", "words"):
        assert found.figures[name].estimate.mean == 1
    assert found.figures["noun"].estimate.mean < 0.6
    assert found.chosen == {"template": 5}  # the simplest of those that are equal
    assert found.answers == [gold[0] for gold in printed_label.golds]
    assert [twin[:2] for twin in found.defects.twins] == [
        ("does * exist in the image", "does * exis in the image")
    ]


def test_a_fair_task_is_worth_no_more_than_chance(fair):
    found = audit(fair)
    assert found.suspects == []
    for figure in [*found.figures.values(), found.best]:
        assert figure.estimate.mean == pytest.approx(0.5, abs=0.06)
        assert figure.estimate.low <= 0.5
    # Fitted on the rows themselves the nouns look like knowledge; on other images they are not.
    assert found.figures["noun"].fitted > found.figures["noun"].estimate.mean


def test_the_best_of_many_useless_predictors_is_not_lifted_by_luck():
    means, tops = [], []
    for seed in range(40):
        dice = random.Random(seed)
        nouns = ["cat", "dog", "cup", "tie", "bus", "cow", "kite", "bed"]
        texts = [f"Is there a {dice.choice(nouns)}?" for _ in range(200)]
        task = questions(texts, [dice.choice(["yes", "no"]) for _ in texts], range(200), chance=0.5)
        found = audit(task)
        means.append(found.best.estimate.mean)
        tops.append(max(figure.estimate.mean for figure in found.figures.values()))
    error = np.std(means, ddof=1) / np.sqrt(len(means))
    assert np.mean(means) <= 0.5 + 2.5 * error  # chosen on other folds
    assert np.mean(tops) > 0.5 + 2.5 * error  # the plain maximum is not a fair figure


def test_images_stay_together():
    # Each image is asked one question of its own twice: only its other row knows the answer.
    dice = random.Random(0)
    answers = [dice.choice(["yes", "no"]) for _ in range(150)]
    texts = [f"Is thing number {i} here?" for i in range(150)]
    task = questions(texts * 2, answers * 2, [*range(150)] * 2, chance=0.5)
    found = audit(task)
    assert found.figures["wording"].fitted == 1
    assert found.figures["wording"].estimate.mean == found.figures[CONSTANT].estimate.mean < 0.6


def test_each_fold_is_answered_from_the_others(noun_prior):
    found = audit(noun_prior, folds=4, seed=7)
    fold_of = folds_by_image(noun_prior.images, 4, seed=7)
    texts = np.array(noun_prior.texts)
    golds = np.array([gold[0] for gold in noun_prior.golds])
    expected = np.empty(len(texts))
    for train, test in LeaveOneGroupOut().split(texts, groups=fold_of):
        for row in test:
            own = golds[train][texts[train] == texts[row]]
            says = max(("yes", "no"), key=lambda answer: (own == answer).sum())
            assert (own == "yes").sum() != (own == "no").sum()
            expected[row] = says == golds[row]
    assert (found.scores["wording"] == expected).all()


def test_intervals_and_gains_are_the_leaderboards(noun_prior):
    found, group = audit(noun_prior), clusters(noun_prior)
    own, constant = found.scores["noun"], found.scores[CONSTANT]
    figure = found.figures["noun"]
    assert figure.estimate == clustered_mean(own, group, (0.0, 1.0))
    assert figure.gain == paired_difference(own[None], constant[None], group).estimate


def test_the_same_seed_deals_the_same_and_another_otherwise(noun_prior):
    first, again, other = (audit(noun_prior, seed=seed) for seed in (0, 0, 3))
    assert (first.scores["noun"] == again.scores["noun"]).all()
    assert (first.scores["noun"] != other.scores["noun"]).any()


def test_answers_are_worth_what_the_task_says():
    # Ten annotators: "blue" is said by three in every row, "navy" by all in a third of them.
    rows = [["navy"] * 10 if i % 3 == 0 else ["blue"] * 3 + ["sea"] * 7 for i in range(90)]
    task = questions(["What color?"] * 90, rows, range(90), rule=process.vqa)
    found = audit(task)
    exact = np.mean([process.vqa({"answers": row}, ["sea"])["acc"] for row in rows])
    assert found.figures[CONSTANT].estimate.mean == pytest.approx(exact)
    assert found.figures[CONSTANT].fitted == pytest.approx(exact)
    assert GUESS not in found.figures  # what a guess is worth is not known


def test_an_answer_spelt_otherwise_counts_where_the_task_accepts_it():
    # As strings "no" is given most often; to the task "Yes" and "yes." are one answer.
    golds = ["Yes"] * 35 + ["yes."] * 30 + ["no"] * 45
    found = audit(questions(["Is it?"] * 110, golds, range(110)))
    assert found.figures[CONSTANT].estimate.mean == pytest.approx(65 / 110)


def test_lower_is_better_where_the_task_says_so():
    golds = ["1"] * 40 + ["9"] * 41 + ["5"] * 19
    task = questions(
        ["How many?"] * 100, golds, range(100), rule=process.counting, metric="mae", higher=False
    )
    found = audit(task)
    # The median has the least absolute error, though "9" is said most often.
    assert found.figures[CONSTANT].fitted == pytest.approx((40 * 4 + 41 * 4) / 100)
    assert set(found.answers) == {"5"}


def test_a_guess_is_the_floor_where_its_worth_is_known():
    # Exactly balanced: what a fold lacks is more frequent elsewhere, so constants fall below it.
    task = questions(
        ["How many?"] * 90,
        [str(1 + i % 9) for i in range(90)],
        range(90),
        rule=process.counting,
        chance=1 / 9,
    )
    found = audit(task)
    assert found.figures[CONSTANT].estimate.mean < 1 / 9
    assert found.best.name == GUESS
    assert found.best.estimate.mean == pytest.approx(1 / 9)
    assert set(found.answers) == {None}


def test_what_cannot_be_audited_says_why():
    captions = questions(["", ""], ["a cat", "a dog"], [1, 2], rule=process.caption, metric="cider")
    with pytest.raises(NotAuditableError, match="a score of all answers together"):
        audit(captions)
    with pytest.raises(NotAuditableError, match="two images at most"):
        audit(questions(["Is it?"] * 3, ["yes", "no", "no"], [1, 1, 2]))
