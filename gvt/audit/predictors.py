"""Predictors that never see an image: the best answer of a group of questions, and of words.

All choose among the gold answers that training rows gave, and all maximise the task's own score:
``worth`` float[n, answers] is what an answer earns on a row. Answers are sorted by how often they
are given, so that the first of equals is the more popular one.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import linalg, sparse

from gvt.audit.wording import Wordings, incidence

_FEATURES = 2000  # most frequent words and pairs of neighbours
_ANSWERS = 500  # most frequent ones, that words choose among
_RIDGE = 10.0
_CHUNK = 4096  # rows whose scores of all answers are in memory at once


def best_of_groups(
    worth: sparse.csr_matrix, groups: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """int[test], the answer that earns most on the training rows of each test row's group.

    groups: int[n]. The best constant stands in for a group that no training row is in, and for -1.
    """
    known = train[groups[train] >= 0]
    shape = (int(groups.max(initial=0)) + 1, len(known))
    member = sparse.csr_matrix((np.ones(len(known)), (groups[known], range(len(known)))), shape)
    constant = int(np.argmax(worth[train].sum(axis=0)))
    best = best_of_rows((member @ worth[known]).tocsr())
    best[best < 0] = constant
    return np.where(groups[test] >= 0, best[groups[test]], constant)


def best_by_words(
    worth: sparse.csr_matrix, features: sparse.csr_matrix, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """int[test], the answer whose expected worth a ridge regression on words puts highest.

    features: float[n, f]. W = (XᵀX + λI)⁻¹ Xᵀ(Y - mean Y). Unlike naive Bayes it does not count
    neighbouring words as independent evidence, and it is solved at once, unlike a logistic
    regression, which scores the same.
    """
    x, y = features[train], worth[train][:, :_ANSWERS]
    mean = np.asarray(y.mean(axis=0)).ravel()
    gram = (x.T @ x).toarray()
    gram[np.diag_indices_from(gram)] += _RIDGE
    seen = np.asarray(x.sum(axis=0)).ravel()
    above = (x.T @ y).toarray() - np.outer(seen, mean)
    weights = linalg.solve(gram, above, assume_a="pos", overwrite_a=True, overwrite_b=True)
    found = [
        (features[test[start : start + _CHUNK]] @ weights + mean).argmax(axis=1)
        for start in range(0, len(test), _CHUNK)
    ]
    return np.concatenate(found)


def word_features(wordings: Wordings) -> sparse.csr_matrix:
    """float[n, f], which rows hold which of the most frequent words and pairs of neighbours."""
    grams = [(*words, *(f"{a} {b}" for a, b in pairwise(words))) for words in wordings.words]
    held = incidence(grams)[0][wordings.of_row]
    rows = np.asarray(held.sum(axis=0)).ravel()
    return held[:, np.sort(np.argsort(-rows, kind="stable")[:_FEATURES])]


def best_of_rows(sums: sparse.csr_matrix) -> np.ndarray:
    """int[rows], the first column of the greatest positive entry; -1 where there is none."""
    best = np.full(sums.shape[0], -1, dtype=np.int64)
    rows = np.repeat(np.arange(sums.shape[0]), np.diff(sums.indptr))
    order = np.lexsort((sums.indices, -sums.data, rows))
    order = order[sums.data[order] > 0]
    found, first = np.unique(rows[order], return_index=True)
    best[found] = sums.indices[order[first]]
    return best
