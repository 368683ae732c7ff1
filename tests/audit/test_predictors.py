"""Predictors against brute force and scikit-learn."""

from collections import Counter, defaultdict

import numpy as np
from scipy import sparse
from sklearn.linear_model import Ridge

from gvt.audit.predictors import best_by_words, best_of_groups, best_of_rows, word_features
from gvt.audit.wording import read_wordings


def test_the_best_answer_of_a_group_is_that_of_brute_force():
    rng = np.random.default_rng(0)
    groups = rng.integers(-1, 30, size=300)
    worth = rng.integers(0, 4, size=(300, 6)) / 3 * (rng.random((300, 6)) < 0.4)
    train, test = np.arange(0, 300, 2), np.arange(1, 300, 2)
    train = train[groups[train] % 7 != 3]  # groups that nothing is known of
    earned, total = defaultdict(Counter), Counter()
    for row in train:
        for answer in range(6):
            total[answer] += worth[row, answer]
            earned[groups[row]][answer] += worth[row, answer]
    found = best_of_groups(sparse.csr_matrix(worth), groups, train, test)
    unknown = 0
    for row, answer in zip(test, found, strict=True):
        own = earned.get(groups[row])
        if groups[row] < 0 or own is None or not max(own.values()):
            unknown += 1
            assert total[answer] == max(total.values())
        else:
            assert abs(own[answer] - max(own.values())) < 1e-9
    assert unknown > 10


def test_of_equal_answers_the_first_is_taken():
    sums = sparse.csr_matrix(np.array([[0.0, 2, 2], [0, 0, 0], [1, 0, 3]]))
    assert best_of_rows(sums).tolist() == [1, -1, 2]


def test_words_are_weighed_as_by_scikit_learn():
    rng = np.random.default_rng(1)
    features = sparse.csr_matrix((rng.random((200, 12)) < 0.3).astype(float))
    worth = (rng.random((200, 5)) < 0.4).astype(float)
    train, test = np.arange(150), np.arange(150, 200)
    # An unpenalised mean, no intercept otherwise: the regression of what is above the mean.
    mean = worth[train].mean(axis=0)
    model = Ridge(alpha=10.0, fit_intercept=False, solver="cholesky")
    model.fit(features[train].toarray(), worth[train] - mean)
    expected = model.predict(features[test].toarray()) + mean
    found = best_by_words(sparse.csr_matrix(worth), features, train, test)
    assert (found == expected.argmax(axis=1)).all()
    assert len(set(found.tolist())) > 2


def test_features_are_words_and_neighbours_once_a_question():
    features = word_features(read_wordings(["a b a b", "b c"])).toarray()
    assert sorted(features.sum(axis=0).tolist()) == [1, 1, 1, 1, 1, 2]  # a, ab, ba, c, bc; b
    assert features.sum(axis=1).tolist() == [4, 3]
