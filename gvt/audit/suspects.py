"""Nouns, words and templates whose mere presence tells the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy import sparse
from scipy.special import bdtrc

from gvt.audit.wording import Wordings, incidence

Kind = Literal["noun", "word", "template"]
LEVEL = 0.01  # of the test, corrected for everything tested
_EXCESS = 0.1  # "far better than chance": ten points above what was expected
_KINDS = get_args(Kind)
_FEWEST = 20  # rows; below it nothing is tested


@dataclass(frozen=True)
class Suspect:
    """A piece of wording, the answer that its rows have too often, and how sure that is.

    rows: different (image, question) pairs with it; share: of them with the answer; expected: the
    share without knowing the word; p: Holm-corrected; example: row number of one of them.
    """

    text: str
    kind: Kind
    answer: str
    rows: int
    share: float
    expected: float
    p: float
    example: int


def find_suspects(
    wordings: Wordings,
    answers: Sequence[str],
    images: Sequence[str],
    chance: Sequence[float | None],
) -> list[Suspect]:
    """All suspects, those that give most answers away first.

    answers: one a row. The exact binomial test asks whether as many rows with the word would have
    the answer if they had it as often as all rows do, or as chance if that is more: so "no" after
    "is there" is expected, and a template with one answer is not. A question asked twice about one
    image counts once. Holm's correction is over all pairs of what is tested and an answer. Of what
    stands in the same rows one is named.
    """
    rows = _different(wordings.of_row, images)
    held, names, kinds = _units(wordings)
    held = held[wordings.of_row[rows]].tocsc()
    size = np.asarray(held.sum(axis=0)).ravel()
    keep = np.flatnonzero(size >= _FEWEST)
    if not len(keep):
        return []
    held, size = held[:, keep], size[keep]
    kinds_of_answer, said = np.unique(np.array(answers, dtype=object)[rows], return_inverse=True)
    says = sparse.csr_matrix(
        (np.ones(len(rows)), (range(len(rows)), said)), (len(rows), len(kinds_of_answer))
    )
    pairs = (held.T @ says).tocoo()
    usual = np.asarray(says.sum(axis=0)).ravel() / len(rows)
    guess = np.array([chance[row] or 0.0 for row in rows])
    expected = np.maximum(usual[pairs.col], ((held.T @ guess) / size)[pairs.row])
    n, hits = size[pairs.row].astype(np.int64), pairs.data
    # P(hits or more of n); where everything is expected nothing is a surprise.
    p = np.where(expected < 1, bdtrc(hits - 1, n, np.minimum(expected, 1)), 1.0)
    p = holm(p, len(keep) * len(kinds_of_answer))
    found = np.flatnonzero((p < LEVEL) & (hits / n - expected >= _EXCESS))
    suspects = []
    for i in found[np.argsort(-(hits - n * expected)[found], kind="stable")].tolist():
        unit, answer = int(pairs.row[i]), int(pairs.col[i])
        own = held.indices[held.indptr[unit] : held.indptr[unit + 1]]
        suspect = Suspect(
            text=names[keep[unit]],
            kind=kinds[keep[unit]],
            answer=str(kinds_of_answer[answer]),
            rows=int(n[i]),
            share=float(hits[i] / n[i]),
            expected=float(expected[i]),
            p=float(p[i]),
            example=int(rows[own[np.argmax(said[own] == answer)]]),
        )
        suspects.append((own.tobytes(), suspect))
    return _one_of_each(suspects)


def holm(p: np.ndarray, tests: int) -> np.ndarray:
    """Holm's step-down correction of float[k] p-values, the smallest of ``tests`` ones (1979)."""
    order = np.argsort(p, kind="stable")
    factors = tests - np.arange(len(p))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return corrected


def _different(wording: np.ndarray, images: Sequence[str]) -> np.ndarray:
    """The first row of each (image, question)."""
    _, image = np.unique(np.array(images, dtype=object), return_inverse=True)
    both = image.astype(np.int64) * (int(wording.max(initial=0)) + 1) + wording
    return np.sort(np.unique(both, return_index=True)[1])


def _units(wordings: Wordings) -> tuple[sparse.csr_matrix, list[str], list[Kind]]:
    """What is tested: texts by units, the units' names, and what they are."""
    words = [
        [word for word in own if word != noun]
        for own, noun in zip(wordings.words, wordings.nouns, strict=True)
    ]
    nouns = [(noun,) if noun else () for noun in wordings.nouns]
    # A text without a noun follows no template but itself, which its words say already.
    templates = [
        (template,) if noun else ()
        for template, noun in zip(wordings.templates, wordings.nouns, strict=True)
    ]
    found, names, kinds = [], [], []
    for kind, units in (("noun", nouns), ("word", words), ("template", templates)):
        held, own = incidence(units)
        found.append(held)
        names += own
        kinds += [kind] * len(own)
    return sparse.hstack(found).tocsr(), names, kinds


def _one_of_each(suspects: list[tuple[bytes, Suspect]]) -> list[Suspect]:
    """Of what stands in the same rows the noun, else the word, else the template."""
    kept: dict[tuple[bytes, str], Suspect] = {}
    for where, suspect in suspects:
        first = kept.setdefault((where, suspect.answer), suspect)
        if _KINDS.index(suspect.kind) < _KINDS.index(first.kind):
            kept[where, suspect.answer] = suspect
    return list(kept.values())
