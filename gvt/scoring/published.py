"""Row functions of published benchmarks with rules of their own: GQA, TextVQA, MMVP, test splits.

Used like those in ``gvt.scoring.process``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gvt.scoring import pairs, vqa
from gvt.scoring.process import Row, golds
from gvt.scoring.steps import tell


def exact(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """GQA: "acc" is equality with the one answer.

    The official script compares as is; that answers come in lower case without outer spaces and a
    last full stop is the custom of those who feed it, and done here.
    """
    said = results[0].strip().rstrip(".").strip().lower()
    wanted = golds(doc)[0].strip().lower()
    tell("equality", "answer, in lower case without a last full stop", said)
    tell("equality", "right answer", wanted)
    return {"acc": float(said == wanted), "valid": float(bool(said))}


def text_vqa(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """TextVQA: VQA accuracy after a processor of its own.

    Unlike the official VQA evaluation it first takes out all commas and question marks and sets
    "'s" apart, so "1,000" and "1000" are one and "joe's" is "joe 's"; and it processes answers
    even where all ten people agree.
    """
    answer = _prepared(results[0])
    tell("TextVQA", "answer, without commas and question marks, 's set apart", answer)
    return {
        "acc": vqa.accuracy(answer, [_prepared(gold) for gold in golds(doc)]),
        "valid": float(bool(vqa.normalise(answer))),
    }


def _prepared(text: str) -> str:
    return text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()


def choice_of_pair(doc: Row, results: Sequence[str]) -> dict[str, Any]:
    """MMVP: "acc" of the question; "pair_acc" is (pair, right), not yet a number."""
    said = pairs.choice(results[0], doc["options"])
    tell("choice", "right option", golds(doc)[0])
    right = float(f"({said})" == golds(doc)[0])
    return {"acc": right, "pair_acc": (doc["image_id"], right), "valid": float(said is not None)}


def pair_mean(items: Sequence[pairs.PairItem]) -> float:
    """Return the share of pairs with both questions right: the aggregation for "pair_acc"."""
    scores = pairs.pair_scores(items)
    return sum(scores) / len(scores) if scores else 0.0


def unscored(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """A test split without public answers: only "valid", whether anything was said."""
    return {"valid": float(bool(results[0].strip()))}
