"""The audit of one task: every predictor cross-validated by image, and what gives answers away."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from gvt.audit import predictors
from gvt.audit.defects import Defects, find_defects
from gvt.audit.folds import Fit, folds_by_image, out_of_fold, without_fold
from gvt.audit.questions import NotAuditableError, Questions
from gvt.audit.suspects import Suspect, find_suspects
from gvt.audit.wording import Wordings, read_wordings
from leaderboard.statistics import Estimate, clustered_mean

AUDIT_VERSION = 1
"""Counts up whenever the same rows would get another audit."""

FOLDS, SEED = 5, 0
GUESS, CONSTANT, BEST = "guess", "constant", "best"
TITLES = {
    GUESS: "chance",
    CONSTANT: "constant answer",
    "template": "by question template",
    "noun": "by noun",
    "wording": "by exact question",
    "words": "bag of words",
}
"""The predictors, from the simplest on; of equals the first is chosen."""

# Every answer is tried on every row up to so many scorings, beyond that only a row's own answers:
# an answer spelt otherwise that the scoring accepts too then counts only when it is predicted.
_SCORINGS = 300_000


@dataclass(frozen=True)
class Figure:
    """One predictor: its score on images it was not fitted on, and what that gains.

    gain: paired difference to the constant. fitted: mean score if fitted on the very rows that are
    scored, which is an upper bound and not a prediction; None for chance and for a mixture.
    """

    name: str
    estimate: Estimate
    gain: Estimate
    fitted: float | None


@dataclass(frozen=True)
class Audit:
    """What the questions of a task give away.

    best: the predictor that does best on the other folds (nested cross-validation: the greatest of
    several means would be too high by the luck of the winner), chosen for each fold anew; its
    ``name`` is the one chosen most often. chosen: folds by predictor. answers: what ``best`` says
    on each row (None: a guess). scores: what each predictor and "best" earns, float[n] in the
    task's unit.
    """

    questions: Questions
    wordings: Wordings
    folds: int
    seed: int
    figures: dict[str, Figure]
    best: Figure
    chosen: dict[str, int]
    answers: list[str | None]
    scores: dict[str, np.ndarray]
    suspects: list[Suspect]
    defects: Defects

    @property
    def images(self) -> int:
        """Different images."""
        return len(set(self.questions.images))


def audit(questions: Questions, folds: int = FOLDS, seed: int = SEED) -> Audit:
    """Audit one task; three folds at least.

    Raises:
        NotAuditableError: fewer than three images, or the score of a row depends on other rows.
    """
    _check(questions)
    wordings = read_wordings(questions.texts)
    fold_of = folds_by_image(questions.images, folds, seed)
    scoring = _Scoring(questions)
    worth = scoring.worth()
    tried = _guess(questions, fold_of)
    for name, fit in _fits(wordings, worth).items():
        tried[name] = _try(fit, scoring, fold_of)
    names = list(tried)
    chosen = [names[i] for i in _best(np.array([one.elsewhere for one in tried.values()]))]
    by_row = [chosen[fold] for fold in fold_of.tolist()]
    best = np.array([tried[name].scores[row] for row, name in enumerate(by_row)])
    scores = {name: one.scores for name, one in tried.items()} | {BEST: best}
    counts = Counter(chosen)
    figures = {name: _figure(questions, name, scores, tried[name].fitted) for name in names}
    usual = counts.most_common(1)[0][0]
    fitted = tried[usual].fitted if len(counts) == 1 else None
    return Audit(
        questions=questions,
        wordings=wordings,
        folds=len(chosen),
        seed=seed,
        figures=figures,
        best=replace(_figure(questions, BEST, scores, fitted), name=usual),
        chosen=dict(counts),
        answers=[
            None if name == GUESS else scoring.answers[tried[name].said[row]]
            for row, name in enumerate(by_row)
        ],
        scores=scores,
        suspects=find_suspects(wordings, scoring.usual(worth), questions.images, questions.chance),
        defects=find_defects(wordings, questions.golds, questions.images),
    )


@dataclass(frozen=True)
class _Tried:
    """One predictor: answers by number and scores of each row, out of fold; the score if fitted on
    all rows; and for each fold the one on the others, times -1 where lower is better."""

    said: np.ndarray
    scores: np.ndarray
    fitted: float | None
    elsewhere: np.ndarray


def _check(questions: Questions) -> None:
    if questions.score(0, questions.golds[0][0]) is None:
        raise NotAuditableError(
            f"{questions.name}: not audited: {questions.metric_title} is a score of all answers "
            "together, not of each"
        )
    if len(set(questions.images)) < 3:
        raise NotAuditableError(f"{questions.name}: not audited: it asks about two images at most")


def _guess(questions: Questions, fold_of: np.ndarray) -> dict[str, _Tried]:
    """A guess earns its chance, if that is known of all rows."""
    if None in questions.chance or questions.unit != "percent":
        return {}
    scores = np.array(questions.chance, dtype=float)
    elsewhere = [scores[fold_of != fold].mean() for fold in range(int(fold_of.max()) + 1)]
    return {GUESS: _Tried(np.full(len(scores), -1), scores, None, np.array(elsewhere))}


def _try(fit: Fit, scoring: _Scoring, fold_of: np.ndarray) -> _Tried:
    everything = np.arange(len(fold_of))
    sign = 1 if scoring.questions.higher_is_better else -1
    said = out_of_fold(fit, fold_of)
    return _Tried(
        said,
        scoring(everything, said),
        float(scoring(everything, fit(everything, everything)).mean()),
        sign * without_fold(fit, scoring, fold_of),
    )


def _fits(wordings: Wordings, worth: sparse.csr_matrix) -> dict[str, Fit]:
    """The predictors: (training rows, rows) → answers by number."""
    groups = {
        CONSTANT: np.zeros(worth.shape[0], dtype=np.int64),
        "template": wordings.groups(wordings.templates),
        "noun": wordings.groups(wordings.nouns),
        "wording": wordings.of_row,
    }

    def of_group(rows: np.ndarray) -> Fit:
        return lambda train, test: predictors.best_of_groups(worth, rows, train, test)

    features = predictors.word_features(wordings)
    fits = {name: of_group(rows) for name, rows in groups.items()}
    fits["words"] = lambda train, test: predictors.best_by_words(worth, features, train, test)
    return fits


def _best(scores: np.ndarray) -> np.ndarray:
    """int[folds], of predictors float[P, folds] the first of those that do best."""
    # Sums of equal scores in another order differ in the last digit.
    return (scores > scores.max(axis=0) - 1e-9).argmax(axis=0)


class _Scoring:
    """Scores answers by number through the task; what was scored before is looked up.

    Answers are all gold answers, those given most often first.
    """

    def __init__(self, questions: Questions) -> None:
        self.questions = questions
        given = Counter(gold for golds in questions.golds for gold in golds)
        self.answers = sorted(given, key=lambda answer: (-given[answer], answer))
        # Sorted numbers of (row, answer) pairs, and what they earn.
        self._known, self._earned = np.empty(0, dtype=np.int64), np.empty(0)

    def __call__(self, rows: np.ndarray, choice: np.ndarray) -> np.ndarray:
        """What answers int[k] earn on rows int[k]."""
        pairs = rows.astype(np.int64) * len(self.answers) + choice
        place = np.searchsorted(self._known, pairs)
        known = place < len(self._known)
        known[known] = self._known[place[known]] == pairs[known]
        if not known.all():
            new = np.unique(pairs[~known])
            earned = [self._score(*divmod(pair, len(self.answers))) for pair in new.tolist()]
            self._known = np.concatenate([self._known, new])
            order = np.argsort(self._known, kind="stable")
            self._known = self._known[order]
            self._earned = np.concatenate([self._earned, earned])[order]
        return self._earned[np.searchsorted(self._known, pairs)]

    def worth(self) -> sparse.csr_matrix:
        """float[n, answers], what each answer earns on each row, 0 at worst."""
        place = {answer: i for i, answer in enumerate(self.answers)}
        n = len(self.questions)
        if n * len(place) <= _SCORINGS:
            own = [range(len(place))] * n
        else:
            own = [{place[gold] for gold in golds} for golds in self.questions.golds]
        rows = np.repeat(np.arange(n), [len(answers) for answers in own])
        columns = np.array([answer for answers in own for answer in answers])
        earned = self(rows, columns)
        if self.questions.higher_is_better:
            earned = earned - min(0.0, earned.min())
        else:
            earned = earned.max() - earned
        return sparse.csr_matrix((earned, (rows, columns)), shape=(n, len(place)))

    def usual(self, worth: sparse.csr_matrix) -> list[str]:
        """Of each row's right answers the one that is given most often in the task."""
        best = predictors.best_of_rows(worth).tolist()
        golds = self.questions.golds
        return [self.answers[i] if i >= 0 else own[0] for i, own in zip(best, golds, strict=True)]

    def _score(self, row: int, answer: int) -> float:
        return self.questions.score(row, self.answers[answer])


def _figure(
    questions: Questions, name: str, scores: dict[str, np.ndarray], fitted: float | None
) -> Figure:
    clusters = np.unique(np.array(questions.images, dtype=object), return_inverse=True)[1]
    bounds = (0.0, 1.0) if questions.unit == "percent" else None
    gain = clustered_mean(scores[name] - scores[CONSTANT], clusters)
    return Figure(name, clustered_mean(scores[name], clusters, bounds), gain, fitted)
