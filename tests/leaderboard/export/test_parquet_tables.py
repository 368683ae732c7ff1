"""Parquet: every row that was written, with its texts, in row groups of whole tasks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from leaderboard import schema
from leaderboard.export import parquet_tables


def rows_on_file(run_dir):
    for path in sorted((run_dir / "samples").rglob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield path.parts[-3], int(path.parts[-2][4:]), path.stem, json.loads(line)


def test_samples_are_the_rows_on_file(run_dir, tmp_path, make_material):
    path = schema.rows_path(run_dir, "mae", 1, "oc")
    rows = [row for _, row in schema.read_rows(path)]
    rows[2] |= {"scores": {}, "answer": None, "valid": False, "error": "out of memory"}
    rows[3] |= {"valid": False, "truncated": True}
    schema.write_rows(path, rows[:-1])
    samples, *_ = parquet_tables.export(make_material(run_dir), tmp_path)
    table = pd.read_parquet(samples).set_index(["column", "seed", "task", "doc_id"]).sort_index()
    expected = list(rows_on_file(run_dir))
    assert len(table) == len(expected) == table.index.nunique()
    for column, seed, task, row in expected[::7] + [one for one in expected if one[3]["error"]]:
        found = table.loc[column, seed, task, row["doc_id"]]
        for key in ("image_id", "image_sha256", "category", "question", "answer", "error"):
            assert found[key] == row[key] or (row[key] is None and pd.isna(found[key]))
        assert list(found.gold) == row["gold"]
        assert (found.valid, found.truncated) == (row["valid"], row["truncated"])
        score = next(iter(row["scores"].values()), None)
        assert found.score == score or (score is None and np.isnan(found.score))


def test_means_by_column_are_the_scores(run_dir, tmp_path, make_material):
    made = make_material(run_dir)
    samples, scores, differences = parquet_tables.export(made, tmp_path)
    means = pd.read_parquet(samples).groupby(["task", "column"], observed=True).score.mean()
    table = pd.read_parquet(scores)
    whole = table[table.category.isna()].set_index(["scope", "column"])["mean"]
    for name, task in made.results.cells:
        assert means[task, name] == pytest.approx(whole[task, name])
    assert pd.read_parquet(differences).shown.dtype == bool


def test_types_do_not_depend_on_what_is_known(run_dir, tmp_path, make_material):
    several = pq.read_schema(parquet_tables.export(make_material(run_dir), tmp_path)[1])
    run = schema.read_run(run_dir)
    schema.write_run(run_dir, run | {"seeds": [1]})
    one = pq.read_schema(parquet_tables.export(make_material(run_dir), tmp_path)[1])
    assert several.equals(one)


def test_tasks_stand_together_and_texts_once(run_dir, tmp_path, make_material, monkeypatch):
    monkeypatch.setattr(parquet_tables, "_GROUP", 500)
    file = pq.ParquetFile(parquet_tables.export(make_material(run_dir), tmp_path)[0])
    seen = []
    for i in range(file.num_row_groups):
        group = file.read_row_group(i)
        assert group.num_rows <= 500
        assert len(group["task"].unique()) == 1
        seen.append(group["task"][0].as_py())
        meta = file.metadata.row_group(i)
        names = {meta.column(c).path_in_schema: meta.column(c) for c in range(meta.num_columns)}
        for name in ("question", "column", "answer", "image_id"):
            assert names[name].has_dictionary_page
    assert list(dict.fromkeys(seen)) == ["vqa", "oc", "mci", "caption"]
    assert seen == sorted(seen, key=["vqa", "oc", "mci", "caption"].index)
    assert len(seen) == 3 * 3 + 1  # 1260 rows a task, 420 the captions; cells of 90 stay whole


def test_hostile_texts_are_kept(hostile_dir, tmp_path, make_material, hostile_texts):
    samples, *_ = parquet_tables.export(make_material(hostile_dir), tmp_path)
    table = pd.read_parquet(samples)
    assert set(table.question) == {text.replace("\ud800", "?") for text in hostile_texts}
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == [
        "claims.parquet",
        "differences.parquet",
        "samples.parquet",
        "scores.parquet",
    ]
