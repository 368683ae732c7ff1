"""The stages of a run: what is counted, booked, remembered of their speed, and foretold."""

import io
import json

import pytest
import torch
from rich.console import Console

from gvt import progress as module
from gvt.progress import Counter, Pace, Progress, Step

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def clock(tmp_path, monkeypatch):
    """A clock that only the test moves, and a cache of its own."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path))

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def shown():
    progress = Progress(shown=True, device=CPU)
    progress.console = Console(file=io.StringIO(), width=60)
    return progress


def test_a_counter_tells_new_from_known():
    told = []
    counter = Counter(told.append)
    counter.skip(3)
    counter.advance(2)
    counter.advance(1)
    assert (told, counter.computed) == ([3, 2, 1], 3)


def test_a_stage_is_booked_with_what_it_took(shown, clock):
    with shown.stage("clip", 1, "features", 10, "key") as counter:
        counter.skip(4)
        counter.advance(6)
        clock.now += 3.0
    with shown.stage("clip", 1, "alignment", 5, "key", samples=160) as counter:
        counter.skip(5)
    first, second = shown.booked
    assert (first["column"], first["seed"], first["stage"]) == ("clip", 1, "features")
    assert (first["seconds"], first["samples"], first["computed"]) == (3.0, 10, 6)
    assert (first["cached"], second["cached"]) == (False, True)
    assert (second["samples"], second["computed"]) == (160, 0)


def test_the_peak_is_that_of_the_stage(shown):
    """A large array of an earlier stage does not count for a later one."""
    with shown.stage("a", 0, "features", 1, "key"):
        large = torch.ones(64, 2**20)
    del large
    with shown.stage("b", 0, "features", 1, "key"):
        pass
    first, second = (stage["peak_memory"] for stage in shown.booked)
    if first is None:
        pytest.skip("this system does not tell")
    assert first - second > 200 * 2**20


def test_every_column_is_one_line_however_long(shown, clock):
    for column in ("deit", "clip"):
        for stage in ("features", "features", "alignment", "evaluation"):
            with shown.stage(column, 0, stage, 10, "key") as counter:
                clock.now += 2.0
                if stage != "alignment":
                    counter.advance(10)
    shown.column_done()
    lines = shown.console.file.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["deit", "clip"]
    assert "features 4.0 s (5/s), alignment cached, evaluation 2.0 s (5/s)" in lines[0]


def test_pace_is_remembered_by_key_and_else_guessed_from_the_stage(shown, clock):
    for key, seconds in (("a", 1.0), ("b", 2.0), ("c", 10.0)):
        with shown.stage(key, 0, "features", 10, key) as counter:
            clock.now += seconds
            counter.advance(10)
    pace = Pace()
    assert pace.rate("features", "a") == 10.0
    assert pace.rate("features", "unknown") == 5.0
    assert pace.rate("alignment", "a") is None


def test_the_time_ahead_is_that_of_what_is_to_be_computed(shown, clock):
    with shown.stage("a", 0, "features", 10, "a") as counter:
        clock.now += 5.0
        counter.advance(10)
    pace = Pace()
    known = [Step("b", "features", 100, 40, "a"), Step("b", "alignment", 7, 0, "never ran")]
    assert pace.seconds(known) == pytest.approx(20.0)
    assert pace.seconds([*known, Step("b", "evaluation", 7, 1, "a")]) is None


def test_the_time_left_falls_as_the_run_goes_on(shown, clock, monkeypatch):
    module.write_json(Pace().path, {"features": {"k": 10.0}, "evaluation": {"k": 2.0}})
    shown.pace = Pace()
    shown.expect([Step("a", "features", 100, 100, "k"), Step("a", "evaluation", 20, 20, "k")])
    left = []
    told = monkeypatch.setattr(
        Progress, "_left", lambda *args, old=Progress._left: left.append(old(*args)) or left[-1]
    )
    assert told is None
    with shown.stage("a", 0, "features", 100, "k") as counter:
        clock.now += 5.0
        counter.advance(50)
        clock.now += 5.0
        counter.advance(50)
    with shown.stage("a", 0, "evaluation", 20, "k") as counter:
        clock.now += 5.0
        counter.advance(10)
    # 20 samples at 2/s are 10 s; what is left of 100 images at 10/s comes on top.
    assert left == ["0:15 left", "0:10 left", "0:05 left"]


def test_a_torn_pace_file_costs_nothing(tmp_path):
    (tmp_path / "pace.json").write_text('{"feat')
    assert Pace().rate("features", "a") is None


def test_nothing_is_written_by_the_other_processes(tmp_path, clock):
    silent = Progress(shown=False, device=CPU)
    with silent.stage("a", 0, "features", 10, "k") as counter:
        clock.now += 1.0
        counter.advance(10)
    assert not (tmp_path / "pace.json").exists()
    assert len(silent.booked) == 1


def test_the_file_is_plain_json(shown, clock):
    with shown.stage("a", 0, "features", 10, "k") as counter:
        clock.now += 4.0
        counter.advance(10)
    assert json.loads(Pace().path.read_text()) == {"features": {"k": 2.5}}
