"""The page's tables without a browser: every number is in the file, with its sign and its word."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

import leaderboard
from leaderboard import schema
from leaderboard.page.numbers import compact, three_digits
from leaderboard.page.render import render
from leaderboard.results import load_results
from leaderboard.verdict import judge_all


class Tables(HTMLParser):
    """``rows``: of each table in the section ``name``, lists of (class, title, text) a cell."""

    def __init__(self, text, name):
        super().__init__()
        self.tables, self.cell = [], None
        self.feed(re.search(rf'<section id="{name}".*?</section>', text, re.S)[0])

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.cell = [dict(attrs).get("class", ""), dict(attrs).get("title", ""), ""]
            self.tables[-1][-1].append(self.cell)

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.cell = None

    def handle_data(self, data):
        if self.cell:
            self.cell[2] += data


@pytest.fixture(scope="module")
def page(shared_run_dir):
    """The report's text and its scores.json."""
    path = leaderboard.write_report(shared_run_dir)
    return path.read_text(), json.loads((shared_run_dir / "scores.json").read_text())


def data(text, name):
    return json.loads(re.search(rf'id="data-{name}">(.*?)</script>', text, re.S)[1])


def test_the_overall_score_comes_first_with_its_rank(page):
    text, scores = page
    head, *rows = Tables(text, "scores").tables[0]
    assert [cell[2] for cell in head][1].startswith("Overall")
    shown = {row[0][2]: row[1][2] for row in rows}
    overall, ranks = scores["overall"]["columns"], scores["ranks"]["overall"]
    for name, title in (("deit", "DeiT"), ("clip", "CLIP"), ("blind", "Blind")):
        assert f"{100 * overall[name]['mean']:.1f}" in shown[title]
    low, high = ranks["clip"]["low"], ranks["clip"]["high"]
    assert shown["CLIP"].endswith(f"rank {low}" if low == high else f"rank {low}–{high}")
    assert "rank" not in shown["Blind"]
    assert shown["Chance"] == "–"


def test_costs_are_in_the_main_table(page):
    head, *rows = Tables(page[0], "scores").tables[0]
    titles = [cell[2] for cell in head][-6:]
    starts = ("Encoder", "Tokens", "GFLOPs", "Speed", "Memory", "Time")
    assert all(title.startswith(start) for title, start in zip(titles, starts, strict=True))
    deit = next([cell[2] for cell in row] for row in rows if row[0][2] == "DeiT")
    assert deit[-6:-1] == ["1.23 M", "16", "0.25", "656", "1.50 GB"]  # 8,000 images in 12.2 s


def test_every_pair_of_tokenizers_stands_in_a_matrix_with_its_word(page):
    text, scores = page
    titles = {"deit": "DeiT", "clip": "CLIP", "mae": "MAE", "dino": "DINO"}
    tables = Tables(text, "pairs").tables
    assert len(tables) == 5
    for table, scope in zip(tables, ("overall", "vqa", "oc", "mci", "caption"), strict=True):
        head = [cell[2] for cell in table[0]]
        cells = {(row[0][2], head[i]): row[i] for row in table[1:] for i in range(1, len(head))}
        assert len(cells) == 16
        for c in scores["differences"][scope]:
            if not {c["a"], c["b"]} <= set(titles):
                continue
            for a, b, turn in ((c["a"], c["b"], 1), (c["b"], c["a"], -1)):
                kind, _, shown = cells[titles[a], titles[b]]
                mean = turn * c["mean"] * (1 if scope == "caption" else 100)
                value = f"{abs(mean):.{2 if scope == 'caption' else 1}f}"
                assert value in shown
                if not c["clear"]:
                    assert shown.endswith("not shown") and "level" in kind
                else:
                    assert shown.endswith("ahead" if mean > 0 else "behind")
                    assert shown.startswith("+" if mean > 0 else "−")


def test_what_scripts_read_is_what_scores_json_says(page):
    text, scores = page
    pairs, columns = data(text, "pairs"), data(text, "scores")["columns"]
    names = [column["name"] for column in columns]
    for scope, comparisons in scores["differences"].items():
        known = {(c["a"], c["b"]): c for c in comparisons}
        assert len(pairs["pairs"][scope]) == len(known) == 21
        for i, j, mean, low, high, p, adjusted, detectable, *tally, clear, _ in pairs["pairs"][
            scope
        ]:
            a, b, turn = names[i], names[j], 1
            if (a, b) not in known:
                a, b, turn = b, a, -1
            c = known[a, b]
            assert turn * mean == pytest.approx(c["mean"], rel=1e-5)
            ends = [turn * low, turn * high][::turn]
            assert ends == pytest.approx([c["low"], c["high"]], rel=1e-5)
            assert [p, adjusted, detectable] == pytest.approx(
                [c["p"], c["adjusted"], c["detectable"]], rel=1e-5
            )
            assert tally[::turn] == [c["wins"], c["ties"], c["losses"]]
            assert bool(clear) == c["clear"]


