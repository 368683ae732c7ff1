"""Rows are read from files in two formats and from tasks, or the mistake is named."""

import json

import pytest

from gvt.audit import NotAuditableError, audit, from_file, from_task
from gvt.errors import UserError


def write(path, rows):
    path.write_text(json.dumps(rows))
    return path


def test_a_file_in_gvtbench_format(tmp_path):
    rows = [
        {"image_id": 7, "text_in": "Does cat exist in the image?", "text_out": "Yes."},
        {"image_id": "a/b.jpg", "text_in": "Does dog exist in the image?", "text_out": "No."},
    ]
    found = from_file(write(tmp_path / "mci.json", rows))
    assert (found.name, found.texts) == ("mci", [row["text_in"] for row in rows])
    assert (found.golds, found.images) == ([["Yes."], ["No."]], ["7", "a/b.jpg"])
    assert found.chance == [0.5, 0.5]
    assert [found.score(0, answer) for answer in ("yes", "no", "maybe")] == [1, 0, 0]


def test_counts_and_open_answers_are_told_by_the_answers(tmp_path):
    asked = {"image_id": 1, "text_in": "How many cats?"}
    counts = from_file(
        write(tmp_path / "oc.json", [asked | {"text_out": n} for n in ("1", "2", "two", "7")])
    )
    assert counts.chance == [1 / 3] * 4
    assert counts.score(1, "two") == 1
    open_ones = [{"image_id": i, "question": "Where?", "answers": ["here"] * 10} for i in range(2)]
    path = tmp_path / "vqa.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in open_ones))
    found = from_file(path)
    assert found.chance == [None, None]
    assert found.score(0, "Here.") == 1
    assert len(from_file(path, limit=1)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("no row", "row 1: expected an object, got str"),
        ({"text_in": "Is it?", "text_out": "Yes."}, "row 1: no image_id"),
        ({"image_id": 1, "text_out": "Yes."}, "row 1: no question, neither question nor text_in"),
        ({"image_id": 1, "text_in": "Is it?", "text_out": 3}, "row 1: no answer as text"),
        ({"image_id": 1, "text_in": "Is it?", "answers": [3]}, "row 1: no answer as text"),
        (
            {"image_id": 1, "text_in": "Is it?", "text_out": "Yes.", "chance": 2},
            "row 1: chance is 2, expected 0 to 1",
        ),
    ],
)
def test_a_row_that_is_none_is_named(tmp_path, row, message):
    right = {"image_id": 1, "text_in": "Is it?", "text_out": "Yes."}
    path = write(tmp_path / "bad.json", [right, row])
    with pytest.raises(UserError) as error:
        from_file(path)
    assert error.value.message.startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"image_id": 1', ":1: not JSON"),
        (b"\xff\xfe", ": not UTF-8 text"),
        (b"{}", ": expected a list of rows"),
        (b"[]", ": expected a list of rows"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        from_file(path)
    assert error.value.message.startswith(f"{path}{message}")


class Choices:
    """A stand-in for lm-eval's multiple-choice task: the likeliest choice is the answer."""

    OUTPUT_TYPE = "multiple_choice"

    def doc_to_choice(self, doc):
        return doc["choices"]

    def process_results(self, doc, results):
        said = max(range(len(results)), key=lambda i: results[i][0])
        right = doc["choices"][said] == doc["answers"][0]
        return {"acc": float(right), "all": (said, right)}


class Tasks:
    """A stand-in for a loaded set of one task."""

    def __init__(self, docs):
        self.tasks, self._docs = {"toy": Choices()}, docs
        self.info = [
            {
                "name": "toy",
                "title": "Toy",
                "metric": "acc",
                "metric_title": "accuracy",
                "unit": "percent",
                "higher_is_better": True,
            }
        ]

    def docs(self, name):
        return self._docs


def test_a_task_of_choices_is_scored_by_its_own_rule():
    docs = [
        {
            "image_id": i,
            "question": "Which?",
            "choices": ["left", "right", "up"],
            "answers": ["up" if i % 3 else "left"],
            "chance": 1 / 3,
        }
        for i in range(60)
    ]
    found = from_task(Tasks(docs), "toy")
    assert found.scores(1, "up") == {"acc": 1.0}  # a tuple is no number of one row
    assert audit(found).figures["constant"].estimate.mean == pytest.approx(2 / 3)


def test_a_task_without_answers_is_not_audited():
    with pytest.raises(NotAuditableError, match="toy: not audited"):
        from_task(Tasks([{"doc_id": 5, "image_id": 1, "question": "Which?"}]), "toy")
