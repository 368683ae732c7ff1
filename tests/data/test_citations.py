"""Tasks name papers by key; every shipped key exists and every shipped paper is used."""

from __future__ import annotations

import pytest
import yaml

from gvt import catalog, yaml_files
from gvt.data.citations import citations, task_bibtex
from gvt.errors import UserError


def cited():
    for file in catalog.tasks().values():
        value = yaml_files.plain(yaml_files.compose(file)).get("metadata", {}).get("citation")
        yield from value if isinstance(value, list) else [value] if value else []


def test_keys_of_shipped_tasks_and_papers_are_the_same():
    assert set(cited()) == set(citations())


def test_a_key_a_list_of_keys_or_bibtex():
    own = "@misc{mine, title = {Mine}}"
    assert task_bibtex(None, "t") == []
    assert task_bibtex("li2023pope", "t") == [citations()["li2023pope"]]
    assert task_bibtex(["li2023pope", own], "t") == [citations()["li2023pope"], own]
    assert task_bibtex(own, "t") == [own]


def test_an_unknown_key_is_an_error_with_the_nearest():
    with pytest.raises(UserError, match=r"x\.yaml: citation: .*'li2023popes'.*\n.*li2023pope\b"):
        task_bibtex("li2023popes", "x.yaml")
    with pytest.raises(UserError, match="'7' is not in"):
        task_bibtex(yaml.safe_load("7"), "x.yaml")
