"""The scoring functions that task YAMLs name: one row and its answer to per-sample values.

Used as `process_results: !function gvt.scoring.process.vqa`. A row has `answers` (a list), or is
in GVTBench's own format with `text_out`. A value that is a number is averaged by lm-eval's mean. A
value that is a tuple goes through the aggregation of its metric's name at the end of this file
("cider": `cider_mean`), which the YAML's `metric_list` has to name.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from gvt.scoring import caption as captions
from gvt.scoring import counting as counts
from gvt.scoring import overlap, pairs, yesno
from gvt.scoring import vqa as vqa_rules
from gvt.scoring.steps import RELEASE, tell

Row = dict[str, Any]
CaptionItem = tuple[str, list[str]]


def golds(doc: Row) -> list[str]:
    """Return the right answers of a row; none if `answers` is an empty list: nobody tells them.

    Raises:
        ValueError: the row has neither `answers` nor `text_out`.
    """
    if doc.get("answers") is not None:
        return list(doc["answers"])
    if doc.get("text_out"):
        return [doc["text_out"]]
    raise ValueError(f"row {doc.get('doc_id')!r} has no answer: it needs 'answers' or 'text_out'")


def until_full_stop(text: str) -> str:
    """Return the part of an answer that GVTBench's release scores: all up to the first full stop.

    Line feeds vanish, runs of spaces become one, and one full stop ends the text; nothing stays
    nothing. "3.5 dogs" becomes "3.", as published.
    """
    words = [word for word in text.replace(".", " . ").replace("\n", "").split(" ") if word.strip()]
    if words[:1] == ["."]:
        del words[0]
    elif not words:
        tell(RELEASE, "text up to the first full stop", "")
        return ""
    end = words.index(".") if "." in words else len(words)
    kept = " ".join(words[:end]) + "."
    tell(RELEASE, "text up to the first full stop", kept)
    return kept


def first_sentence(answer: str) -> str:
    """Return what the release scores of a VQA answer: its first line, to a full stop.

    There, and only there, outer punctuation goes first: '".5 dogs' becomes "5 dogs.".
    """
    return until_full_stop(answer.strip().split("\n")[0].strip(string.punctuation))


def vqa(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score a VQA answer: "acc" as `gvt.scoring.vqa.accuracy`, "valid" if any word is left.

    Two or three answers are alternatives. For the ten human answers of VQAv2 and its like see
    `vqa_official`.
    """
    answer = results[0]
    return {
        "acc": vqa_rules.accuracy(answer, golds(doc)),
        "valid": float(bool(vqa_rules.normalise(answer))),
    }


