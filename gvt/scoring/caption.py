"""Scores captions with CIDEr-D over the words that the COCO evaluation sees.

Source: Vedantam, Zitnick and Parikh 2015 (arXiv 1411.5726): TF-IDF weights eq. 1, mean over
references eq. 2, mean over n eq. 3, and CIDEr-D's clipping and length penalty eq. 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gvt.scoring import ptb

Tokens = tuple[str, ...]
N_MAX = 4
SIGMA = 6.0


# The references of a Karpathy split fit: every metric of a task asks for their words again.
@lru_cache(maxsize=1 << 16)
def tokenise(caption: str) -> Tokens:
    """Return the words of a caption as the COCO evaluation compares them; see `ptb.words`."""
    return tuple(ptb.words(caption))


def parted(tokens: Tokens) -> Tokens:
    """Return the tokens with those that hold a no-break space ("1 1/2") cut at it."""
    if any("\u00a0" in token for token in tokens):
        return tuple(" ".join(tokens).split())
    return tokens


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
