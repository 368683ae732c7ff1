"""Words of questions, and templates found by aligning questions that differ in one place.

Two questions that are equal but for one or two neighbouring words share a frame, such as
"how many * are there in the image". A frame that many different words fill is taken for a template
and what fills it for its noun. Nothing about any benchmark's wording is built in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import sparse

SLOT = "*"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_LONGEST = 2  # words of a filler: "cell phones"
_FILLERS = 5  # different fillers that make a frame a template
_SLOTS = 3  # places in a template: "is the * left of the *" has two


@dataclass(frozen=True)
class Wordings:
    """Questions seen as text. ``of_row`` int[n] is each row's place among the distinct texts.

    Per distinct text: its words, the template it follows, and what fills that template ("" where
    it follows none).
    """

    of_row: np.ndarray
    texts: list[str]
    words: list[tuple[str, ...]]
    templates: list[str]
    nouns: list[str]

    def groups(self, what: Sequence[str]) -> np.ndarray:
        """int[n], rows numbered by their entry of ``what``; -1 where that is empty."""
        _, number = np.unique(np.array(["", *what], dtype=object), return_inverse=True)
        return (number[1:] - 1)[self.of_row]  # "" sorts first


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words of a question, without punctuation."""
    return tuple(_WORD.findall(text.lower()))


def read_wordings(texts: Sequence[str]) -> Wordings:
    """Find words and templates of all ``texts``."""
    place: dict[str, int] = {}
    of_row = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.int64)
    words = [words_of(text) for text in place]
    # Templates are found among different questions: how often each is asked says nothing.
    different = {said: i for i, said in enumerate(dict.fromkeys(words))}
    templates, nouns = align(list(different))
    places = [different[said] for said in words]
    return Wordings(
        of_row,
        list(place),
        words,
        [" ".join(templates[i]) for i in places],
        [" ".join(nouns[i]) for i in places],
    )


def align(
    questions: Sequence[tuple[str, ...]],
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Template and fillers of each question; the questions differ from one another.

    Of the frames that at least five fillers share a question gets the one for which
    (words of the frame) x log(different fillers) is largest: long frames, filled by much. What
    remains is aligned again, so that a template may have up to three slots. A question that fits a
    template of several slots but was aligned at another place first keeps a narrower one.
    """
    templates, fillers = list(questions), [[] for _ in questions]
    for _ in range(_SLOTS):
        different = list(dict.fromkeys(templates))
        slots = dict(zip(different, _slots(different), strict=True))
        if not any(slots.values()):
            break
        for i, words in enumerate(templates):
            if slots[words]:
                start, end = slots[words]
                fillers[i].insert(words[:start].count(SLOT), words[start:end])
                templates[i] = (*words[:start], SLOT, *words[end:])
    return templates, [tuple(chain.from_iterable(own)) for own in fillers]


def _slots(texts: Sequence[tuple[str, ...]]) -> list[tuple[int, int] | None]:
    """The place that other texts fill otherwise, or None, of each of these different texts."""
    number: dict[str, int] = {}
    frames, owners, starts, ends, first, last = [], [], [], [], [], []
    for owner, words in enumerate(texts):
        ids = [number.setdefault(word, len(number)) for word in words]
        for length in range(1, _LONGEST + 1):
            # A frame of fewer words than it leaves out would be shared by what has nothing to do
            # with one another.
            if len(words) - length < max(2, length):
                break
            for start in range(len(words) - length + 1):
                end = start + length
                if SLOT not in words[start:end]:
                    frames.append(hash((words[:start], words[end:])))
                    owners.append(owner)
                    starts.append(start)
                    ends.append(end)
                    first.append(ids[start] * _LONGEST + length)
                    last.append(ids[end - 1] * _LONGEST + length)
    best: list[tuple[int, int] | None] = [None] * len(texts)
    if not frames:
        return best
    _, frame = np.unique(frames, return_inverse=True)
    # "cell phone" and "wine glass" differ in both words, "cat exist" and "cat exis" in one: what
    # varies less belongs to the frame.
    fillers = np.minimum(_different(frame, np.array(first)), _different(frame, np.array(last)))
    lengths = np.array([len(texts[owner]) for owner in owners])
    worth = np.log(fillers) * (lengths - np.array(ends) + starts)
    worth[fillers < _FILLERS] = 0
    order = np.lexsort((starts, -worth, owners))
    owned, at = np.unique(np.array(owners)[order], return_index=True)
    for owner, place in zip(owned.tolist(), order[at].tolist(), strict=True):
        if worth[place]:
            best[owner] = starts[place], ends[place]
    return best


def _different(frame: np.ndarray, word: np.ndarray) -> np.ndarray:
    """int[spans], how many different words stand in the frame of each span."""
    pairs = np.unique(frame.astype(np.int64) * (int(word.max()) + 1) + word)
    return np.bincount(pairs // (int(word.max()) + 1))[frame]


def incidence(units: Sequence[Sequence[str]]) -> tuple[sparse.csr_matrix, list[str]]:
    """Which text holds which unit: float[texts, units] of 0 and 1, and the units' names."""
    names: dict[str, int] = {}
    columns, ends = [], [0]
    for own in units:
        columns.extend({names.setdefault(unit, len(names)) for unit in own})
        ends.append(len(columns))
    shape = (len(units), len(names))
    return sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=shape), list(names)