def vqa_official(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score an answer against ten people's: "acc" is what the official script prints.

    "legacy_acc" is the GVTBench release's rule. Where the row has VQAv2's `answer_type`, the same
    accuracy stands under "acc_yes_no", "acc_number" or "acc_other" as well.
    """
    answer, wanted = results[0], golds(doc)
    acc = vqa_rules.official_accuracy(answer, wanted)
    scores = {
        "acc": acc,
        "legacy_acc": vqa_rules.legacy_accuracy(first_sentence(answer), wanted),
        "valid": float(bool(vqa_rules.normalise(answer))),
    }
    if doc.get("answer_type"):
        scores["acc_" + re.sub(r"\W+", "_", doc["answer_type"])] = acc
    return scores


def counting(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score a count: strict "acc", "mae" in objects, "legacy_acc" and "legacy_mae", and "valid".

    "true_count" is the row's own count, by which the report groups, and "answered_count" the one
    in the answer, absent where there is none.

    Raises:
        ValueError: the row's own answer holds no number.
    """
    answer, gold = results[0], counts.parse(golds(doc)[0])
    if gold is None:
        raise ValueError(f"row {doc.get('doc_id')!r}: {golds(doc)[0]!r} is not a count")
    legacy, answered = counts.legacy(until_full_stop(answer)), counts.parse(answer)
    scores = {
        "acc": counts.accuracy(answer, gold),
        "mae": counts.absolute_error(answer, gold),
        "legacy_acc": float(legacy == gold),
        "legacy_mae": float(abs(legacy - gold)),
        "true_count": float(gold),
        "valid": float(answered is not None),
    }
    return scores if answered is None else scores | {"answered_count": float(answered)}


def counting_full(doc: Row, results: Sequence[str]) -> dict[str, Any]:
    """As `counting`, and what `rmse` and `macro_acc` make a number of: a YAML must list both."""
    scores = counting(doc, results)
    return scores | {
        "rmse": (scores["mae"],),
        "macro_acc": (scores["true_count"], scores["acc"]),
    }


def yes_no(doc: Row, results: Sequence[str]) -> dict[str, float]:
    """Score yes or no: strict "acc", the published "legacy_acc", "said_yes", "is_yes", "valid".

    "n_objects" is there where the row says how many objects its image shows (GVTBench does).

    Raises:
        ValueError: the row's own answer is neither yes nor no.
    """
    gold, said = yesno.parse(golds(doc)[0]), yesno.parse(results[0])
    if gold is None:
        raise ValueError(f"row {doc.get('doc_id')!r}: {golds(doc)[0]!r} is neither yes nor no")
    scores = {
        "acc": yesno.accuracy(results[0], gold),
        "legacy_acc": yesno.legacy(until_full_stop(results[0]), gold),
        "said_yes": float(said == "yes"),
        "is_yes": float(gold == "yes"),
        "valid": float(said is not None),
    }
    if doc.get("n_obj_exist") is not None:
        scores["n_objects"] = float(doc["n_obj_exist"])
    return scores


def yes_no_full(doc: Row, results: Sequence[str]) -> dict[str, Any]:
    """As `yes_no`, and what `precision`, `recall` and `f1` make a number of: list all three."""
    scores = yes_no(doc, results)
    pair = (scores["said_yes"], scores["is_yes"])
    return scores | {"precision": pair, "recall": pair, "f1": pair}


def caption(doc: Row, results: Sequence[str]) -> dict[str, CaptionItem | float]:
    """Collect a caption for the corpus score: "cider" is (answer, references), not yet a number.

    CIDEr-D weighs words by the whole corpus: `cider_mean` or `corpus_scores` make the number.
    "words" is the caption's length.
    """
    answer = results[0]
    tokens = captions.parted(captions.tokenise(answer))
    tell("words of the COCO evaluation", "caption", " ".join(tokens))
    tell(
        "words of the COCO evaluation",
        "references",
        lambda: [" ".join(captions.tokenise(reference)) for reference in golds(doc)],
    )
    return {
        "cider": (answer, golds(doc)),
        "words": float(len(tokens)),
        "valid": float(bool(tokens)),
    }


def caption_full(doc: Row, results: Sequence[str]) -> dict[str, CaptionItem | float]:
    """As `caption`, with BLEU-1 to 4 and ROUGE-L; a YAML must list "bleu_1" to "bleu_4".

    What BLEU adds up over a corpus is there as numbers: "ref_words" (of the reference closest in
    length) and "shared_1" to "shared_4" (n-grams shared with a reference).
    """
    scores = caption(doc, results)
    counted = overlap.matches(*_words(scores["cider"]))
    shared = {f"shared_{n}": float(count) for n, count in enumerate(counted.shared, start=1)}
    return (
        scores
        | dict.fromkeys(_BLEU, scores["cider"])
        | {"rouge_l": overlap.rouge_l(*caption_tokens(scores["cider"]))}
        | {"ref_words": float(counted.reference_words)}
        | shared
    )


def caption_tokens(item: CaptionItem) -> tuple[captions.Tokens, list[captions.Tokens]]:
    """Return the words of a caption and of its references, as the COCO evaluation cuts them."""
    answer, references = item
    return captions.tokenise(answer), [captions.tokenise(reference) for reference in references]


def _words(item: CaptionItem) -> tuple[captions.Tokens, list[captions.Tokens]]:
    # Quirk of the COCO evaluation: all but ROUGE part a token that holds a no-break space.
    tokens, references = caption_tokens(item)
    return captions.parted(tokens), [captions.parted(reference) for reference in references]


def _cider(items: Sequence[CaptionItem]) -> list[float]:
    cut = [_words(item) for item in items]
    return captions.cider_d([tokens for tokens, _ in cut], [refs for _, refs in cut]).tolist()


def _bleu(n: int, items: Sequence[CaptionItem]) -> list[float]:
    return [overlap.bleu(overlap.matches(*_words(item)))[n - 1] for item in items]


def _java(metric: str, items: Sequence[CaptionItem]) -> list[float]:
    from gvt.scoring import java  # which needs this module

    return java.per_caption(metric, items)


_BLEU = {f"bleu_{n}": n for n in range(1, overlap.N_MAX + 1)}
CORPUS_METRICS: dict[str, Callable[[Sequence[Any]], list[float]]] = {"cider": _cider} | {
    name: partial(_bleu, n) for name, n in _BLEU.items()
}
CORPUS_METRICS |= {name: partial(_java, name) for name in ("meteor", "spice")}
CORPUS_METRICS["pair_acc"] = pairs.pair_scores


def corpus_scores(metric: str, items: Sequence[Any]) -> list[float]:
    """Return the per-sample scores of a metric that needs all samples at once, in their order.

    Args:
        metric: a name in `CORPUS_METRICS`; "cider" is CIDEr-D, 0 to 10, "bleu_4" the BLEU-4 of
            each caption alone, 0 to 1.
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
    return _mean(corpus_scores("cider", items))


def _corpus_bleu(n: int, items: Sequence[CaptionItem]) -> float:
    if not items:
        return 0.0
    return overlap.bleu(overlap.total(overlap.matches(*_words(item)) for item in items))[n - 1]


def bleu_1(items: Sequence[CaptionItem]) -> float:
    """Return the BLEU-1 of a task, 0 to 1."""
    return _corpus_bleu(1, items)


def bleu_2(items: Sequence[CaptionItem]) -> float:
    """Return the BLEU-2 of a task, 0 to 1."""
    return _corpus_bleu(2, items)


def bleu_3(items: Sequence[CaptionItem]) -> float:
    """Return the BLEU-3 of a task, 0 to 1."""
    return _corpus_bleu(3, items)


def bleu_4(items: Sequence[CaptionItem]) -> float:
    """Return the BLEU-4 of a task, 0 to 1."""
    return _corpus_bleu(4, items)


def rmse(items: Sequence[tuple[float]]) -> float:
    """Return the root mean square of a task's counting errors, in objects."""
    return math.sqrt(_mean([error**2 for (error,) in items]))


def macro_acc(items: Sequence[tuple[float, float]]) -> float:
    """Return the mean over true counts of the accuracy on each, from (true count, right)."""
    groups: dict[float, list[float]] = {}
    for count, right in items:
        groups.setdefault(count, []).append(right)
    return _mean([_mean(group) for group in groups.values()])


def precision(items: Sequence[tuple[float, float]]) -> float:
    """Return the share of "yes" answers that are right, from (said yes, is yes); 0 without any."""
    return _mean([is_yes for said, is_yes in items if said])


def recall(items: Sequence[tuple[float, float]]) -> float:
    """Return the share of "yes" rows answered so, from (said yes, is yes); 0 without any."""
    return _mean([said for said, is_yes in items if is_yes])


def f1(items: Sequence[tuple[float, float]]) -> float:
    """Return the harmonic mean of precision and recall, "yes" positive; 0 where both are."""
    right, either = sum(a * b for a, b in items), sum(a + b for a, b in items)
    return 2 * right / either if either else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
