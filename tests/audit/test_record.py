"""What a run keeps of an audit: rows that add up, from the cache the second time."""

import numpy as np
import pytest

from gvt import catalog
from gvt.audit import audit, from_task, record
from gvt.audit.record import recorded
from gvt.data import mini
from gvt.engine.evaluate import load_tasks
from gvt.paths import cache_dir
from leaderboard import schema


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """Two mini tasks of few scenes, and captions."""
    names = ("mini_vqa", "mini_mci", "mini_caption")
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mini, "HELDOUT", 20)
    monkeypatch.setattr(mini, "_IDENTIFIED", 20)
    monkeypatch.setattr(mini, "_CAPTIONED", 5)
    caches = (mini._images, mini._scenes)
    for cached in caches:
        cached.cache_clear()
    known = catalog.tasks()
    yield load_tasks({name: known[name] for name in names}, None)
    for cached in caches:
        cached.cache_clear()


def test_rows_hold_the_answers_and_scores_of_the_best(tasks, tmp_path):
    for name in ("mini_vqa", "mini_mci"):
        found, done = recorded(tasks, name), audit(from_task(tasks, name))
        path = schema.write_rows(tmp_path / f"{name}.jsonl", found.rows)  # which checks them
        rows = [row for _, row in schema.read_rows(path)]
        assert [row["scores"]["acc"] for row in rows] == pytest.approx(done.scores["best"].tolist())
        assert [row["answer"] for row in rows] == done.answers
        docs = tasks.docs(name)
        assert [row["image_id"] for row in rows] == [doc["image_id"] for doc in docs]
        means = {name: np.mean(done.scores[name]) for name in done.figures}
        assert found.summary["predictors"] == pytest.approx(means)


def test_the_second_time_the_cache_answers(tasks, monkeypatch):
    first = recorded(tasks, "mini_vqa")
    monkeypatch.setattr(record, "audit", None)  # must not be called
    assert recorded(tasks, "mini_vqa") == first
    monkeypatch.setattr(record, "AUDIT_VERSION", record.AUDIT_VERSION + 1)
    with pytest.raises(TypeError):
        recorded(tasks, "mini_vqa")


def test_a_torn_cache_is_made_again(tasks):
    first = recorded(tasks, "mini_mci")
    (file,) = (cache_dir() / "audit").iterdir()
    whole = file.read_text()
    for torn in ("", whole[: len(whole) // 2], "[]", "{}"):
        file.write_text(torn)
        assert recorded(tasks, "mini_mci") == first
        assert file.read_text() == whole


def test_captions_have_none(tasks):
    assert recorded(tasks, "mini_caption") is None


def test_printed_answers_are_a_warning(printed_label, fair):
    done = record._audit(printed_label)
    assert "toy: the wording gives answers away: word “exis" in done["warning"]
    assert set(done["summary"]["suspects"]) == {"exist", "exis"}
    assert record._audit(fair)["warning"] is None
