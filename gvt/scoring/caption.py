"""Scores captions with CIDEr-D, and cuts captions into tokens much as the Penn Treebank does.

Source: Vedantam, Zitnick and Parikh 2015 (arXiv 1411.5726): TF-IDF weights eq. 1, mean over
references eq. 2, mean over n eq. 3, and CIDEr-D's clipping and length penalty eq. 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

Tokens = tuple[str, ...]
N_MAX = 4
SIGMA = 6.0

_STRAIGHT = str.maketrans("\u2018\u2019", "''")
_CLITIC = re.compile(r"(?<=\w)(n't|'(?:s|re|ve|ll|d|m))(?![\w])")
_FUSED = re.compile(r"\b(?:(can)(not)|(gon|wan)(na)|(got)(ta)|(lem|gim)(me))\b")
_TOKEN = re.compile(
    r"""
    n't(?!\w) | '(?:s|re|ve|ll|d|m)(?!\w)           # clitics, set apart before
  | (?<!\w)(?:[^\W\d_]\.)+(?!\w)                    # initials keep their stops: u.s., p.m.
  | (?<!\w)(?:mr|mrs|ms|dr|st|jr|sr|vs|etc|co|inc|ltd|corp|ave|blvd|rd|mt|ft)\.(?!\w)
  | (?<!\w)no\.(?=\s*\d)
  | '\d0s\b                                         # '90s
  | \d+(?:[,:]\d+)+ | \.\d+                         # 1,000  3:30  .5
  | \w+(?:[-'./&_@]+\w+)*                           # words, t-shirt, and/or, 3.5, ma'am
  | @\w+
  | [!?]{2,}                                        # a run is no longer in the list of marks
  | [()\[\]{}] | [&$%#*+=~^|<>\\/@§°£€]             # brackets and symbols are tokens
    """,
    re.VERBOSE,
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}


@lru_cache(maxsize=1 << 16)
def tokenise(caption: str) -> Tokens:
    """Cut a caption into lower-case tokens without punctuation, close to the COCO evaluation.

    That evaluation runs the Stanford PTB tokenizer (Java) and drops punctuation. Known quirks are
    kept: brackets stay as "-lrb-" and so on, "mr." and "u.s." keep their stops. Rare texts (nested
    quotes, web addresses) may come out differently.
    """
    text = caption.lower().translate(_STRAIGHT)
    text = _CLITIC.sub(r" \1", text)
    text = _FUSED.sub(lambda found: " ".join(filter(None, found.groups())), text)
    return tuple(_BRACKETS.get(token, token) for token in _TOKEN.findall(text))


def cider_d(
    candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> np.ndarray:
    """Return the CIDEr-D of each candidate, float64[len(candidates)], 0 to 10.

    Document frequencies come from the references given, so the scores belong to this corpus; with
    one image every n-gram is in every document and all scores are 0.

    Args:
        candidates: one token list per image.
        references: per image one or more token lists.

    Raises:
        ValueError: the lengths differ, or an image has no reference.
    """
    images = len(candidates)
    if images != len(references):
        raise ValueError(f"{images} candidates but references for {len(references)} images")
    if not images:
        return np.zeros(0)
    per_image = np.array([len(refs) for refs in references])
    if not per_image.all():
        raise ValueError(f"image {int(np.argmin(per_image))} has no reference caption")

    # Sentences 0 … images-1 are the candidates, the rest the references in order.
    sentences = [*candidates, *(ref for refs in references for ref in refs)]
    image_of = np.concatenate([np.arange(images), np.repeat(np.arange(images), per_image)])
    vocabulary: dict[str, int] = {}
    words = np.array(
        [vocabulary.setdefault(word, len(vocabulary)) for s in sentences for word in s],
        dtype=np.int64,
    )
    lengths = np.array([len(sentence) for sentence in sentences])
    sentence_of = np.repeat(np.arange(len(sentences)), lengths)

    similarity = np.zeros(len(sentences) - images)
    grams, position = words, np.arange(len(words))
    for n in range(1, N_MAX + 1):
        if n > 1:
            # An n-gram is an (n-1)-gram and the word after it, in the same sentence.
            end = position + n - 1
            inside = end < len(words)
            inside[inside] = sentence_of[end[inside]] == sentence_of[position[inside]]
            position = position[inside]
            pairs = grams[inside] * len(vocabulary) + words[position + n - 1]
            grams = np.unique(pairs, return_inverse=True)[1]
        similarity += _cosines(grams, sentence_of[position], image_of, images)

    gap = lengths[image_of[images:]] - lengths[images:]
    similarity *= np.exp(-(gap**2) / (2 * SIGMA**2))
    total = np.bincount(image_of[images:], weights=similarity, minlength=images)
    return 10 * total / (N_MAX * per_image)


def _cosines(
    grams: np.ndarray, sentence_of: np.ndarray, image_of: np.ndarray, images: int
) -> np.ndarray:
    # The clipped cosine of every reference with its candidate for one n (eq. 4 less the penalty);
    # grams and sentence_of run over the n-grams of all sentences, image_of over sentences.
    n_grams = int(grams.max(initial=-1)) + 1
    if not n_grams:
        return np.zeros(len(image_of) - images)
    keys, frequency = np.unique(sentence_of * n_grams + grams, return_counts=True)
    sentence, gram = np.divmod(keys, n_grams)
    slot = image_of[sentence] * n_grams + gram  # (image, n-gram)
    is_candidate = sentence < images

    documents = np.bincount(np.unique(slot[~is_candidate]) % n_grams, minlength=n_grams)
    weight = frequency * (np.log(images) - np.log(np.maximum(documents, 1)))[gram]
    norm = np.sqrt(np.bincount(sentence, weights=weight**2, minlength=len(image_of)))

    # Slots of candidates are sorted and unique, one candidate an image, so a search joins them.
    candidate_slot, candidate_weight = slot[is_candidate], weight[is_candidate]
    reference_slot, reference_weight = slot[~is_candidate], weight[~is_candidate]
    at = np.searchsorted(candidate_slot, reference_slot)
    shared = at < len(candidate_slot)
    shared[shared] = candidate_slot[at[shared]] == reference_slot[shared]
    clipped = np.minimum(candidate_weight[at[shared]], reference_weight[shared])
    dot = np.bincount(
        sentence[~is_candidate][shared] - images,
        weights=clipped * reference_weight[shared],
        minlength=len(image_of) - images,
    )
    scale = norm[image_of[images:]] * norm[images:]
    return np.divide(dot, scale, out=np.zeros(len(dot)), where=scale > 0)
