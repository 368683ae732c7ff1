"""Processes that are killed, disks that are full, several processes: nothing is lost or doubled."""

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

SURVIVOR = Path(__file__).with_name("survivor.py")
ROOT = SURVIVOR.parent.parent
ROWS = 4  # of a batch
KILLS = 20


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("survival")


@pytest.fixture(scope="module")
def environment(place):
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "GVT_CACHE": str(place / "cache"),
        "SURVIVOR_LOG": str(place / "log"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def flags(place, llm_folder, write_toys):
    """flags(output): the command line of a run over two toy tokenizers."""
    mine = place / "mine"
    write_toys(mine)

    def flags(output):
        return [
            *("run", "--suite", "toys", "--include_path", str(mine), "--llm", str(llm_folder)),
            *("--device", "cpu", "--batch_size", str(ROWS), "--output_path", str(output)),
        ]

    return flags


@pytest.fixture(scope="module")
def server(environment):
    """server.start(flags) → process id; server.alive(id); server.finish(flags)."""
    process = subprocess.Popen(
        [sys.executable, str(SURVIVOR), "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )

    def start(flags):
        process.stdin.write(json.dumps(flags) + "\n")
        process.stdin.flush()
        return int(next(line for line in process.stdout if line.strip().isdigit()))

    def alive(child):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return False
        return True

    def finish(flags):
        child = start(flags)
        while alive(child):
            time.sleep(0.02)

    assert any(line.strip() == "ready" for line in process.stdout)
    yield SimpleNamespace(start=start, alive=alive, finish=finish)
    process.stdin.close()
    process.terminate()
    process.wait()


def results(folder):
    """Every file of samples and the scores, byte by byte."""
    paths = [*sorted(folder.glob("samples/**/*.jsonl")), folder / "scores.json"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def whole(place, server, flags):
    """A run that nothing has interrupted."""
    folder = place / "whole"
    if not (folder / "report.html").exists():
        server.finish(flags(folder))
        assert (folder / "report.html").exists()
    return folder


def batches(environment):
    """The keys of every batch; of a line that is being written, those that are there."""
    path = Path(environment["SURVIVOR_LOG"])
    lines = path.read_text().splitlines() if path.exists() else []
    return [re.findall(r'"(\w{64})"', line) for line in lines]


@pytest.mark.slow
def test_a_run_killed_twenty_times_ends_as_if_it_had_not_been(
    place, server, flags, environment, whole
):
    cold = place / "cold"
    (place / "cache" / "features").rename(cold)  # kills may fall into encoding and alignment too
    (place / "cache" / "connectors").rename(place / "trained")
    Path(environment["SURVIVOR_LOG"]).unlink()
    folder, rng = place / "killed", random.Random(0)
    for kill in range(KILLS):
        before = len(batches(environment))
        child = server.start(flags(folder))
        if kill < 5:
            time.sleep(rng.uniform(0.05, 0.5))
        else:
            more = rng.randrange(3)
            while server.alive(child) and len(batches(environment)) < before + more:
                time.sleep(0.001)
            time.sleep(rng.uniform(0.0, 0.02))
        assert server.alive(child)
        os.kill(child, 9)
        while server.alive(child):
            time.sleep(0.001)
    server.finish(flags(folder))
    assert results(folder) == results(whole)
    asked = [key for batch in batches(environment) for key in batch]
    assert 0 < len(asked) - len(set(asked)) <= KILLS * ROWS


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 KiB, and grow()."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    if subprocess.run([*mount, "size=192k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    remount = ["mount", "-o", "remount,size=64m", str(folder)]
    yield SimpleNamespace(
        folder=folder, grow=lambda: subprocess.run(remount, check=True, capture_output=True)
    )
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_costs_nothing_that_was_answered(server, flags, environment, whole, small_disk):
    Path(environment["SURVIVOR_LOG"]).unlink(missing_ok=True)
    folder = small_disk.folder / "run"
    server.finish(flags(folder))
    assert not (folder / "report.html").exists()
    answered = {key for batch in batches(environment) for key in batch}
    assert len(answered) > 10 * ROWS
    small_disk.grow()
    server.finish(flags(folder))
    assert results(folder) == results(whole)
    asked = [key for batch in batches(environment) for key in batch]
    assert len(asked) - len(set(asked)) <= ROWS


def launch(environment, arguments, **more):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["--standalone", str(SURVIVOR), "run", *arguments]
    return subprocess.run(
        command, env={**environment, **more}, capture_output=True, text=True, timeout=240
    )


@pytest.mark.slow
def test_two_processes_write_the_same_samples_once(place, flags, environment, whole):
    # Connectors stay: training is another matter. Features and answers are made by both.
    (place / "cache" / "features").rename(place / "one-process")
    Path(environment["SURVIVOR_LOG"]).unlink(missing_ok=True)
    folder = place / "two"
    done = launch(environment, flags(folder))
    assert done.returncode == 0, done.stderr
    assert results(folder) == results(whole)
    run = json.loads((folder / "run.json").read_text())
    assert run["hardware"]["processes"] == 2
    asked = [key for batch in batches(environment) for key in batch]
    assert len(asked) == len(set(asked))
    assert {path.name for path in folder.glob("journal*")} >= {"journal.rank1.jsonl"}


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_with_a_message(place, flags, environment, whole):
    folder = place / "one-died"
    done = launch(environment, flags(folder), SURVIVOR_DIES="1")
    assert done.returncode != 0
    assert "Signal 9 (SIGKILL)" in done.stderr
    assert not (folder / "report.html").exists()
    done = launch(environment, flags(folder))
    assert done.returncode == 0, done.stderr
    assert results(folder) == results(whole)
