"""Loading is fast for rows as we write them; whatever the form, it tells what the JSON says."""

from __future__ import annotations

import json
import math
import os
import random
import tracemalloc

import numpy as np
import pytest

import leaderboard
from benchmarks.speed import large_run
from leaderboard import schema
from leaderboard.cells import Samples
from leaderboard.loading import TaskReader
from leaderboard.results import load_results
from leaderboard.schema import SchemaError

BETWEEN = ', "answer": '  # where our rows are cut in two
TASK = {"name": "toy", "metric": "acc", "unit": "percent"}


def row(doc_id=0, **changes):
    return {
        "doc_id": doc_id,
        "image_id": f"im{doc_id // 2}",
        "image": f"images/{doc_id // 2}.png",
        "image_sha256": f"{doc_id // 2:064x}",
        "category": "odd" if doc_id % 2 else None,
        "question": f"What is number {doc_id}?",
        "gold": ["red", "scarlet"],
        "answer": "red",
        "scores": {"acc": 1.0, "strict": 1},
        "valid": True,
        "truncated": False,
        "chance": 0.25,
        "error": None,
    } | changes


def failed(doc_id):
    return row(doc_id, answer=None, scores={}, valid=False, truncated=True, error="no memory")


def odd_rows():
    """Rows whose texts and fields could be taken for the place where a row is cut."""
    trap = f'x", {BETWEEN}"y", "answer": null, "gold": []}}'
    return [
        row(0, question=trap, gold=[trap, "b"], category=trap),
        row(1, answer=trap, scores={"acc": 0.5, "answer": 0.1, trap: 0.2}),
        row(2, answer="", valid=False),
        failed(3),
        row(4, chance=None, image=None, question="", category=""),
        row(5, answer="\u2028 \u202e \ud800 \x00 é", truncated=True),
        row(6, question_id=17, extra={"answer": 1, "deep": [{"gold": []}]}),
        {"extra": {"a": 1, "answer": 2}, **row(7)},
        dict(reversed(row(8).items())),
        row(9, image="/elsewhere/9.png", chance=1, scores={"acc": 1}),
    ]


def written(path, rows, dump=json.dumps):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(dump(one) + "\n" for one in rows))
    return path


def read(*paths):
    """(samples, sheets) as the reader makes them of files of one task."""
    samples = Samples()
    reader = TaskReader(TASK, samples)
    return samples, [reader.read(path, path.parent) for path in paths]


def assert_says(samples, sheet, rows, folder):
    """The sheet says of every row what the row says."""
    assert [samples.doc_ids[place] for place in sheet.places] == [one["doc_id"] for one in rows]
    for number, (place, one) in enumerate(zip(sheet.places, rows, strict=True)):
        ok = one["error"] is None
        assert samples.image_ids[place] == one["image_id"]
        assert samples.categories[place] == one["category"]
        assert samples.gold[place] == one["gold"]
        assert samples.digests[place] == one["image_sha256"]
        assert sheet.answers[number] == one["answer"]
        assert sheet.invalid[number] == (ok and not one["valid"])
        assert sheet.truncated[number] == (ok and one["truncated"])
        assert sheet.errors.get(place) == one["error"]
        for name, values in sheet.scores.items():
            assert np.array_equal(values[number], one["scores"].get(name, math.nan), equal_nan=True)
        assert one["scores"].keys() <= sheet.scores.keys()


@pytest.mark.parametrize(
    "dump",
    [
        json.dumps,
        lambda one: json.dumps(one, ensure_ascii=True, separators=(",", ":")),
        lambda one: json.dumps(one, sort_keys=True),
        lambda one: f"  {json.dumps(one)} \t",
        lambda one: json.dumps(one)[:-1] + ' , "valid": ' + json.dumps(one["valid"]) + "}",
    ],
    ids=["ours", "dense", "sorted", "padded", "doubled"],
)
def test_rows_of_any_form(tmp_path, dump):
    rows = odd_rows()
    twice = [{**one, "image": None} if one["doc_id"] % 3 else one for one in rows]
    paths = written(tmp_path / "a.jsonl", rows, dump), written(tmp_path / "b.jsonl", twice, dump)
    samples, sheets = read(*paths)
    assert_says(samples, sheets[0], rows, tmp_path)
    assert_says(samples, sheets[1], twice, tmp_path)
    assert samples.questions == [one["question"] for one in rows]
    assert samples.images == [one["image"] and os.path.join(tmp_path, one["image"]) for one in rows]
    chances = [math.nan if one["chance"] is None else one["chance"] for one in rows]
    np.testing.assert_array_equal(samples.chance, chances)


