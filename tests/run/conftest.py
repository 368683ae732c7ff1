"""Runs of the whole command on toys: a small world, and what was computed in it."""

from collections import Counter
from types import SimpleNamespace

import pytest
from accelerate.state import AcceleratorState

import gvt.align.connectors
import gvt.columns
import gvt.engine.features
import gvt.engine.lm
import gvt.hardware
import gvt.lm_eval
from gvt.align import data
from gvt.cli import main
from gvt.data import mini
from gvt.data.images import MiniImages
from gvt.engine.journal import JOURNAL_FILE
from leaderboard import schema

LIMIT = 8


@pytest.fixture(autouse=True)
def _toy_world(tmp_path, monkeypatch):
    """Few scenes, an empty cache, float32; runs are written below tmp_path."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gvt.hardware, "mixed_precision", lambda *_: "no")
    monkeypatch.setattr(mini, "HELDOUT", 6)
    monkeypatch.setattr(mini, "_IDENTIFIED", 6)
    monkeypatch.setattr(mini, "_CAPTIONED", 6)
    monkeypatch.setattr(data.mini, "ALIGN_SCENES", 10)
    monkeypatch.setattr(data.MiniQuestions, "images", MiniImages("align", 10))
    caches = (mini._images, mini._scenes, data.source, data.mini._align_scenes)
    for cached in caches:
        cached.cache_clear()
    AcceleratorState._reset_state(True)
    yield
    for cached in caches:
        cached.cache_clear()
    AcceleratorState._reset_state(True)


@pytest.fixture
def computed(monkeypatch):
    """How often each expensive thing was done."""
    counter = Counter()

    def count(module, name):
        original = getattr(module, name)

        def counted(*args, **kwargs):
            counter[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    count(gvt.align.connectors, "train")
    count(gvt.engine.features, "load_tokenizer")
    count(gvt.engine.lm, "generate")
    return counter


@pytest.fixture
def world(tmp_path, llm_folder, write_toys, computed, capfd):
    """A folder of a user's own files, and `run(…)`: the command over it; exit code and output.

    ``rows`` are those of a column and task, ``limit`` their number; ``journal`` is its bytes.
    """
    mine = tmp_path / "mine"
    write_toys(mine)

    def run(*flags, suite="toys", output="run"):
        computed.clear()
        code = main(
            [
                *("run", "--suite", suite, "--include_path", str(mine), "--llm", str(llm_folder)),
                *("--limit", str(LIMIT), "--device", "cpu"),
                *("--output_path", str(tmp_path / output)),
                *flags,
            ]
        )
        return code, capfd.readouterr()

    folder = tmp_path / "run"

    def rows(column, task="mini_mci", folder=folder):
        return [row for _, row in schema.read_rows(schema.rows_path(folder, column, 0, task))]

    def journal():
        return (folder / JOURNAL_FILE).read_bytes()

    return SimpleNamespace(
        mine=mine, folder=folder, run=run, rows=rows, journal=journal, limit=LIMIT
    )
