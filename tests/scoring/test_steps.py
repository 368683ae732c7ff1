"""The steps that rules tell: what they found, told by the code that scores, and only on request."""

import pytest

from gvt.scoring import process, published
from gvt.scoring.steps import Step, listen, tell


def steps(function, doc, answer):
    """Scores, and the told values by (rule, what)."""
    scores, heard = listen(function, doc, [answer])
    assert scores == function(doc, [answer])  # listening changes nothing
    return scores, {(step.rule, step.what): step.value for step in heard}


def test_ten_people_by_the_official_rule_and_the_releases():
    doc = {"answers": ["Three", "3"] + ["2"] * 8}
    scores, told = steps(process.vqa_official, doc, "three. dogs")
    assert told["official VQA accuracy", "answer, normalised"] == "3 dogs"
    assert told["official VQA accuracy", "references, normalised"] == ["3", "3"] + ["2"] * 8
    assert told["official VQA accuracy", "people who agree"] == "0 of 10"
    assert told["GVTBench release", "text up to the first full stop"] == "three."
    assert told["GVTBench release", "references that are part of it"] == ["3"]
    # One of ten agrees: the nine others find one agreement of three, the one itself none.
    assert told["GVTBench release", "people who agree"] == "1 of 10"
    assert scores["legacy_acc"] == pytest.approx(0.9 / 3)


def test_people_of_one_mind_are_compared_as_they_are():
    _, told = steps(process.vqa_official, {"answers": ["yes"] * 10}, "Yes.")
    assert told["official VQA accuracy", "answer, as it is: all people said the same"] == "Yes."
    assert told["official VQA accuracy", "people who agree"] == "0 of 10"


def test_alternatives():
    _, told = steps(process.vqa, {"answers": ["circle", "the ring"]}, "Ring!")
    assert told["VQA accuracy", "references, normalised"] == ["circle", "ring"]
    assert told["VQA accuracy", "references that match"] == "1 of 2"
    assert told["VQA accuracy", "credit: any of them is enough"] == 1


@pytest.mark.parametrize(
    ("answer", "strict", "release"),
    [("sixteen dogs", 16, 6), ("phones: 3", 3, 1), ("many", "none that is clear", 0)],
)
def test_a_count_by_both_rules(answer, strict, release):
    scores, told = steps(process.counting, {"answers": ["16"]}, answer)
    assert told["strict rule", "number read"] == strict
    assert told["strict rule", "right number"] == 16
    read = [
        value
        for (rule, what), value in told.items()
        if what.startswith(("number read", "no")) and rule == "GVTBench release"
    ]
    assert read == [release]
    assert (scores["acc"], scores["legacy_acc"]) == (strict == 16, release == 16)


def test_yes_and_no_by_both_rules():
    _, told = steps(process.yes_no, {"answers": ["no"]}, "I do not know.")
    assert told["strict rule", "read as"] == "neither yes nor no"
    assert told["GVTBench release", "'no' is part of the text"] == "yes"


def test_captions_tell_what_they_share():
    doc = {"answers": ["a red circle", "a blue star"]}
    scores, told = steps(process.caption_full, doc, "A red, red star!")
    assert told["words of the COCO evaluation", "caption"] == "a red red star"
    assert told["shared with a reference", "1-grams"] == "3 of 4: a, red, star"
    assert told["shared with a reference", "2-grams"] == "1 of 3: a red"
    assert told["shared with a reference", "3-grams"] == "0 of 2"
    assert told["ROUGE-L", "longest common subsequence, in words"] == 2
    assert (scores["shared_1"], scores["shared_2"]) == (3, 1)


@pytest.mark.parametrize(
    ("answer", "how", "option"),
    [
        ("(b)", "in brackets", "b"),
        ("B, closed", "by its letter first", "b"),
        ("B.", "by its letter first", "b"),
        ("Open", "by its text alone", "a"),
        ("(a) or (b)", "in brackets", "both"),
    ],
)
def test_an_option_and_how_it_was_named(answer, how, option):
    doc = {"answers": ["(b)"], "options": ["open", "closed"], "image_id": "1"}
    _, told = steps(published.choice_of_pair, doc, answer)
    found = {what: value for (_, what), value in told.items() if what.startswith("option")}
    assert found == {f"option named {how}": option}


def test_nobody_listens_nothing_is_kept():
    asked = []
    tell("rule", "what", lambda: asked.append(1))
    assert not asked
    assert listen(tell, "rule", "what", lambda: 5) == (None, [Step("rule", "what", 5)])
    inner, outer = listen(listen, tell, "rule", "what", 5)
    assert inner == (None, [Step("rule", "what", 5)]) and outer == []