def test_a_field_that_comes_again_behind_the_answer_counts(tmp_path):
    """As JSON has it: the last one. The first half alone would say another gold."""
    line = json.dumps(row())
    path = tmp_path / "a.jsonl"
    path.write_text(f'{line[:-1]}, "gold": ["blue"]}}\n')
    samples, _ = read(path)
    assert samples.gold == [["blue"]]
    head, _, tail = line.partition(BETWEEN)
    path.write_text(f'{head}, "scores": {{"acc": 0.0}}{BETWEEN}{tail}\n')
    assert read(path)[1][0].scores["acc"] == [1.0]


BROKEN = {
    "blank": lambda line: "",
    "no object": lambda line: f"[{line}]",
    "two": lambda line: line + line,
    "odd space": lambda line: line + "\u00a0",
    "cut": lambda line: line[:-9],
    "cut before": lambda line: line.split(BETWEEN)[0],
    "closed before": lambda line: line.replace(BETWEEN, "}" + BETWEEN),
    "no comma": lambda line: line.replace(BETWEEN, BETWEEN[1:]),
    "nothing before": lambda line: "{" + BETWEEN + line.split(BETWEEN)[1],
    "only behind": lambda line: "{" + BETWEEN[2:] + line.split(BETWEEN)[1],
    "no doc_id": lambda line: line.replace('"doc_id": 3, ', ""),
    "doc_id true": lambda line: line.replace('"doc_id": 3', '"doc_id": true'),
    "no error": lambda line: line.replace(', "error": null', ""),
    "valid 1": lambda line: line.replace('"valid": true', '"valid": 1'),
    "score true": lambda line: line.replace('"acc": 1.0', '"acc": true'),
    "score text": lambda line: line.replace('"acc": 1.0', '"acc": "1"'),
    "score NaN": lambda line: line.replace('"acc": 1.0', '"acc": NaN'),
    "score large": lambda line: line.replace('"acc": 1.0', '"acc": 1' + "0" * 400),
    "number without end": lambda line: line.replace('"acc": 1.0', '"acc": 1' + "0" * 5000),
    "nested without end": lambda line: line.replace('"acc": 1.0', '"acc": ' + "[" * 100_000),
    "chance": lambda line: line.replace("0.25", "-0.25"),
    "gold": lambda line: line.replace('["red"', "[1"),
    "failed": lambda line: line.replace('"error": null', '"error": "boom"'),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("known", [False, True], ids=["first column", "later column"])
def test_a_broken_line_is_told_as_the_strict_reader_tells_it(tmp_path, name, known):
    lines = [json.dumps(row(doc_id)) for doc_id in range(6)]
    good = tmp_path / "good.jsonl"
    good.write_text("\n".join(lines) + "\n")
    lines[3] = BROKEN[name](lines[3])
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SchemaError) as strict:
        list(schema.read_rows(bad))
    with pytest.raises(SchemaError) as fast:
        read(*[good][:known], bad)
    assert str(fast.value).startswith(f"{bad}:4: ")
    if name != "nothing before":  # seen as two halves, of which the first lacks its fields
        assert str(fast.value) == str(strict.value)


def test_any_damage_is_seen(tmp_path):
    """A byte changed, lost or doubled: read like the strict reader does, or refused."""
    dice = random.Random(3)
    rows = [row(doc_id, answer=f"red {doc_id % 2}") for doc_id in range(3)]
    good = written(tmp_path / "good.jsonl", rows).read_bytes()
    refused = 0
    for _ in range(400):
        place, path = dice.randrange(len(good)), tmp_path / "bad.jsonl"
        new = dice.choice(
            [b"", good[place : place + 1] * 2, dice.choice(b'{}[]",: 01ae').to_bytes()]
        )
        path.write_bytes(good[:place] + new + good[place + 1 :])
        try:
            expected = [one for _, one in schema.read_rows(path)]
        except SchemaError as error:
            refused += 1
            with pytest.raises(SchemaError) as caught:
                read(tmp_path / "good.jsonl", path)
            assert str(caught.value).partition(": ")[0] == str(error).partition(": ")[0]
            continue
        try:
            samples, (sheet,) = read(path)
        except SchemaError as error:
            assert any(word in str(error) for word in ("no score", "0 to 1", "twice"))
            continue
        assert_says(samples, sheet, expected, tmp_path)
    assert 100 < refused < 350


