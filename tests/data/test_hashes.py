"""Hashes of files: right, computed once, and shared by processes that write at the same time."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gvt.data import hashes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Five small files, and an empty cache."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    paths = [tmp_path / f"{number} ü.jpg" for number in range(5)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 1000)
    return [str(path) for path in paths]


@pytest.fixture
def read(monkeypatch):
    """The files that are really read."""
    done = []
    original = hashes.sha256

    def counted(path):
        done.append(path)
        return original(path)

    monkeypatch.setattr(hashes, "sha256", counted)
    return done


def digests(paths):
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def test_each_file_is_read_once(files, read):
    assert hashes.file_hashes(files + files) == digests(files)
    assert sorted(read) == sorted(files)
    assert hashes.file_hashes(files) == digests(files)
    assert len(read) == 5


def test_a_changed_file_is_read_again(files, read):
    hashes.file_hashes(files)
    path = Path(files[2])
    before = path.stat()
    path.write_bytes(b"x" * 1000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert hashes.file_hashes(files) == digests(files)
    assert read[5:] == [files[2]]


def test_what_cannot_be_read_is_left_out(files, tmp_path):
    wanted = digests(files)
    assert hashes.file_hashes([*files, str(tmp_path / "none"), str(tmp_path)]) == wanted


def test_a_line_that_was_cut_off_costs_its_file_only(files, read, tmp_path):
    hashes.file_hashes(files)
    table = tmp_path / "cache" / "hashes" / "files.jsonl"
    table.write_bytes(table.read_bytes()[:-20])
    assert hashes.file_hashes(files) == digests(files)
    assert len(read) == 6
    assert hashes.file_hashes(files) == digests(files)
    assert len(read) == 6


def test_processes_share_the_table(files, read, monkeypatch):
    script = (
        "import sys; from gvt.data import hashes; hashes._SAVED = 1; "
        "hashes.file_hashes(sys.argv[1:])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    running = [
        subprocess.Popen([*command, *part], env=environment)
        for part in (files[:4], files[1:], files[::-1])
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert hashes.file_hashes(files) == digests(files)
    assert read == []
