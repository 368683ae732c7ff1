"""Rules of published benchmarks: MMVP's pairs, GQA's equality, TextVQA's own processor."""

import pytest

from gvt.scoring import pairs, process, published


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("(a)", "a"),
        ("The answer is (b).", "b"),
        ("B", "b"),
        ("b) closed", "b"),
        ("A. Open", "a"),
        ("The correct answer is b.", "b"),
        ("Answer: a", "a"),
        ("Closed.", "b"),
        (" open ", "a"),
        ("(a) or (b)", None),
        ("a dog", None),
        ("not closed", None),
        ("both", None),
        ("", None),
    ],
)
def test_the_option_that_an_answer_names(answer, letter):
    assert pairs.choice(answer, ["Open", "Closed"]) == letter


def test_options_that_read_alike_name_nothing():
    assert pairs.choice("open", ["Open", "open"]) is None


def test_a_pair_is_right_if_both_answers_are():
    row = {"options": ["Open", "Closed"], "image_id": "1+2"}
    said = [
        published.choice_of_pair({**row, "image_id": pair, "answers": [gold]}, [answer])
        for pair, gold, answer in (
            ("1+2", "(a)", "(a)"),
            ("3+4", "(a)", "Open"),
            ("1+2", "(b)", "b"),
            ("3+4", "(b)", "(a)"),
            ("5+6", "(a)", "(a)"),  # its other half failed, or the limit cut it off
        )
    ]
    assert [one["acc"] for one in said] == [1, 1, 1, 0, 1]
    items = [one["pair_acc"] for one in said]
    assert process.corpus_scores("pair_acc", items) == [1, 0, 1, 0, 0]
    assert published.pair_mean(items) == 0.4
    assert published.pair_mean([]) == 0.0


def test_gqa_wants_the_answer_itself():
    row = {"answers": ["t-shirt"]}
    for answer, right in ((" T-shirt. ", 1), ("t shirt", 0), ("a t-shirt", 0), ("", 0)):
        scores = published.exact(row, [answer])
        assert scores == {"acc": right, "valid": float(bool(answer))}


# Computed with the evaluator of the TextVQA challenge as multimodal evaluation suites ship it;
# over 20,000 generated answers it agrees in every digit.
@pytest.mark.parametrize(
    ("answer", "golds", "accuracy"),
    [
        ("1,000", ["1000"] * 10, 1.0),
        ("Joe's.", ["joe's"] * 10, 1.0),
        ("joes", ["joe's"] * 10, 0.0),
        ("what?", ["what"] * 2 + ["x"] * 8, 0.6),
        ("The two", ["2"] * 3 + ["x"] * 7, 0.9),
        ("dont", ["don't"] * 10, 1.0),
    ],
)
def test_textvqa(answer, golds, accuracy):
    assert published.text_vqa({"answers": golds}, [answer])["acc"] == pytest.approx(accuracy)


def test_a_test_split_has_no_score():
    assert published.unscored({"answers": []}, [" a "]) == {"valid": 1.0}
    assert published.unscored({"answers": []}, [" "]) == {"valid": 0.0}
    assert process.golds({"answers": []}) == []