def test_what_two_columns_disagree_on(tmp_path):
    first = written(tmp_path / "a.jsonl", [row(0), row(1)])
    for change in ({"image_id": "other"}, {"category": "x"}, {"gold": ["red"]}):
        second = written(tmp_path / "b.jsonl", [row(0), row(1, **change)])
        with pytest.raises(SchemaError, match="not run on the same data") as caught:
            read(first, second)
        assert str(caught.value).startswith(f"{second}:2: doc_id 1 ")
    other = written(tmp_path / "b.jsonl", [row(1, question="asked otherwise", chance=None)])
    samples, sheets = read(first, other)
    assert samples.questions[1] == "What is number 1?"
    assert samples.chance[1] == 0.25
    assert list(sheets[1].places) == [1]


def test_a_row_that_comes_twice(tmp_path):
    for again in (row(0), row(0, answer="other"), row(0, gold=["other"])):
        path = written(tmp_path / "a.jsonl", [row(0), row(1), again])
        with pytest.raises(SchemaError) as caught:
            read(path)
        assert str(caught.value) == f"{path}:3: doc_id 0 appears twice"


def test_a_whole_run_is_what_its_files_say(run_dir):
    for seed in (1, 2):
        path = schema.rows_path(run_dir, "mae", seed, "oc")
        rows = [one for _, one in schema.read_rows(path)]
        changed = [one | {"scores": {}, "error": "lost"} for one in rows[:4]] + rows[7:]
        schema.write_rows(path, changed if seed == 1 else list(reversed(changed)))
    results = load_results(run_dir)
    assert [source.path for source in results.sources] == [run_dir]
    for (column, task), cell in results.cells.items():
        assert cell.seeds == [1, 2]
        for s, seed in enumerate(cell.seeds):
            text = schema.rows_path(run_dir, column, seed, task).read_text()
            rows = {one["doc_id"]: one for one in map(json.loads, text.splitlines())}
            for i, doc_id in enumerate(cell.samples.doc_ids):
                one = rows.pop(doc_id, None)
                assert cell.present[s, i] == (one is not None)
                assert cell.errors[s].get(i) == (one and one["error"])
                assert cell.answers[s][i] == (one and one["answer"])
                score = one["scores"].get(cell.task["metric"], math.nan) if one else math.nan
                assert np.array_equal(cell.scores[s, i], score, equal_nan=True)
                assert cell.samples.images[i] == str(run_dir / f"images/{i_of(cell, i)}.png")
            assert not rows
    assert len(results.cells) == 7 * 4


def i_of(cell, i):
    """The picture of a sample, by its number in the conftest's world."""
    return int(cell.samples.image_ids[i].rpartition("-")[2]) % 40


def test_columns_share_what_they_have_in_common(tmp_path):
    """Another column costs its numbers and new answers, not its rows."""
    rows = [row(i, question=f"{i} " + "long " * 40, gold=[f"gold {i}"] * 9) for i in range(500)]
    paths = [written(tmp_path / f"{k}.jsonl", rows) for k in range(11)]
    samples = Samples()
    reader = TaskReader(TASK, samples)
    first = reader.read(paths[0], tmp_path)
    tracemalloc.start()
    others = [reader.read(path, tmp_path) for path in paths[1:]]
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(first.places) == len(others[-1].places) == 500
    assert grown < sum(path.stat().st_size for path in paths[1:]) / 10


def test_the_benchmarks_run_is_one_the_report_can_read(tmp_path):
    folder = large_run.build(tmp_path / "run", tokenizers=2, samples=30, pictures=4)
    results = load_results(folder)
    assert len(results.tasks) == 8
    assert all(0 < cell.estimate.n == 30 for cell in results.cells.values())
    assert len(results.cells) == 4 * 8
    kinds = [task.get("skill") for task in results.tasks]
    assert (kinds.count("semantics"), kinds.count("fine-grained"), kinds.count(None)) == (3, 4, 1)
    shown = {path for samples in results.samples.values() for path in samples.images}
    assert all(os.path.isfile(path) for path in shown)
    assert leaderboard.write_report(folder).is_file()
