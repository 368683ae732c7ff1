"""CSV: what is read back is what the results say, and no cell is a formula."""

from __future__ import annotations

import csv
import io
import math

import pandas as pd
import pytest

from leaderboard.export import csv_tables, tidy


def test_scores_read_back_as_the_results(run_dir, tmp_path, make_material):
    made = make_material(run_dir)
    paths = csv_tables.export(made, tmp_path)
    assert [path.name for path in paths] == ["scores.csv", "differences.csv", "columns.csv"]
    table = pd.read_csv(paths[0])
    whole = table[table.category.isna()].set_index(["scope", "column"])
    for (name, task), cell in made.results.cells.items():
        row = whole.loc[task, name]
        assert (row["mean"], row.low, row.high) == (
            cell.estimate.mean,
            cell.estimate.low,
            cell.estimate.high,
        )
        assert (row.n, row.images, row.failed, row.seeds) == (
            cell.estimate.n,
            cell.estimate.images,
            cell.counts()["failed"],
            2,
        )
    overall = made.results.overall("deit")
    assert whole.loc["overall", "deit"]["mean"] == overall.mean
    assert whole.loc["vqa", "chance"]["kind"] == "reference"
    assert math.isnan(whole.loc["vqa", "chance"]["low"])
    parts = table[(table.scope == "vqa") & (table.column == "clip") & table.category.notna()]
    assert (parts["mean"] * parts.n).sum() / parts.n.sum() == pytest.approx(
        made.results.cell("clip", "vqa").estimate.mean
    )


def test_differences_read_back_as_the_comparisons(run_dir, tmp_path, make_material):
    made = make_material(run_dir)
    table = pd.read_csv(csv_tables.export(made, tmp_path)[1])
    assert len(table) == 4 * 21 + 21  # pairs of seven columns on four tasks and overall
    row = table.set_index(["scope", "a", "b"]).loc["mci", "random", "mae"]
    found = made.results.comparisons.pair("random", "mae", "mci")
    assert row["mean"] == found.difference.estimate.mean
    assert (row.p, row.wins, row.ties, row.losses) == (
        found.p,
        found.wins,
        found.ties,
        found.losses,
    )
    assert bool(row.shown) is found.clear and row.detectable == found.detectable


def test_every_field_of_the_header_is_filled_somewhere(run_dir, tmp_path, make_material):
    for path in csv_tables.export(make_material(run_dir), tmp_path):
        table = pd.read_csv(path)
        assert not table.isna().all().any() and len(table.columns) == len(set(table.columns))


def test_no_field_is_dropped(run_dir, make_material):
    made = make_material(run_dir)
    for fields, records in (
        (tidy.SCORES, tidy.scores(made)),
        (tidy.DIFFERENCES, tidy.differences(made)),
        (tidy.COLUMNS, tidy.columns(made)),
    ):
        assert set().union(*records) == set(fields)


def test_a_baseline_is_the_second_of_every_pair(run_dir, tmp_path, make_material):
    table = pd.read_csv(csv_tables.export(make_material(run_dir, baseline="mae"), tmp_path)[1])
    assert set(table.b) == {"mae"} and len(table) == 4 * 6 + 6


def cells(text, delimiter):
    for row in csv.reader(io.StringIO(text), delimiter=delimiter):
        yield from row


def test_no_cell_is_a_formula_however_cells_are_parted(hostile_dir, tmp_path, make_material):
    for path in csv_tables.export(make_material(hostile_dir), tmp_path):
        text = path.read_text("utf-8")
        assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1
        for delimiter in ",;\t":
            for cell in cells(text, delimiter):
                begin = cell.strip().lstrip('"')[:1]
                if begin in tuple("=+-@＝＋－＠") and begin:
                    float(cell)  # a number, or this fails


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("  @SUM(A1)", "'  @SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("a;=cmd|' /C calc'!A0", "a;'=cmd|' /C calc'!A0"),
        ("a\n+1", "a\n'+1"),
        ("\r=1", "\ufffd=1"),
        ("＝1", "'＝1"),
        ("left-right = 1", "left-right = 1"),
        ("5 - 3; no", "5 - 3; no"),
    ],
)
def test_an_apostrophe_stands_before_what_could_be_a_formula(text, cell):
    record = {"name": text, "mean": -0.5, "leads": True}
    written = csv_tables.as_csv(["name", "mean", "n", "leads"], [record])
    row = next(csv.DictReader(io.StringIO(written)))
    assert (row["mean"], row["n"], row["leads"]) == ("-0.5", "", "true")
    assert row["name"] == cell
