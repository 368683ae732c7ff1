"""`gvt report` with several runs: one report in a place of its own, or the reasons why not."""

from __future__ import annotations

import pytest

from gvt.cli import main
from leaderboard import schema
from tests.leaderboard.conftest import build_run


@pytest.fixture
def runs(tmp_path):
    """Two runs of the same data."""
    return [str(build_run(tmp_path / name, images=3, seeds=(1,))) for name in ("a", "b")]


def test_one_report_of_two_runs(runs, tmp_path, capsys):
    place = tmp_path / "both"
    assert main(["report", *runs, "--output_path", str(place)]) == 0
    assert capsys.readouterr().out.rstrip().endswith(f"Report: {place / 'report.html'}")
    assert (place / "scores.json").is_file()
    assert not (tmp_path / "a" / "report.html").exists()


def test_a_report_of_one_run_in_another_place(runs, tmp_path):
    assert main(["report", runs[0], "--output_path", str(tmp_path / "there")]) == 0
    assert (tmp_path / "there" / "report.html").is_file()


def test_several_runs_need_a_place(runs, capsys):
    assert main(["report", *runs]) == 2
    assert "--output_path" in capsys.readouterr().err


def test_mixed_runs_are_refused_in_lines_and_marked_on_request(runs, tmp_path, capsys):
    run = schema.read_run(runs[1])
    run["tasks"][0]["version"] = "2"
    schema.write_run(runs[1], run)
    command = ["report", *runs, "--output_path", str(tmp_path / "both")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "\n  task vqa: version 1 (a), 2 (b)\n" in error
    assert "--allow_mixed" in error
    assert "Traceback" not in error
    assert main([*command, "--allow_mixed"]) == 0
    page = (tmp_path / "both" / "report.html").read_text()
    assert "mixed: task vqa: version 1 (a), 2 (b)" in page
    assert "VQA (b)" in page
