"""Flaws of a file that need no statistics: doubled rows, contradictions, odd spellings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml

from gvt.audit.wording import SLOT, Wordings

_ENDINGS = ("", "s", "es")
_FEWEST = 20  # rows of a template that is compared with others


@dataclass(frozen=True)
class Defects:
    """Counts of rows and lists of words; empty where nothing was found.

    duplicates: rows that say again what an earlier one says (image, question, answers);
    contradictions: questions about one image that have more than one set of answers;
    glued: nouns written as one word, with what they stand for and their rows;
    twins: two templates that one letter tells apart, with their rows.
    """

    duplicates: int = 0
    contradictions: int = 0
    glued: list[tuple[str, str, int]] = field(default_factory=list)
    twins: list[tuple[str, str, int, int]] = field(default_factory=list)


def find_defects(
    wordings: Wordings, golds: Sequence[Sequence[str]], images: Sequence[str]
) -> Defects:
    """Look through all rows; one entry a row in each argument."""
    answers: dict[tuple[str, int], set[tuple[str, ...]]] = defaultdict(set)
    wording = wordings.of_row.tolist()
    for image, text, gold in zip(images, wording, golds, strict=True):
        answers[image, text].add(tuple(gold))
    rows = Counter(wording)
    nouns, templates = Counter(), Counter()
    for text, count in rows.items():
        nouns[wordings.nouns[text]] += count
        templates[wordings.templates[text]] += count
    return Defects(
        duplicates=len(images) - sum(map(len, answers.values())),
        contradictions=sum(len(different) > 1 for different in answers.values()),
        glued=[
            (noun, _compounds()[noun], count)
            for noun, count in nouns.most_common()
            if noun in _compounds()
        ],
        twins=_twins(templates),
    )


@cache
def _compounds() -> dict[str, str]:
    names = yaml.safe_load((Path(__file__).parent / "compounds.yaml").read_text("utf-8"))
    return {name.replace(" ", "") + ending: name + ending for name in names for ending in _ENDINGS}


def _twins(templates: Counter[str]) -> list[tuple[str, str, int, int]]:
    """Templates that are equal but for one word, of which one is the other with a letter less."""
    around: dict[tuple, dict[str, str]] = defaultdict(dict)
    for template, rows in templates.items():
        words = template.split()
        if rows >= _FEWEST and SLOT in words:
            for i, word in enumerate(words):
                around[(*words[:i],), (*words[i + 1 :],)][word] = template
    found = []
    for same in around.values():
        for word, template in same.items():
            for shorter in {word[:i] + word[i + 1 :] for i in range(len(word))}:
                if len(shorter) > 2 and shorter in same:
                    other = same[shorter]
                    found.append((template, other, templates[template], templates[other]))
    return sorted(found, key=lambda pair: (-min(pair[2:]), pair[0]))
