"""The cache: what lies in it, clearing it, and a limit that evicts the oldest."""

import os

import pytest

from gvt import cache
from gvt.cli import main
from gvt.errors import UserError


@pytest.fixture
def full(tmp_path, monkeypatch):
    """A cache of three shards of 1,000 bytes, used one after the other, and a connector."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path))
    for number, name in enumerate(("old", "middle", "new")):
        folder = tmp_path / "features" / "v2" / f"card{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.npy").write_bytes(b"x" * 900)
        (folder / f"{name}.json").write_text("y" * 100)
        for path in folder.glob(f"{name}.*"):
            os.utime(path, (1000 + number, 1000 + number))
    connector = tmp_path / "connectors" / "abc" / "connector.safetensors"
    connector.parent.mkdir(parents=True)
    connector.write_bytes(b"z" * 500)
    return tmp_path


def left(folder):
    return {path.stem for path in folder.rglob("*.npy")}


def test_it_is_shown(full, capsys):
    assert main(["cache", "info"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "3 entries" in lines["features"] and "2.9 KiB" in lines["features"]
    assert "1 entries" in lines["connectors"] and "500 B" in lines["connectors"]


def test_one_kind_is_cleared(full, capsys):
    assert main(["cache", "clear", "features"]) == 0
    assert left(full) == set()
    assert list(cache.entries("features")) == []
    assert len(list(cache.entries("connectors"))) == 1
    assert main(["cache", "clear", "featurse"]) == 2
    assert "features" in capsys.readouterr().err


@pytest.mark.parametrize(
    "limit,kept",
    [
        ("1M", {"old", "middle", "new"}),
        ("2.5K", {"middle", "new"}),
        ("1.6KiB", {"new"}),
        ("1", set()),
    ],
)
def test_the_oldest_goes_first(full, monkeypatch, limit, kept):
    monkeypatch.setenv(cache.LIMIT_VARIABLE, limit)
    assert cache.evict() == 3 - len(kept)
    assert left(full) == kept


def test_what_this_process_used_stays(full, monkeypatch):
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "1")
    for path in full.rglob("old.*"):
        os.utime(path)
    cache.evict()
    assert left(full) == {"old"}
    assert len(list(cache.entries("connectors"))) == 1


def test_without_a_limit_nothing_goes_and_a_wrong_one_is_told(full, monkeypatch):
    assert cache.evict() == 0
    monkeypatch.setenv(cache.LIMIT_VARIABLE, "much")
    with pytest.raises(UserError, match="GVT_CACHE_LIMIT: 'much' is not a size"):
        cache.evict()
