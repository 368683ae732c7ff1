"""Two columns side by side: where the difference comes from, what is said of it, the command."""

import io
import json
import math
import os

import pytest
from rich.console import Console

from gvt.cli import main
from leaderboard import schema
from leaderboard.compare import compare, to_dict
from leaderboard.overall import OVERALL
from leaderboard.results import load_results
from leaderboard.side_by_side import print_comparison

from .conftest import build_run


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A run of two seeds."""
    return load_results(build_run(tmp_path_factory.mktemp("run") / "run", images=30))


def rewrite(folder, column, task, change):
    """Write the rows of a cell anew as ``change`` makes them."""
    for seed in (1, 2):
        path = schema.rows_path(folder, column, seed, task)
        schema.write_rows(path, [change(dict(row)) for _, row in schema.read_rows(path)])


def scored(value):
    return lambda row: row | {"scores": {"acc": value}}


def words(folder, a="deit", b="clip", task="mci"):
    (found,) = compare(load_results(folder), a, b, [task])
    return found.words


def test_categories_add_up_to_the_difference(results):
    for found in compare(results, "deit", "clip"):
        if not found.shares:
            continue
        name, metric = found.task["name"], found.task["metric"]
        means, count = {}, 0  # by hand: each question's mean over seeds
        for column, sign in (("deit", 1), ("clip", -1)):
            for seed in (1, 2):
                for _, row in schema.read_rows(
                    schema.rows_path(results.run_dir, column, seed, name)
                ):
                    value = sign * row["scores"][metric] / 2
                    means[row["category"]] = means.get(row["category"], 0) + value
                    count += 1
        n = count / 4
        for share in found.shares:
            assert share.share == pytest.approx(means[share.category] / n)
            assert share.difference.mean == pytest.approx(share.a - share.b)
        total = sum(share.share for share in found.shares)
        assert total == pytest.approx(found.comparison.difference.estimate.mean)
        sizes = [abs(share.share) for share in found.shares]
        assert sizes == sorted(sizes, reverse=True)
    assert {found.task["name"] for found in compare(results, "deit", "clip") if found.shares} == {
        "vqa",
        "oc",
        "mci",
    }


def test_every_task_and_overall_with_its_own_estimates(results):
    found = {one.task["name"]: one for one in compare(results, "mae", "blind")}
    assert list(found) == ["vqa", "oc", "mci", "caption", OVERALL]
    for name, one in found.items():
        if name == OVERALL:
            wanted = [results.overall(column) for column in ("mae", "blind")]
        else:
            wanted = [results.cell(column, name).estimate for column in ("mae", "blind")]
        assert [one.a, one.b] == wanted
        assert one.comparison == results.comparisons.pair("mae", "blind", name)
        assert one.pairs == 6


def test_what_is_shown_is_said_and_nothing_more(run_dir):
    rewrite(run_dir, "deit", "mci", scored(1.0))
    rewrite(run_dir, "clip", "mci", scored(0.0))
    assert words(run_dir).startswith("DeiT is better by 100.0 points (")
    assert words(run_dir, "clip", "deit").startswith("DeiT is better by 100.0 points (")
    rewrite(run_dir, "clip", "mci", scored(1.0))
    assert words(run_dir) == "the same score on every sample."
    flip = {"at": 0}

    def one_in_thirty(row):
        flip["at"] += 1
        return row | {"scores": {"acc": float(flip["at"] % 30 > 0)}}

    rewrite(run_dir, "clip", "mci", one_in_thirty)
    rewrite(run_dir, "deit", "mci", one_in_thirty)
    rewrite(run_dir, "mae", "mci", lambda row: row | {"scores": {"acc": float(row["doc_id"] != 7)}})
    text = words(run_dir, "mae", "clip")
    found = load_results(run_dir).comparisons.pair("mae", "clip", "mci")
    assert not found.clear
    assert text.startswith("no difference shown")
    assert f"One of {100 * found.detectable:.1f} points would be shown four times in five" in text


def test_one_of_several_pairs_is_not_enough(run_dir):
    """Six pairs: a p of 0.02 stands alone, and falls under Holm's correction."""
    for column in ("deit", "clip", "mae", "dino"):
        rewrite(run_dir, column, "mci", scored(0.0))
    right = set(range(0, 21, 3))  # seven images, a question each: p = 2 / 2 ** 7
    for seed in (2,):
        for column in ("deit", "clip", "mae", "dino"):
            schema.rows_path(run_dir, column, seed, "mci").unlink()
    path = schema.rows_path(run_dir, "deit", 1, "mci")
    rows = [row for _, row in schema.read_rows(path)]
    schema.write_rows(
        path, [row | {"scores": {"acc": float(row["doc_id"] in right)}} for row in rows]
    )
    found = load_results(run_dir).comparisons.pair("deit", "clip", "mci")
    assert found.p == pytest.approx(2 / 2**7)
    assert words(run_dir).startswith(
        "no difference shown; alone it would be, but not as one of 6 pairs."
    )


def test_a_column_without_a_score_is_named(run_dir):
    for seed in (1, 2):
        schema.rows_path(run_dir, "clip", seed, "oc").unlink()
    results = load_results(run_dir)
    found = {one.task["name"]: one for one in compare(results, "deit", "clip")}
    assert found["oc"].words == found[OVERALL].words == "no score for CLIP."
    assert found["oc"].comparison is None and found["oc"].b is None
    assert found["oc"].a == results.cell("deit", "oc").estimate
    assert found["vqa"].comparison is not None
    console = Console(file=io.StringIO(), width=80)
    print_comparison(results, "deit", "clip", list(found.values()), console)
    assert "Counting: no score for CLIP." in console.file.getvalue()


