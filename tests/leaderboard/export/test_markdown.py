"""report.md: tables that GitHub's rules read as such, whatever the texts in them."""

from __future__ import annotations

import math
import re

import pytest
from markdown_it import MarkdownIt

from leaderboard.export import markdown
from leaderboard.text import printable
from leaderboard.wording import put_in_words

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered(path):
    return READER.render(path.read_text("utf-8"))


def plain(html):
    text = re.sub(r"<[^>]*>", "", html)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return text


def test_scores_intervals_leaders_and_words(run_dir, tmp_path, make_material):
    made = make_material(run_dir)
    (path,) = markdown.export(made, tmp_path)
    page = rendered(path)
    assert page.count("<table>") == 2
    rows = [
        [plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    ]
    by_title = {row[0]: row for row in rows[: len(made.rows) + 1]}
    assert {"Chance", "Majority answer", "Blind", "Random", "DeiT", "Scene as text"} <= set(
        by_title
    )
    for title, name in (("DeiT", "deit"), ("Blind", "blind")):
        e = made.results.cell(name, "vqa").estimate
        assert by_title[title][1].startswith(f"{100 * e.mean:.1f}")
        assert f"({100 * e.low:.1f}–{100 * e.high:.1f})" in by_title[title][1]
        overall = made.results.overall(name)
        assert by_title[title][-1].startswith(f"{100 * overall.mean:.1f}")
    assert "●" in by_title["DeiT"][1] and "●" not in by_title["Blind"][1]
    assert put_in_words(made.results, made.verdicts).answer in page
    assert "accelerate launch -m gvt" in page and "vqafedcba987" in page


def test_a_baseline_is_subtracted_from_every_column(run_dir, tmp_path, make_material):
    made = make_material(run_dir, baseline="random")
    (path,) = markdown.export(made, tmp_path)
    table = path.read_text().split("| minus Random |")[1]
    found = made.results.comparisons.pair("deit", "random", "vqa").difference.estimate
    assert f"| DeiT | **+{100 * found.mean:.1f}** (" in table
    assert "| Scene as text |" in table and "| Random |" not in table


def test_hostile_texts_stay_in_their_cells(hostile_dir, tmp_path, make_material):
    made = make_material(hostile_dir)
    (path,) = markdown.export(made, tmp_path)
    text, page = path.read_text("utf-8"), rendered(path)
    tags = set(re.findall(r"</?([a-z0-9]+)", re.sub(r"<pre>.*?</pre>", "", page, flags=re.DOTALL)))
    assert tags <= {
        "h1",
        "p",
        "strong",
        "ul",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "code",
    }
    assert page.count("<h1>") == 1 and page.count("<table>") == 3 and page.count("<pre>") == 1
    for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL):
        assert len(re.findall(r"<t[hd]", row)) == 1 + len(made.scopes)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u200e\u200f]", text)
    assert "=cmd|' /C calc'!A0" in plain(page)
    assert not re.search(r"https?://|www\.|@someone", text.split("```")[0])


def test_any_text_is_shown_as_it_is(hostile_texts):
    for text in [*hostile_texts, *map(chr, range(33, 0x500))]:
        shown = " ".join(printable(text).split())
        assert plain(READER.render(f"a {markdown.escaped(text)} z")).strip() == f"a {shown} z"
        table = READER.render(f"| a | b |\n| --- | --- |\n| {markdown.escaped(text)} | z |\n")
        cells = re.findall(r"<td>(.*?)</td>", table, re.DOTALL)
        assert [plain(cell) for cell in cells] == [shown, "z"]


def test_many_tokenizers_are_compared_with_the_best(run_dir, make_material):
    made = make_material(run_dir)
    assert len(made.pairs) == math.comb(4, 2) and made.centre is None
    many = make_material(run_dir)
    columns = many.results.run["columns"]
    columns += [columns[2] | {"name": f"copy{i}"} for i in range(4)]
    assert many.centre == "deit"
    assert len(many.pairs) == 7 and {b for _, b in many.pairs} == {"deit"}


@pytest.mark.parametrize("ticks", ["`", "```", "`````"])
def test_backticks_do_not_end_the_command(ticks):
    page = READER.render(markdown._fenced(f"gvt {ticks}\n# head"))
    assert page.count("<pre>") == 1 and "<h1>" not in page
