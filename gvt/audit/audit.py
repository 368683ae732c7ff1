"""The audit of one task: every predictor cross-validated by image, and what gives answers away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gvt.audit import predictors
from gvt.audit.defects import Defects, find_defects
from gvt.audit.folds import folds_by_image
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
Fit = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Figure:
    """One predictor: its score on images it was not fitted on, and what that gains.

    gain: paired difference to the constant. fitted: mean score if fitted on the very rows that are
    scored, which is an upper bound and not a prediction; None for chance.
    """

    name: str
    estimate: Estimate
    gain: Estimate
    fitted: float | None


@dataclass(frozen=True)
class Audit:
    """What the questions of a task give away.

    best: the predictor that does best on the other folds, chosen for each fold anew; its ``name``
    is the one chosen most often. chosen: folds by predictor. answers: what ``best`` says on each
    row (None: a guess). scores: what each predictor and "best" earns, float[n] in the task's unit.
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
    """Audit one task.

    Raises:
        NotAuditableError: fewer than two images, or the score of a row depends on other rows.
    """
    if len(set(questions.images)) < 2:
        raise NotAuditableError(
            f"{questions.name}: an audit needs the questions of two images at least"
        )
    if questions.score(0, questions.golds[0][0]) is None:
        raise NotAuditableError(
            f"{questions.name}: not audited: {questions.metric_title} is a score of all answers "
            "together, not of each"
        )
    wordings = read_wordings(questions.texts)
    fold_of = folds_by_image(questions.images, folds, seed)
    scoring = _Scoring(questions)
    answers, worth = scoring.answers, scoring.worth()
    said, fitted = {}, {}
    for name, fit in _fits(wordings, worth).items():
        said[name] = _out_of_fold(fit, fold_of)
        everything = np.arange(len(questions))
        fitted[name] = float(scoring(fit(everything, everything)).mean())
    scores = {name: scoring(choice) for name, choice in said.items()}
    if None not in questions.chance and questions.unit == "percent":
        scores = {GUESS: np.array(questions.chance, dtype=float), **scores}
    pick = _choose(np.stack(list(scores.values())), fold_of, questions.higher_is_better)
    chosen = [list(scores)[place] for place in pick[fold_of].tolist()]
    best = np.array([scores[name][row] for row, name in enumerate(chosen)])
    counts = Counter(list(scores)[place] for place in pick.tolist())
    figures = _figures(questions, scores, fitted, best, counts.most_common(1)[0][0])
    return Audit(
        questions=questions,
        wordings=wordings,
        folds=int(fold_of.max()) + 1,
        seed=seed,
        figures={name: figures[name] for name in scores},
        best=figures[BEST],
        chosen=dict(counts),
        answers=[
            None if name == GUESS else answers[said[name][row]] for row, name in enumerate(chosen)
        ],
        scores={**scores, BEST: best},
        suspects=find_suspects(
            wordings,
            [
                answers[place] if place >= 0 else golds[0]
                for place, golds in zip(
                    predictors.best_of_rows(worth).tolist(), questions.golds, strict=True
                )
            ],
            questions.images,
            questions.chance,
        ),
        defects=find_defects(wordings, questions.golds, questions.images),
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


def _out_of_fold(fit: Fit, fold_of: np.ndarray) -> np.ndarray:
    said = np.empty(len(fold_of), dtype=np.int64)
    for fold in range(int(fold_of.max()) + 1):
        test = np.flatnonzero(fold_of == fold)
        said[test] = fit(np.flatnonzero(fold_of != fold), test)
    return said


def _choose(scores: np.ndarray, fold_of: np.ndarray, higher_is_better: bool) -> np.ndarray:
    """int[folds], of predictors float[P, n] the one that does best on all the other folds.

    The greatest of several means would be too high by the luck of the winner; the scores of a fold
    have no say in what is chosen for it.
    """
    sign = 1 if higher_is_better else -1
    folds = int(fold_of.max()) + 1
    elsewhere = [sign * scores[:, fold_of != fold].mean(axis=1) for fold in range(folds)]
    # Sums of equal scores in another order differ in the last digit.
    return np.array([int(np.argmax(means > means.max() - 1e-9)) for means in elsewhere])


class _Scoring:
    """Scores answers by number through the task; what was scored before is looked up.

    Answers are all gold answers, those given most often first.
    """

    def __init__(self, questions: Questions) -> None:
        self.questions = questions
        given = Counter(gold for golds in questions.golds for gold in golds)
        self.answers = sorted(given, key=lambda answer: (-given[answer], answer))
        self._known: dict[tuple[int, int], float] = {}

    def __call__(self, choice: np.ndarray) -> np.ndarray:
        """float[n], what answer int[n] earns on each row."""
        return np.array([self._score(*key) for key in enumerate(choice.tolist())])

    def worth(self) -> sparse.csr_matrix:
        """float[n, answers], what each answer earns on each row, 0 at worst."""
        place = {answer: i for i, answer in enumerate(self.answers)}
        everything = len(self.questions) * len(place) <= _SCORINGS
        columns, values, ends = [], [], [0]
        for row, golds in enumerate(self.questions.golds):
            own = range(len(place)) if everything else {place[gold] for gold in golds}
            columns.extend(own)
            values.extend(self._score(row, answer) for answer in own)
            ends.append(len(columns))
        earned = np.array(values)
        if self.questions.higher_is_better:
            earned -= min(0.0, earned.min())
        else:
            earned = earned.max() - earned
        return sparse.csr_matrix((earned, columns, ends), (len(ends) - 1, len(place)))

    def _score(self, row: int, answer: int) -> float:
        known = self._known.get((row, answer))
        if known is None:
            known = self.questions.score(row, self.answers[answer])
            self._known[row, answer] = known
        return known


def _figures(
    questions: Questions,
    scores: dict[str, np.ndarray],
    fitted: dict[str, float],
    best: np.ndarray,
    best_name: str,
) -> dict[str, Figure]:
    clusters = np.unique(np.array(questions.images, dtype=object), return_inverse=True)[1]
    bounds = (0.0, 1.0) if questions.unit == "percent" else None

    def figure(name: str, own: np.ndarray) -> Figure:
        gain = clustered_mean(own - scores[CONSTANT], clusters)
        return Figure(name, clustered_mean(own, clusters, bounds), gain, fitted.get(name))

    figures = {name: figure(name, own) for name, own in scores.items()}
    return {**figures, BEST: figure(best_name, best)}
