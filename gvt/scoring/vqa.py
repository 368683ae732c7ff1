"""Scores a free-text answer against human answers as the official VQA evaluation does.

Source: Antol et al. 2015 (VQA), section 5, and the public evaluation script of VQA v2. Its
quirks change scores, so they are kept and named where they occur.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gvt.scoring.steps import RELEASE, tell

_OURS, _OFFICIAL = "VQA accuracy", "official VQA accuracy"
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
# Quirk: the script passes a flag of value 32 where a maximal count is expected.
_MAX_FULL_STOPS = 32
_ARTICLES = frozenset({"a", "an", "the"})
_NUMBER_WORDS = "zero one two three four five six seven eight nine ten"
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS.split())} | {"none": "0"}

# Contractions by what they end in. The script's table has gaps ("im", "ive", "shes" are left
# alone: its keys are capitalised or missing) and so has this one.
_STEMS = {
    "n't": "ai are ca could did does do had has have is might must need ought sha should was were "
    "wo would",
    "n't've": "could had might should would",
    "'ve": "could might must not should they we what where who would you",
    "'d": "he how it someone something there they where who you",
    "'d've": "he it she somebody someone something there they we who y'all you",
    "'ll": "how it somebody someone something they what who why y'all you",
    "'re": "there they what why you",
    "'s": "he how somebody someone that there what when where who why",
    "": "ma'am o'clock 'twas y'all 'ow's'at",
}


def _one_apostrophe_short(forms: Iterable[str]) -> dict[str, str]:
    """Map every spelling of a form that lacks exactly one of its apostrophes to the form."""
    return {
        form[:at] + form[at + 1 :]: form
        for form in forms
        for at, letter in enumerate(form)
        if letter == "'"
    }


_CONTRACTIONS = _one_apostrophe_short(
    stem + ending for ending, stems in _STEMS.items() for stem in stems.split()
) | {"somebody'd": "somebodyd"}  # Quirk: this one entry of the script runs backwards.


def _strip_marks(text: str) -> str:
    # A mark is deleted where it touches a space anywhere in the text, else it becomes a space.
    # Quirk: one "1,000" anywhere turns all marks of the text into deletions.
    if text.isalnum():
        return text
    delete_all = _DIGIT_COMMA_DIGIT.search(text) is not None
    table = {}
    for mark in _MARKS:
        if mark in text:
            delete = delete_all or f"{mark} " in text or f" {mark}" in text
            table[ord(mark)] = None if delete else " "
    return _FULL_STOP.sub("", text.translate(table), count=_MAX_FULL_STOPS)


def _flatten(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


@lru_cache(maxsize=1 << 16)
def normalise(text: str) -> str:
    """Return `text` as the official evaluation compares it.

    In this order: punctuation, lower case, number words zero to ten and "none" to digits, no
    articles, apostrophes put back into contractions. Colons and apostrophes stay, as published.
    """
    words = (_NUMBERS.get(word, word) for word in _strip_marks(_flatten(text)).lower().split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def _leave_one_out(agree: int, total: int) -> float:
    # Mean over the annotators of min(1, agreeing others / 3). An agreeing annotator finds one
    # agreement fewer among the others, so two cases cover all of them.
    return (agree * min(1.0, (agree - 1) / 3) + (total - agree) * min(1.0, agree / 3)) / total


def _judged(rule: str, agree: int, total: int) -> float:
    # One to three human answers are alternatives: leaving one out could never reach 1.
    return _people(rule, agree, total) if total > 3 else _alternatives(rule, agree, total)


def _people(rule: str, agree: int, total: int) -> float:
    credit = _leave_one_out(agree, total)
    tell(rule, "people who agree", lambda: f"{agree} of {total}")
    tell(rule, "credit: mean over the people of min(1, agreeing others / 3)", credit)
    return credit


def _alternatives(rule: str, agree: int, total: int) -> float:
    tell(rule, "references that match", lambda: f"{agree} of {total}")
    tell(rule, "credit: any of them is enough", float(agree > 0))
    return float(agree > 0)


def accuracy(answer: str, golds: Sequence[str]) -> float:
    """Return the VQA accuracy of one answer, in [0, 1], everything normalised.

    With four or more human answers (VQA has ten) it is the official leave-one-out mean of
    min(1, matches / 3). With fewer that mean could never reach 1; they are then alternatives,
    and equality with any of them is 1.

    Raises:
        ValueError: `golds` is empty.
    """
    if not golds:
        raise ValueError("no gold answer to compare with")
    given, wanted = normalise(answer), [normalise(gold) for gold in golds]
    tell(_OURS, "answer, normalised", given)
    tell(_OURS, "references, normalised", wanted)
    return _judged(_OURS, wanted.count(given), len(wanted))


def official_accuracy(answer: str, golds: Sequence[str]) -> float:
    """Return what the official script prints for one question, in [0, 1].

    It differs from `accuracy` where all humans gave the same string: the script then normalises
    nothing, and "Yes." is wrong where ten people said "yes". For comparison with published
    figures, and for parity tests.

    Raises:
        ValueError: `golds` is empty.
    """
    if not golds:
        raise ValueError("no gold answer to compare with")
    given, people = _flatten(answer), Counter(_flatten(gold) for gold in golds)
    if len(people) == 1:
        tell(_OFFICIAL, "answer, as it is: all people said the same", given)
        tell(_OFFICIAL, "references", list(people))
        return _people(_OFFICIAL, people[given], len(golds))
    given = normalise(given)
    tell(_OFFICIAL, "answer, normalised", given)
    tell(_OFFICIAL, "references, normalised", lambda: [normalise(gold) for gold in golds])
    agree = sum(count for gold, count in people.items() if normalise(gold) == given)
    return _people(_OFFICIAL, agree, len(golds))


def legacy_accuracy(answer: str, golds: Sequence[str]) -> float:
    """Return what the GVTBench release scores for one question, in [0, 1].

    As the official script, but a human answer agrees where it is a *substring* of the answer, and
    human answers lose their punctuation only (no articles, number words, contractions). So "i do
    not know" is fully right where people said "no". Fewer than four human answers are alternatives,
    as in `accuracy`.

    Raises:
        ValueError: `golds` is empty.
    """
    if not golds:
        raise ValueError("no gold answer to compare with")
    given = normalise(answer.lower())
    people = Counter(golds)
    shorten = _strip_marks if len(people) > 1 else str
    within = [gold for gold in people if shorten(gold).lower() in given]
    tell(RELEASE, "answer, normalised", given)
    tell(RELEASE, "references that are part of it", within)
    return _judged(RELEASE, sum(people[gold] for gold in within), len(golds))
