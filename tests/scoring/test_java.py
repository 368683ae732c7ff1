"""Checks METEOR through Java, and what is said where a Java program cannot run."""

import importlib.util
import shutil

import pytest

from gvt.errors import UserError
from gvt.scoring import java, process


@pytest.mark.java
@pytest.mark.slow
def test_meteor_runs_over_our_words():
    pytest.importorskip("pycocoevalcap.meteor.meteor")
    rows = [["A red circle.", "one circle"], ["two dogs on grass"], ["a man rides a horse"]]
    answers = ["a RED circle", "dogs are on the grass!", "clock"]
    items = [
        java.caption_meteor({"answers": row}, [answer])["meteor"]
        for row, answer in zip(rows, answers, strict=True)
    ]
    same, near, far = process.corpus_scores("meteor", items)
    assert (same, far) == pytest.approx((1.0, 0.0), abs=1e-6)
    assert 0.2 < near < 0.8


def test_a_missing_program_is_said_before_the_run(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    java.check("my_task", ["cider", "bleu_4"])
    with pytest.raises(UserError) as caught:
        java.check("my_task", ["cider", "spice", "meteor"])
    message = str(caught.value)
    assert "my_task" in message and "METEOR and SPICE" in message
    assert "gvt[captions]" in message and "Java runtime" in message
    assert "\n" not in message


def test_missing_models_of_spice_are_said(monkeypatch, tmp_path):
    package = importlib.util.spec_from_file_location(
        "pycocoevalcap", tmp_path / "__init__.py", submodule_search_locations=[str(tmp_path)]
    )
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/java")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    java.check("my_task", ["meteor"])
    with pytest.raises(UserError, match=r"language models in .*spice/lib"):
        java.check("my_task", ["spice"])
    (tmp_path / "spice" / "lib").mkdir(parents=True)
    for name in java._MODELS:
        (tmp_path / "spice" / "lib" / name).touch()
    java.check("my_task", ["spice"])


def test_a_task_without_captions_needs_nothing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert [process.corpus_scores(metric, []) for metric in java.METRICS] == [[], []]