def test_a_category_shows_its_score_its_distance_and_its_interval(page):
    text, scores = page
    table = Tables(text, "heat_map").tables[0]
    best = scores["verdicts"]["vqa"]["best"]
    columns = scores["columns"]
    for row in table[1:]:
        category = row[0][2]
        base = columns[best]["vqa"]["categories"][category]["mean"]
        for name, (kind, title, shown) in zip(list(columns), row[-7:], strict=True):
            e = columns[name]["vqa"]["categories"][category]
            assert shown.startswith(f"{100 * e['mean']:.1f}")
            assert f"95 % interval {100 * e['low']:.1f}–{100 * e['high']:.1f}" in title
            assert f"n = {e['n']} on {e['images']} images" in title
            gap = round(100 * (e["mean"] - base), 1)
            assert ("h-" in kind) == (e["mean"] < base)
            if name == best:
                assert shown.endswith("baseline")
            elif gap:
                distance, margin = shown.split("±")
                assert distance.endswith(f"{gap:+.1f}".replace("-", "−"))
                assert float(margin) > 0


def test_the_baseline_is_the_one_that_was_asked_for(shared_run_dir):
    results = load_results(shared_run_dir)
    text = render(results, judge_all(results), baseline="mae")
    assert data(text, "scores")["baseline"] == "mae"
    against = re.findall(r'<span class="against">(.*?)</span>', text)
    assert against == ["MAE"] * 4


def test_numbers_for_scripts_are_short():
    assert [compact(x) for x in (2 / 3, -0.000012345678, 0.0)] == [0.666667, -1.23457e-05, 0.0]
    assert compact(float("nan")) is None


def test_numbers_for_readers_have_no_exponents():
    shown = [three_digits(x) for x in (0.25, 8.0, 123.4, 999.6, 12_345.6, 2.5e6)]
    assert shown == ["0.25", "8", "123", "1,000", "12,300", "2,500,000"]


def test_fast_encoders_and_large_ones_are_written_out(run_dir):
    run = schema.read_run(run_dir)
    for column in run["columns"]:
        column["encoder_gflops"] = 2500.4
    for stage in run["stages"]:
        stage["computed"] = 150_000
    schema.write_run(run_dir, run)
    results = load_results(run_dir)
    text = render(results, judge_all(results))
    assert not re.findall(r"\de[+-]\d\d", re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert "2,500" in text


def test_where_lower_is_better_the_page_says_so(run_dir):
    run = schema.read_run(run_dir)
    run["tasks"] = [task for task in run["tasks"] if task["name"] == "vqa"]
    run["tasks"][0]["higher_is_better"] = False
    for column, size in zip(run["columns"], (0, 0, 1, 9, 3, 5, 0), strict=True):
        column["encoder_parameters"] = size or None
    schema.write_run(run_dir, run)
    results = load_results(run_dir)
    text = render(results, judge_all(results))
    for axis in ("charts", "pareto"):
        section = re.search(rf'<section id="{axis}".*?</section>', text, re.S)[0]
        (title,) = re.findall(r'<text class="axis"[^>]*>(.*?)</text>', section)
        assert "accuracy, %, lower is better" in title
    assert "highest" not in re.search(r'<section id="pareto".*?</section>', text, re.S)[0]


def test_links_to_samples_escape_what_a_category_holds():
    from leaderboard.page.render import _to_samples

    link = _to_samples({"name": "vqa"}, "clip@8", 'a&b="<c>"\u202e')
    assert link == "#samples?task=vqa&column=clip%408&category=a%26b%3D%22%3Cc%3E%22%EF%BF%BD"
    assert _to_samples({"name": "vqa"}, "c", "x" * 999).endswith("=" + "x" * 120 + "%E2%80%A6")


def test_long_texts_are_cut_where_they_repeat(run_dir):
    run = schema.read_run(run_dir)
    run["tasks"][0]["metric_title"] = "m" * 5000
    for column in run["columns"]:
        column["title"] += " of a very long name" * 9
    schema.write_run(run_dir, run)
    for path in (run_dir / "samples").rglob("vqa.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [row | {"category": row["category"] + "x" * 20_000} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = load_results(run_dir)
    text = render(results, judge_all(results))
    assert len(text) < 1_000_000
    assert max(map(len, re.findall(r'<text class="axis"[^>]*>(.*?)</text>', text))) < 110


def test_without_scripts_there_is_nothing_to_press(page):
    body = re.search(r"<main>.*?</main>", page[0], re.S)[0]
    for section in ("verdict", "scores", "pairs", "heat_map"):
        part = re.search(rf'<section (?:id|class)="{section}".*?</section>', body, re.S)[0]
        assert not re.findall(r"<(?:button|select|input)", part)
    assert re.findall(r'<div [^>]*id="(?:scores-tools|heat-tools|duel)" hidden', body)