def test_the_terminal_at_eighty_columns(run_dir):
    run = schema.read_run(run_dir)
    run["columns"][2]["title"] = "\x1b[31m" + "A very long title of a tokenizer " * 4
    schema.write_run(run_dir, run)
    results = load_results(run_dir)
    console = Console(file=io.StringIO(), width=80)
    print_comparison(results, "deit", "clip", compare(results, "deit", "clip"), console)
    shown = console.file.getvalue()
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    c = results.comparisons.pair("deit", "clip", "vqa")
    assert f"{c.wins}/{c.ties}/{c.losses}" in shown
    a = results.cell("deit", "vqa").estimate
    assert f"{100 * a.mean:.1f}±{100 * a.margin:.1f}" in shown
    e = c.difference.estimate
    assert f"{100 * e.mean:+.1f}".replace("-", "−") in shown


def test_a_score_of_which_less_is_better(run_dir):
    run = schema.read_run(run_dir)
    run["tasks"][3]["higher_is_better"] = False  # captions
    schema.write_run(run_dir, run)
    results = load_results(run_dir)
    (found,) = compare(results, "deit", "mae", ["caption"])
    assert found.a.mean > found.b.mean
    assert found.words.startswith(f"MAE is better by {found.a.mean - found.b.mean:.2f} (")
    console = Console(file=io.StringIO(), width=80)
    print_comparison(results, "deit", "mae", [found], console)
    shown = " ".join(console.file.getvalue().split())
    assert "Captioning, CIDEr, lower" in shown
    assert "above 0, A is better" in shown


def test_json_for_programs(results, tmp_path):
    found = compare(results, "deit", "clip")
    said = json.loads(json.dumps(to_dict(results, "deit", "clip", found), allow_nan=False))
    assert said["a"] == {"column": "deit", "title": "DeiT"}
    vqa = said["scopes"][0]
    c = results.comparisons.pair("deit", "clip", "vqa")
    assert vqa["comparison"]["p"] == c.p and vqa["comparison"]["adjusted"] == c.adjusted
    assert vqa["comparison"]["difference"]["low"] == c.difference.estimate.low
    assert vqa["comparison"]["clear"] is c.clear
    alone = load_results(build_run(tmp_path / "one", images=1, per_image=2))
    assert math.isnan(alone.cell("deit", "vqa").estimate.low)
    lone = to_dict(alone, "deit", "clip", compare(alone, "deit", "clip", ["vqa"]))
    assert lone["scopes"][0]["a"]["low"] is None
    json.dumps(lone, allow_nan=False)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs in the folder that runs are looked for in, the second the newer one."""
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(("new", "old")):
        folder = build_run(tmp_path / "runs" / name, images=3, seeds=(0,))
        run = schema.read_run(folder)
        run["title"] = name
        schema.write_run(folder, run)
        os.utime(folder / "run.json", (1e9 - age, 1e9 - age))
    schema.rows_path(tmp_path / "runs" / "old", "clip", 0, "vqa").unlink()
    return tmp_path / "runs"


def said(capsys, *argv):
    assert main(["compare", *argv, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_command_takes_the_newest_run_or_the_one_named(runs, capsys):
    both = said(capsys, "deit", "clip", "--task", "vqa")
    assert both["scopes"][0]["comparison"] is not None
    assert said(capsys, "deit", "clip", "--run", "new", "--task", "vqa") == both
    assert said(capsys, f"{runs / 'new'}:deit", "new:clip", "--task", "vqa") == both
    older = said(capsys, "deit", "clip", "--run", "old", "--task", "vqa")
    assert older["scopes"][0]["comparison"] is None
    assert main(["compare", "deit", "clip"]) == 0
    assert capsys.readouterr().out.startswith("A  DeiT  (deit)\nB  CLIP  (clip)\n")


def test_columns_of_two_runs(runs, capsys):
    other = schema.read_run(runs / "old")
    for entry in other["alignment"]:
        entry["connector_hash"] += "other"
    for name in ("mae", "dino", "clip"):
        other["columns"] = [column for column in other["columns"] if column["name"] != name]
        other["alignment"] = [one for one in other["alignment"] if one["column"] != name]
    other["stages"] = []
    schema.write_run(runs / "old", other)
    apart = said(capsys, "new:deit", "old:deit", "--task", "mci")
    assert [apart[name]["column"] for name in "ab"] == ["deit", "deit@old"]
    (scope,) = apart["scopes"]
    alone = [load_results(runs / name).cell("deit", "mci").estimate for name in ("new", "old")]
    assert [scope[name]["mean"] for name in "ab"] == [one.mean for one in alone]
    assert scope["comparison"]["ties"] == scope["a"]["n"]  # the rows are the same
    assert said(capsys, "new:deit", str(runs / "old"), "--task", "mci") == apart
    turned = said(capsys, str(runs / "old"), "new:clip", "--task", "mci")
    assert [turned[name]["column"] for name in "ab"] == ["deit", "clip"]
    assert main(["compare", "new:text", "old:text"]) == 2
    assert "it is the same in both runs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "wrong"),
    [
        ("deit klip", "unknown column 'klip'\n  Nearest: clip."),
        ("deit deit", "'deit' is compared with itself"),
        ("deit clip --run nowhere", "unknown run 'nowhere'"),
        ("nowhere:deit clip", "unknown run 'nowhere'"),
        ("deit clip --task vaq", "unknown task 'vaq'\n  Nearest: vqa."),
        ("runs/new clip", "runs/new has 4 tokenizers\n  Say which: runs/new:deit, "),
    ],
)
def test_wrong_names_are_told(runs, capsys, argv, wrong):
    assert main(["compare", *argv.split()]) == 2
    assert wrong in capsys.readouterr().err


def test_no_run_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "deit", "clip"]) == 2
    assert "no run in" in capsys.readouterr().err
