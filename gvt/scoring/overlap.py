"""Scores captions by the words they share with references: BLEU-1 to BLEU-4 and ROUGE-L.

Sources: Papineni et al. 2002 (BLEU: clipped n-gram precision, eq. 2; brevity penalty with the
closest reference length, section 2.2) and Lin 2004 (ROUGE-L: F of the longest common subsequence,
eq. 2 to 4). What the papers leave open follows the COCO caption evaluation (Chen et al. 2015,
arXiv 1504.00325): its two smoothing constants, its beta, its tie-breaking, and that precision and
recall of ROUGE-L are each the best over the references.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from gvt.scoring.steps import tell

N_MAX = 4
BETA = 1.2
# Keep 0/0 at 0 and leave every other value as it is to nine digits.
_TINY, _SMALL = 1e-15, 1e-9

Tokens = Sequence[str]


@dataclass(frozen=True)
class Matches:
    """What BLEU counts in one caption or, summed, in a corpus."""

    words: int
    reference_words: int  # of the reference closest in length, the shorter of two
    shared: tuple[int, ...]  # n-grams shared with a reference, clipped, n = 1 … 4
    given: tuple[int, ...]  # n-grams of the caption


def matches(candidate: Tokens, references: Sequence[Tokens]) -> Matches:
    """Count what a caption shares with its references.

    Raises:
        ValueError: there is no reference.
    """
    if not references:
        raise ValueError("a caption without a reference cannot be scored")
    most: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        most |= _grams(reference)
    common = _grams(candidate) & most
    shared = [0] * N_MAX
    for gram, count in common.items():
        shared[len(gram) - 1] += count
    words = len(candidate)
    _, closest = min((abs(len(reference) - words), len(reference)) for reference in references)
    given = tuple(max(0, words - n) for n in range(N_MAX))
    for n in range(1, N_MAX + 1):
        tell("shared with a reference", f"{n}-grams", partial(_listed, common, n, given[n - 1]))
    tell("shared with a reference", "words of the reference closest in length", closest)
    return Matches(words, closest, tuple(shared), given)


def total(counted: Iterable[Matches]) -> Matches:
    """Sum over a corpus."""
    counted = list(counted)
    return Matches(
        sum(one.words for one in counted),
        sum(one.reference_words for one in counted),
        tuple(sum(one.shared[n] for one in counted) for n in range(N_MAX)),
        tuple(sum(one.given[n] for one in counted) for n in range(N_MAX)),
    )


def bleu(counted: Matches) -> list[float]:
    """Return BLEU-1 to BLEU-4 of a caption or a corpus, each in [0, 1].

    The BLEU of a corpus is that of its summed counts; it is not the mean over captions.
    """
    ratio = (counted.words + _TINY) / (counted.reference_words + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, scores = 1.0, []
    for n, (shared, given) in enumerate(zip(counted.shared, counted.given, strict=True), start=1):
        product *= (shared + _TINY) / (given + _SMALL)
        scores.append(penalty * product ** (1 / n))
    return scores


def rouge_l(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """Return ROUGE-L of a caption in [0, 1], recall weighted by `BETA`.

    Quirk of the COCO evaluation: no words count as one empty word, so an empty caption scores 1
    against an empty reference.

    Raises:
        ValueError: there is no reference.
    """
    if not references:
        raise ValueError("a caption without a reference cannot be scored")
    given = list(candidate) or [""]
    wanted = [list(reference) or [""] for reference in references]
    common = [_common(given, reference) for reference in wanted]
    precision = max(common) / len(given)
    recall = max(n / len(reference) for n, reference in zip(common, wanted, strict=True))
    tell("ROUGE-L", "longest common subsequence, in words", max(common))
    tell("ROUGE-L", "precision", precision)
    tell("ROUGE-L", "recall", recall)
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _listed(common: Counter[tuple[str, ...]], n: int, given: int) -> str:
    grams = {" ".join(gram): count for gram, count in common.items() if len(gram) == n}
    named = [gram if count == 1 else f"{gram} ×{count}" for gram, count in grams.items()]
    total = f"{sum(grams.values())} of {given}"
    return f"{total}: {', '.join(named)}" if named else total


def _grams(tokens: Tokens) -> Counter[tuple[str, ...]]:
    return Counter(
        tuple(tokens[start : start + n])
        for n in range(1, N_MAX + 1)
        for start in range(len(tokens) - n + 1)
    )


def _common(a: Tokens, b: Tokens) -> int:
    # Length of the longest common subsequence, one row of the table at a time.
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for place, other in enumerate(b, start=1):
            above = row[place]
            row[place] = diagonal + 1 if word == other else max(above, row[place - 1])
            diagonal = above
    return row[-1]
