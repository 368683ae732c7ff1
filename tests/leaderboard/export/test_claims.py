"""Claims in the exports and the terminal: the verdicts and numbers of the results."""

from __future__ import annotations

import re
import shutil
import subprocess

import pandas as pd
import pytest

from leaderboard import print_table
from leaderboard.export import csv_tables, latex, markdown, parquet_tables
from tests.leaderboard.conftest import CLAIMS, write_claims


@pytest.fixture
def made(run_dir, make_material):
    return make_material(write_claims(run_dir))


def test_tables_hold_every_claim(made, tmp_path):
    csv = csv_tables.export(made, tmp_path)[-1]
    parquet = parquet_tables.export(made, tmp_path)[-1]
    assert (csv.name, parquet.name) == ("claims.csv", "claims.parquet")
    for table in (pd.read_csv(csv), pd.read_parquet(parquet)):
        for (_, row), one in zip(table.iterrows(), made.results.claims, strict=True):
            assert (row["name"], row.verdict) == (one.claim["name"], one.verdict)
            assert row.higher == "; ".join(one.claim["higher"])
            if one.difference is None:
                assert row.reason == "no column 'gvt' in this run" and pd.isna(row["mean"])
                continue
            e = one.difference.estimate
            assert [row["mean"], row.low, row.high] == pytest.approx([e.mean, e.low, e.high])
            assert [row.p, row.p_adjusted] == pytest.approx([one.p, one.adjusted])
    assert pd.read_parquet(parquet)["mean"].dtype == float


def test_without_claims_there_is_no_table(run_dir, tmp_path, make_material):
    made = make_material(run_dir)
    written = [*csv_tables.export(made, tmp_path), *parquet_tables.export(made, tmp_path)]
    assert not [path.name for path in written if "claims" in path.name]
    assert "tab:claims" not in latex.export(made, tmp_path)[0].read_text()
    assert "supported" not in markdown.export(made, tmp_path)[0].read_text()


def written(one, scale, digits):
    e = one.difference.estimate
    return [f"{scale * v:+.{digits}f}" for v in (e.mean, e.low, e.high)]


def test_markdown_and_latex_say_verdict_difference_and_p(made, tmp_path):
    md = markdown.export(made, tmp_path)[0].read_text().replace("−", "-")
    tex = latex.export(made, tmp_path)[0].read_text().replace("$-$", "-")
    tex = tex.split("\\label{tab:claims}")[1]
    for one in made.results.claims:
        line = next(row for row in md.splitlines() if one.claim["statement"] in row)
        row = next(row for row in tex.splitlines() if one.claim["statement"] in row)
        assert one.verdict in line and f"& {one.verdict} &" in row
        if one.difference is None:
            assert "no column" in line and row.endswith("& -- & -- \\\\")
            continue
        percent = one.task["unit"] == "percent"
        mean, low, high = written(one, *((100, 1) if percent else (1, 2)))
        assert f"| {mean} ({low} to {high}) |" in line
        assert f"& {mean} {{\\scriptsize ({low}, {high})}} &" in row
    assert "DeiT and CLIP &#62; MAE and DINO | VQA |" in md


def test_many_claims_go_on_in_further_tables(run_dir, tmp_path, make_material):
    long = "It takes more lines than one of the column in which it stands."
    many = [{**CLAIMS[0], "name": str(i), "statement": f"Claim {i}. {long}"} for i in range(23)]
    made = make_material(write_claims(run_dir, *many))
    tex = latex.export(made, tmp_path)[0].read_text()
    assert len(re.findall(r"^\\raggedright Claim \d+\.", tex, re.M)) == 23
    assert tex.count("Table~\\ref{tab:claims}, continued.") == 2


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex and booktabs")
def test_latex_of_claims_fits_the_page(made, tmp_path):
    latex.export(made, tmp_path)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        "\\input{report}\n\\end{document}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_the_terminal_ends_with_the_claims_at_80_columns(made, run_dir, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_table(run_dir)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    said = " ".join(out.split("Of 5 claims")[1].split())
    for one in made.results.claims:
        assert one.verdict in said
        if one.difference is not None and one.task["unit"] == "percent":
            mean, low, high = (text.replace("-", "−") for text in written(one, 100, 1))
            assert f"{mean} ({low} to {high})" in said
    assert "no column" in said
