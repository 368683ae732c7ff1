"""Ranks in the charts are those of the rows, and the words follow them."""

import re
import shutil

import numpy as np

from leaderboard import schema
from leaderboard.overall import OVERALL
from leaderboard.page import stability
from leaderboard.page.render import Page
from leaderboard.results import load_results

NAMES = ("deit", "clip", "mae", "dino")


def context(run_dir):
    results = load_results(run_dir)
    return stability.context(Page(results, [])), results


def mean(run_dir, column, task, seed):
    path = schema.rows_path(run_dir, column, seed, task)
    return np.mean([next(iter(row["scores"].values())) for _, row in schema.read_rows(path)])


def test_the_rank_of_each_seed_is_that_of_its_means(run_dir):
    results = load_results(run_dir)
    for scope, tasks in ((OVERALL, ("vqa", "oc", "mci")), ("caption", ("caption",))):
        found = stability.seed_ranks(results, scope, list(NAMES))
        for place, seed in enumerate((1, 2)):
            means = {n: np.mean([mean(run_dir, n, t, seed) for t in tasks]) for n in NAMES}
            wanted = {n: 1 + sum(m > means[n] + 1e-9 for m in means.values()) for n in NAMES}
            assert {name: own[place] for name, own in found.items()} == wanted


def test_charts_say_rank_interval_first_share_and_seeds(run_dir):
    shown, results = context(run_dir)
    assert [title for title, *_ in shown["scopes"]] == [
        *("Overall", "VQA", "Counting", "Identification", "Captioning")
    ]
    for scope, (_, chart, _) in zip((OVERALL, "vqa", "oc"), shown["scopes"], strict=False):
        text = re.search(r"<desc[^>]*>(.*?)</desc>", chart)[1]
        seeds = stability.seed_ranks(results, scope, list(NAMES))
        for name, rank in results.ranks(scope).items():
            said = re.search(rf"{results.title(name)}: rank (\d) \((\d)–(\d)\), [^;]*", text)
            assert [int(n) for n in said.groups()] == [rank.rank, rank.low, rank.high]
            assert said[0].endswith(f"by seed {', '.join(map(str, seeds[name]))}")


def test_a_tie_for_the_lead_is_not_settled(run_dir):
    for seed in (1, 2):
        source = schema.rows_path(run_dir, "deit", seed, "vqa")
        shutil.copy(source, schema.rows_path(run_dir, "clip", seed, "vqa"))
    shown, _ = context(run_dir)
    words = next(words for title, _, words in shown["scopes"] if title == "VQA")
    assert words == (
        "The first place is not settled: DeiT in 50\u00a0% and CLIP in 50\u00a0% of all resamples."
    )


def test_a_lead_without_doubt_is_said(run_dir):
    for seed in (1, 2):
        source = schema.rows_path(run_dir, "text", seed, "oc")
        shutil.copy(source, schema.rows_path(run_dir, "dino", seed, "oc"))
    shown, _ = context(run_dir)
    words = next(words for title, _, words in shown["scopes"] if title == "Counting")
    assert words.startswith("DINO is first in all resamples.")


def test_one_seed_draws_no_seed_ranks(run_dir):
    run = schema.read_run(run_dir)
    schema.write_run(run_dir, run | {"seeds": [1]})
    shown, results = context(run_dir)
    assert not shown["several"] and set(
        stability.seed_ranks(results, "vqa", list(NAMES)).values()
    ) == {()}


def test_one_tokenizer_has_no_ranking(run_dir):
    run = schema.read_run(run_dir)
    run["columns"] = [c for c in run["columns"] if c["name"] not in NAMES[1:]]
    names = {c["name"] for c in run["columns"]}
    for field in ("stages", "alignment"):
        run[field] = [entry for entry in run[field] if entry["column"] in names]
    schema.write_run(run_dir, run)
    assert context(run_dir)[0] is None
