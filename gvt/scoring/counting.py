"""Reads a count out of a free-text answer: strictly, and as the GVTBench release did."""

from __future__ import annotations

import re
from functools import lru_cache

from gvt.scoring.steps import RELEASE, STRICT, tell

_BELOW_TWENTY = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: value for value, word in enumerate(_BELOW_TWENTY.split(), start=1)} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000}


def _number_pattern() -> re.Pattern[str]:
    below_twenty = _BELOW_TWENTY.split()
    units, tens = "|".join(below_twenty[:9]), "|".join(_TENS.split())
    small = rf"(?:(?:{tens})(?:[\s-](?:{units}))?|{'|'.join(below_twenty[9:])}|{units})"
    hundreds = rf"(?:(?:(?:an?|{small})\s)?hundred(?:\s(?:and\s)?{small})?|{small})"
    thousands = rf"(?:(?:an?|{hundreds})\s)?thousand(?:\s(?:and\s)?{hundreds})?"
    dozens = rf"(?:an?|{small})\sdozen"
    return re.compile(
        # Not inside a word or compound ("mp3", "phones", "covid-19"), nor after a minus sign,
        # nor the tail of a decimal, fraction or time ("3.5", "1/2", "10:30").
        r"(?<![\w-])(?<![0-9][.,/:])"
        r"(?:(?P<none>none|zero|no\sone|nobody)"
        r"|(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,9})"
        rf"|(?P<words>{dozens}|{thousands}|{hundreds}))"
        # Nor the head of one of these, of an ordinal or a compound ("3rd", "two-door", "50%").
        r"(?![\w%'\u2019]|-[^\W\d]|[.,/:][0-9])"
    )


_NUMBER = _number_pattern()


def _value(words: str) -> int:
    total = group = 0
    for word in re.split(r"[\s-]", words):
        if word == "thousand":
            total, group = total + (group or 1) * 1000, 0
        elif word in _SCALES:
            group = (group or 1) * _SCALES[word]
        else:
            group += _VALUES.get(word, 0)  # "a", "and"
    return total + group


@lru_cache(maxsize=1 << 14)
def parse(answer: str) -> int | None:
    """Return the first clear number in `answer`, or None: the answer is then invalid.

    Clear is a whole numeral ("12", "1,200") or whole number words ("sixteen", "twenty-one", "a
    dozen", "none", "no one") on word boundaries. Decimals, fractions, times, ordinals, percentages,
    negative numbers and parts of words are passed over.
    """
    found = _NUMBER.search(re.sub(r"\s+", " ", answer.lower()))
    if found is None:
        return None
    if found["none"]:
        return 0
    if found["digits"]:
        return int(found["digits"].replace(",", ""))
    return _value(found["words"])


# In the order of the release, which matters where words overlap; "nive" is its spelling.
_LEGACY_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nive")


def legacy(answer: str) -> int:
    """Return the count the GVTBench release reads: comparable with published figures, not right.

    Number words are replaced by digits even inside words and only in lower case, then the first
    run of digits counts, else 0: "cell phones: 3" is 1, "Three." is 0, "sixteen" is 6.
    """
    for value, word in enumerate(_LEGACY_WORDS):
        answer = answer.replace(word, str(value))
    digits = re.search(r"\d+", answer)
    count = int(digits[0]) if digits else 0
    tell(RELEASE, "number words as digits", answer)
    tell(RELEASE, "number read" if digits else "no number read, which counts as", count)
    return count


def accuracy(answer: str, gold: int) -> float:
    """Return 1.0 if the strict count of `answer` is `gold`, else 0.0 (an invalid answer is 0.0)."""
    read = parse(answer)
    tell(STRICT, "number read", "none that is clear" if read is None else read)
    tell(STRICT, "right number", gold)
    return float(read == gold)


def absolute_error(answer: str, gold: int) -> float:
    """Return |count - gold| in objects; an invalid answer counts as 0, as in the release."""
    return float(abs((parse(answer) or 0) - gold))
