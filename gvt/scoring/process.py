"""The scoring functions that task YAMLs name: one row and its answer to per-sample values.

Used as `process_results: !function gvt.scoring.process.vqa`. A row has `answers` (a list), or is
in GVTBench's own format with `text_out`. All values but "cider" are averaged by lm-eval's mean.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from gvt.scoring import caption as captions
from gvt.scoring import counting as counts
from gvt.scoring import vqa as vqa_rules
from gvt.scoring import yesno

Row = dict[str, Any]
CaptionItem = tuple[str, list[str]]


def golds(doc: Row) -> list[str]:
    """Return the right answers of a row.

    Raises:
        ValueError: the row has neither `answers` nor `text_out`.
    """
    if doc.get("answers"):
        return list(doc["answers"])
    if doc.get("text_out"):
        return [doc["text_out"]]
    raise ValueError(f"row {doc.get('doc_id')!r} has no answer: it needs 'answers' or 'text_out'")


def first_sentence(answer: str) -> str:
    """Return the part of an answer that GVTBench's release scores: its first line, to a full stop.

    Outer punctuation goes, runs of spaces become one, and one full stop ends the text; nothing
    stays nothing. "3.5 dogs" becomes "3.", as published.
    """
    line = answer.strip().split("\n")[0].strip(string.punctuation)
    words = [word for word in line.replace(".", " . ").strip().split(" ") if word]
    if not words:
        return ""
    if words[0] == ".":
        del words[0]
    end = words.index(".") if "." in words else len(words)
    return " ".join(words[:end]) + "."


def vqa(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score a VQA answer: "acc" as `gvt.scoring.vqa.accuracy`, "valid" if any word is left."""
    answer = results[0]
    return {
        "acc": vqa_rules.accuracy(answer, golds(doc)),
        "valid": float(bool(vqa_rules.normalise(answer))),
    }


def counting(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score a count: strict "acc", "mae" in objects, the published "legacy_acc", and "valid".

    Raises:
        ValueError: the row's own answer holds no number.
    """
    answer, gold = results[0], counts.parse(golds(doc)[0])
    if gold is None:
        raise ValueError(f"row {doc.get('doc_id')!r}: {golds(doc)[0]!r} is not a count")
    return {
        "acc": counts.accuracy(answer, gold),
        "mae": counts.absolute_error(answer, gold),
        "legacy_acc": float(counts.legacy(first_sentence(answer)) == gold),
        "valid": float(counts.parse(answer) is not None),
    }


def yes_no(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score yes or no: strict "acc", the published "legacy_acc", "said_yes" and "valid".

    Raises:
        ValueError: the row's own answer is neither yes nor no.
    """
    gold, said = yesno.parse(golds(doc)[0]), yesno.parse(results[0])
    if gold is None:
        raise ValueError(f"row {doc.get('doc_id')!r}: {golds(doc)[0]!r} is neither yes nor no")
    return {
        "acc": float(said == gold),
        "legacy_acc": yesno.legacy(first_sentence(results[0]), gold),
        "said_yes": float(said == "yes"),
        "valid": float(said is not None),
    }


def caption(doc: Row, results: Sequence[str]) -> dict[str, CaptionItem | float]:
    """Collect a caption for the corpus score: "cider" is (answer, references), not yet a number.

    CIDEr-D weighs words by the whole corpus: `cider_mean` or `corpus_scores` make the number.
    """
    answer = results[0]
    return {"cider": (answer, golds(doc)), "valid": float(bool(captions.tokenise(answer)))}


def _cider(items: Sequence[CaptionItem]) -> list[float]:
    return captions.cider_d(
        [captions.tokenise(answer) for answer, _ in items],
        [[captions.tokenise(reference) for reference in references] for _, references in items],
    ).tolist()


CORPUS_METRICS = {"cider": _cider}


def corpus_scores(metric: str, items: Sequence[CaptionItem]) -> list[float]:
    """Return the per-sample scores of a metric that needs all samples at once, in their order.

    Args:
        metric: a name in `CORPUS_METRICS`; "cider" is CIDEr-D, 0 to 10.
        items: what the row function returned under that name, all samples of one task.

    Raises:
        ValueError: `metric` is not a corpus metric.
    """
    if metric not in CORPUS_METRICS:
        known = ", ".join(sorted(CORPUS_METRICS))
        raise ValueError(f"{metric!r} is not a corpus metric; known: {known}")
    return CORPUS_METRICS[metric](items)


def cider_mean(items: Sequence[CaptionItem]) -> float:
    """Return the mean CIDEr-D of a task: the aggregation that task YAMLs name for "cider"."""
    scores = corpus_scores("cider", items)
    return sum(scores) / len(scores) if scores else 0.0
