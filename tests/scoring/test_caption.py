"""Checks CIDEr-D against a slow transcription of the paper's equations, and the tokens."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from gvt.scoring.caption import cider_d, tokenise


def brute_force(candidates, references):
    """CIDEr-D with dictionaries, sentence by sentence, as in the paper's eq. 1 to 4."""

    def grams(tokens, n):
        return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))

    def weights(tokens, n):
        return {
            gram: count
            * math.log(
                len(candidates)
                / max(1, sum(any(gram in grams(r, n) for r in refs) for refs in references))
            )
            for gram, count in grams(tokens, n).items()
        }

    scores = []
    for candidate, refs in zip(candidates, references, strict=True):
        total = 0.0
        for n in (1, 2, 3, 4):
            g_c = weights(candidate, n)
            for ref in refs:
                g_s = weights(ref, n)
                norms = math.hypot(*g_c.values()) * math.hypot(*g_s.values())
                if norms:
                    dot = sum(min(g_c[w], g_s[w]) * g_s[w] for w in g_c if w in g_s)
                    gap = len(candidate) - len(ref)
                    total += math.exp(-(gap**2) / 72) * dot / norms / len(refs)
        scores.append(10 * total / 4)
    return scores


@pytest.mark.parametrize("seed", range(12))
def test_equals_brute_force(seed):
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(rng.choice([3, 12, 60]))]

    def sentence():
        return rng.choices(words, k=rng.randint(0, 12))

    images = rng.choice([1, 2, 9])
    references = [[sentence() for _ in range(rng.randint(1, 5))] for _ in range(images)]
    candidates = [rng.choice([rng.choice(refs), sentence()]) for refs in references]
    assert np.allclose(
        cider_d(candidates, references), brute_force(candidates, references), rtol=0, atol=1e-12
    )


def test_a_perfect_unusual_caption_scores_ten():
    captions = [tokenise("a red circle left of a blue square"), tokenise("two dogs run over grass")]
    assert cider_d(captions, [[c] for c in captions]) == pytest.approx([10, 10])


def test_edges():
    assert cider_d([], []).tolist() == []
    assert cider_d([[], ["a"]], [[["a"]], [["b"]]]).tolist() == [0, 0]
    assert cider_d([[], []], [[[]], [[]]]).tolist() == [0, 0]
    with pytest.raises(ValueError, match="2 candidates but references for 1"):
        cider_d([["a"], ["b"]], [[["a"]]])
    with pytest.raises(ValueError, match="image 1 has no reference"):
        cider_d([["a"], ["b"]], [[["a"]], []])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A man riding a horse.", "a man riding a horse"),
        ("it's a man's hat", "it 's a man 's hat"),
        ("don't, can't: they've", "do n't ca n't they 've"),
        ("The dogs' “red” 'bowls' -- \"two\" - of...", "the dogs red bowls two of"),
        ("a (black) [cat]", "a -lrb- black -rrb- -lsb- cat -rsb-"),
        ("Mr. Smith at 3:30 p.m.", "mr. smith at 3:30 p.m."),
        ("1,000 people, 3.5 m", "1,000 people 3.5 m"),
        ("black-and-white t-shirt", "black-and-white t-shirt"),
        ("and/or w/ hat", "and/or w / hat"),
        ("gonna cannot", "gon na can not"),
        ("$5 & 50% #1", "$ 5 & 50 % # 1"),
        ("wow!!! no!", "wow !!! no"),
        ("5 o\u2019clock café", "5 o\u2019clock café"),
        ("", ""),
        ("...", ""),
    ],
)
def test_tokens_are_those_of_the_penn_treebank_without_punctuation(text, tokens):
    assert tokenise(text) == tuple(tokens.split())
