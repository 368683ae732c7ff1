"""Checks our scores against what published scoring programs print, answer by answer.

`data/published.json` holds what came out when generated answers were fed to the official VQA
evaluation (GT-Vision-Lab/VQA, its print statements taken out so that Python 3 runs it) and to the
scoring code of the GVTBench release (TencentARC/GVT: the cut of an answer, counting, multi-class
identification, and VQA by substring). Answers were put together from words, numbers, contractions,
punctuation at random places, blanks and characters outside ASCII, and drawn so that every score
that occurs has rows. In per cent for VQA; right or not, and the absolute error, for the others.
"""

import json
from pathlib import Path

import pytest

from gvt.scoring import process, vqa

PUBLISHED = json.loads((Path(__file__).parent / "data" / "published.json").read_text("utf-8"))


def vqa_rows():
    for answer, given, order, official, legacy in PUBLISHED["vqa"]:
        yield answer, [given[int(place)] for place in order], official, legacy


def test_official_vqa_accuracy():
    rows = list(vqa_rows())
    assert len(rows) >= 300
    ours = [round(100 * vqa.official_accuracy(answer, golds), 8) for answer, golds, _, _ in rows]
    assert ours == [official for _, _, official, _ in rows]


def test_vqa_rows_score_as_published():
    for answer, golds, official, legacy in vqa_rows():
        scores = process.vqa_official({"answers": golds, "answer_type": "yes/no"}, [answer])
        assert (100 * scores["acc"], 100 * scores["legacy_acc"]) == pytest.approx(
            (official, legacy), abs=1e-7
        ), (answer, golds)
        assert scores["acc_yes_no"] == scores["acc"]


def test_counting_of_the_release():
    for answer, gold, right, error in PUBLISHED["counting"]:
        scores = process.counting({"text_out": str(gold)}, [answer])
        assert (scores["legacy_acc"], scores["legacy_mae"]) == (right, error), (answer, gold)


def test_yes_no_of_the_release():
    for answer, gold, right in PUBLISHED["yes_no"]:
        assert process.yes_no({"text_out": gold}, [answer])["legacy_acc"] == right, (answer, gold)


def test_strict_and_published_scores_differ_where_they_should():
    know_nothing = process.vqa_official({"answers": ["no"] * 10}, ["i do not know"])
    assert (know_nothing["acc"], know_nothing["legacy_acc"]) == (0.0, 1.0)
