"""The journal: what is in it survives a crash, and what is torn is dropped and counted."""

import json
import os
import subprocess
import sys

import pytest

from gvt.engine.journal import JOURNAL_FILE, Answer, Journal, answer_key


def answer(key, text="yes", **changes):
    row = Answer(key=key, column="a", seed=0, task="t", doc_id=1, answer=text, truncated=False)
    return row | changes


def test_answers_are_there_the_next_time(tmp_path):
    first = Journal(tmp_path / "run")
    assert (first.answers, first.broken) == ({}, 0)
    first.append([answer("k1"), answer("k2", "line\nbreak \u2028 “é”", truncated=True)])
    first.append(answer(key) for key in ("k3",))
    again = Journal(tmp_path / "run")
    assert again.answers == first.answers == {**first.answers, "k1": answer("k1")}
    assert list(again.answers) == ["k1", "k2", "k3"]
    assert again.answers["k2"]["answer"] == "line\nbreak \u2028 “é”"
    assert again.broken == 0


def test_looking_into_a_run_writes_nothing(tmp_path):
    Journal(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_is_appended_survives_the_death_of_the_process(tmp_path):
    script = (
        "import os, sys\n"
        "from gvt.engine.journal import Journal\n"
        "journal = Journal(sys.argv[1])\n"
        f"journal.append([{answer('k1')}])\n"
        "os._exit(9)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=environment)
    assert done.returncode == 9
    assert Journal(tmp_path).answers["k1"]["answer"] == "yes"


def test_a_torn_last_line_costs_one_answer(tmp_path):
    Journal(tmp_path).append([answer("k1"), answer("k2")])
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-30])
    torn = Journal(tmp_path)
    assert (list(torn.answers), torn.broken) == (["k1"], 1)
    torn.repair()
    torn.append([answer("k2", "again")])
    whole = Journal(tmp_path)
    assert {key: row["answer"] for key, row in whole.answers.items()} == {
        "k1": "yes",
        "k2": "again",
    }


def test_a_last_line_without_its_end_is_an_answer(tmp_path):
    Journal(tmp_path).append([answer("k1")])
    path = tmp_path / JOURNAL_FILE
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    journal = Journal(tmp_path)
    journal.repair()
    journal.append([answer("k2")])
    again = Journal(tmp_path)
    assert (list(again.answers), again.broken) == (["k1", "k2"], 0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"not json",
        b"\xff\xfe\x00",
        b"[1, 2]",
        b"17",
        b'{"no": "key"}',
        b'{"key": ["x"]}',
        b'{"key": "an answer without its text"}',
        b"",
    ],
)
def test_garbage_is_counted_and_the_rest_is_read(tmp_path, garbage):
    lines = [json.dumps(answer(key)).encode() for key in ("k1", "k2")]
    (tmp_path / JOURNAL_FILE).write_bytes(b"\n".join([lines[0], garbage, lines[1], b""]))
    journal = Journal(tmp_path)
    assert (list(journal.answers), journal.broken) == (["k1", "k2"], 1)


def test_repair_keeps_every_whole_answer_and_drops_the_rest_for_good(tmp_path):
    Journal(tmp_path).append([answer("k1"), answer("k2")])
    Journal(tmp_path, rank=3).append([answer("k3")])
    with (tmp_path / JOURNAL_FILE).open("ab") as file:
        file.write(b'{"key": "torn')
    journal = Journal(tmp_path)
    assert (sorted(journal.answers), journal.broken) == (["k1", "k2", "k3"], 1)
    journal.repair()
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL_FILE]
    again = Journal(tmp_path)
    assert (again.answers, again.broken) == (journal.answers, 0)


def test_a_key_changes_with_every_part():
    parts = {"model": "m", "task": "t", "limit": 8, "until": ["\n"]}
    key = answer_key(**parts)
    assert key == answer_key(**dict(reversed(parts.items())))
    others = {answer_key(**{**parts, name: "other"}) for name in parts}
    assert len({key, *others}) == 5
