"""`gvt report`: the formats and columns that one may ask for, and where the files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from gvt.cli import main
from leaderboard.export import FORMATS
from tests.leaderboard.conftest import build_run

MADE_BY = {
    "html": {"report.html", "scores.json"},
    "md": {"report.md"},
    "latex": {"report.tex"},
    "csv": {"scores.csv", "differences.csv", "columns.csv"},
    "parquet": {"samples.parquet", "scores.parquet", "differences.parquet"},
    "json": {"scores.json"},
    "pdf": {f"figures/scores-{n}.pdf" for n in ("vqa", "oc", "mci", "caption", "overall")},
    "model-index": {f"model-index/{name}.yaml" for name in ("deit", "clip", "mae", "dino")},
    "bibtex": {"references.bib"},
}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return build_run(tmp_path_factory.mktemp("report") / "run", images=12)


def files(folder):
    found = {path for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if path.parts[len(folder.parts)] not in ("samples", "images")}


def told(capsys):
    lines = capsys.readouterr().out.splitlines()
    return [line.split(": ", 1)[1] for line in lines if line.startswith(("Written: ", "Report: "))]


def test_every_format_writes_its_files_and_says_so(run_dir, capsys):
    assert set(MADE_BY) == set(FORMATS)
    before = files(run_dir)
    assert main(["report", str(run_dir), "--format", "html,md", "latex", "--format", "csv"]) == 0
    some = set().union(*(MADE_BY[name] for name in ("html", "md", "latex", "csv")))
    paths = told(capsys)
    assert set(paths) == {str(run_dir / name) for name in some} and len(paths) == len(some)
    assert paths[-1] == str(run_dir / "report.html")
    assert main(["report", str(run_dir), "--format", *FORMATS, "--baseline", "clip"]) == 0
    everything = {run_dir / name for name in set().union(*MADE_BY.values())}
    assert files(run_dir) - before == everything
    assert set(told(capsys)) == set(map(str, everything))


def test_without_a_format_it_is_the_page(run_dir, capsys):
    assert main(["report", str(run_dir)]) == 0
    assert list(map(Path, told(capsys))) == [run_dir / "scores.json", run_dir / "report.html"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--format latx", ["unknown format 'latx'", "Nearest: latex", "gvt report --help"]),
        ("--baseline clib", ["unknown column 'clib'", "Nearest: clip", "gvt show"]),
        ("--format model-index --model_index dieit", ["unknown column 'dieit'", "deit"]),
    ],
)
def test_an_unknown_name_is_one_line_with_the_nearest(run_dir, capsys, flags, words):
    assert main(["report", str(run_dir), *flags.split()]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    for word in words:
        assert word in error
