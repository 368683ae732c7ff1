"""The gallery in a real browser: filters against brute force, links, keyboard, hostile text."""

import time
import urllib.parse

import pytest

from leaderboard import schema, write_report
from leaderboard.page.gallery import document
from leaderboard.page.render import render
from leaderboard.results import load_results
from leaderboard.verdict import judge_all

from ..conftest import build_run
from .gallery import COLUMNS, TOKENIZERS, Gallery, all_rows

pytestmark = pytest.mark.browser
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x07\x1b[31m\u202e{{ 7*7 }}"
TITLES = {"deit": "DeiT", "blind": "Blind", "random": "Random", "text": "Scene as text"}


@pytest.fixture(scope="module")
def rows(shared_run_dir):
    return all_rows(shared_run_dir)


@pytest.fixture
def gallery(browser, report):
    return Gallery(browser, report)


@pytest.fixture
def hurried(browser, shared_run_dir, tmp_path, monkeypatch):
    """A page with fewer samples than the run."""
    monkeypatch.setattr(document, "MOST_SAMPLES", 100)
    results = load_results(shared_run_dir)
    page = tmp_path / "hurried.html"
    page.write_text(render(results, judge_all(results)))
    return Gallery(browser, page.resolve().as_uri())


def points(row):
    return next(iter(row["scores"].values()))


def expected(rows, show, column):
    """Sample names that a filter must find, from the rows alone."""
    found = set()
    for name, sample in rows.items():
        scores = {c: points(sample[c]) for c in COLUMNS}
        others = [scores[c] for c in TOKENIZERS if c != column]
        own, tokenizers = scores.get(column), [scores[c] for c in TOKENIZERS]
        if name[0] == "Captioning":
            good = {"best": own is not None and own > max(others)}
            good["worst"] = own is not None and own < min(others)
        else:
            good = {
                "disagree": len(set(tokenizers)) == 2,
                "all-wrong": not any(tokenizers),
                "all-right": all(tokenizers),
                "right": own == 1,
                "wrong": own == 0,
                "only-right": own == 1 and not any(others),
                "only-wrong": own == 0 and all(others),
            }
        if show == "" or good.get(show):
            found.add(name)
    return found


def test_filters_find_what_the_rows_say(gallery, rows):
    gallery.open()
    assert set(gallery.shown()) == set(rows)
    for show in ("all-wrong", "all-right"):
        gallery.choose(column="", show=show)
        assert set(gallery.shown()) == expected(rows, show, "")
    sizes = []
    for column in ("clip", "random"):
        for show in ("right", "wrong", "only-right", "only-wrong", "best", "worst"):
            gallery.choose(column=column, show=show)
            wanted = expected(rows, show, column)
            sizes.append(len(wanted))
            assert set(gallery.shown()) == wanted, (column, show)
            if wanted:
                assert f"{len(wanted)} of 300 samples here match" in gallery.status
    assert sum(size > 0 for size in sizes) > 10
    gallery.choose(show="disagree", task="vqa")
    wanted = {n for n in expected(rows, "disagree", "") if n[0] == "VQA"}
    assert set(gallery.shown()) == wanted
    gallery.choose(category="shape")
    wanted = {n for n in wanted if rows[n]["clip"]["category"] == "shape"}
    assert set(gallery.shown()) == wanted != set()
    gallery.js("document.querySelector('#samples form').reset()")
    assert len(gallery.shown()) == 300


def test_disagreements_come_first_then_what_no_tokenizer_can(gallery, rows):
    order = gallery.open("#samples?task=oc").shown()
    kinds = [
        next(
            k
            for k, s in enumerate(("disagree", "all-wrong", "all-right"))
            if n in expected(rows, s, "")
        )
        for n in order
    ]
    assert kinds == sorted(kinds) and set(kinds) == {0, 1, 2}


def test_the_whole_run_is_counted_where_only_some_samples_are_here(hurried, rows):
    hurried.open("#samples?task=vqa&column=clip")
    here = hurried.shown()
    right = len({n for n in expected(rows, "right", "clip") if n[0] == "VQA"})
    assert 0 < len(here) < 90
    assert hurried.status == (
        f"{len(here)} of 100 samples here match. In the whole run 90 match. "
        f"CLIP is right on {right} and wrong on {90 - right} of 90."
    )
    hurried.choose(show="only-wrong", category="colour")
    wanted = {
        n
        for n in expected(rows, "only-wrong", "clip")
        if n[0] == "VQA" and rows[n]["clip"]["category"] == "colour"
    }
    here = hurried.shown()
    assert set(here) <= wanted
    colours = sum(n[0] == "VQA" and r["clip"]["category"] == "colour" for n, r in rows.items())
    assert f"In the whole run {len(wanted)} of {colours} match." in hurried.status
    hurried.choose(query="star")
    assert "not in this file were not searched" in hurried.status


@pytest.mark.parametrize("query", ["Colour OF object 2", "ring", "nowhere to be found"])
def test_words_are_searched_in_questions_gold_and_answers(gallery, rows, query):
    wanted = {
        name
        for name, sample in rows.items()
        for row in sample.values()
        if any(query.lower() in t.lower() for t in (row["question"], row["answer"], *row["gold"]))
    }
    gallery.open().choose(query=query)
    assert set(gallery.shown()) == wanted
    if not wanted:
        assert "None of 300 samples here matches." in gallery.status


def test_a_card_tells_every_answer(gallery, rows):
    gallery.open("#samples?task=vqa&column=mae")
    name = gallery.shown()[0]
    told = gallery.js(
        "[...document.querySelector('#samples article').querySelectorAll('li')].map(li => "
        "[li.querySelector('.sign').textContent, li.querySelector('.word').textContent,"
        "li.querySelector('.said').textContent, li.querySelector('.who').textContent])"
    )
    answers = {
        who.partition(" (")[0]: (sign, word, said)
        for sign, word, said, names in told
        for who in names.split(", ")
    }
    for column, row in rows[name].items():
        title = TITLES.get(column, column.upper())
        sign, word = ("✓", "right") if points(row) else ("✗", "wrong")
        assert answers[title] == (sign, word, row["answer"])
    assert len(told) == len(
        {(points(r), r["answer"], c in TOKENIZERS) for c, r in rows[name].items()}
    )
    card = "document.querySelector('#samples article')"

    def text(part):
        return gallery.js(f"{card}.querySelector('{part}').textContent")

    assert text("mark") == "MAE"
    assert text(".gold") == f"Gold {rows[name]['clip']['gold'][0]}"
    assert text("code") == f"gvt explain run --sample vqa:{name[1]}"
    label = gallery.js(
        f"{card}.getAttribute('aria-labelledby').split(' ')"
        ".map(id => document.getElementById(id).textContent).join(' ')"
    )
    assert rows[name]["clip"]["question"] in label and f"#{name[1]}" in label
    picture = f"{card}.querySelector('img')"
    assert gallery.js(f"{picture}.alt").startswith("Image scene-")
    assert gallery.js(f"{picture}.decode().then(() => {picture}.naturalWidth)") == 64


def test_seeds_that_differ_are_said(gallery, rows, shared_run_dir):
    second = {
        row["doc_id"]: points(row)
        for _, row in schema.read_rows(schema.rows_path(shared_run_dir, "clip", 2, "oc"))
    }
    gallery.open("#samples?task=oc&column=clip")
    gallery.shown()
    said = gallery.js(
        "Object.fromEntries([...document.querySelectorAll('#samples article')].map(a => "
        "[a.querySelector('code').textContent.split(':')[1], "
        "a.querySelector('mark').parentElement.textContent.includes('CLIP (1/2)')]))"
    )
    assert {int(doc): differs for doc, differs in said.items()} == {
        doc: points(rows["Counting", doc]["clip"]) != second[doc] for doc in second
    }


def test_the_address_leads_here_and_back(gallery):
    gallery.open()
    gallery.js("scrollTo(0, 0)")
    gallery.js("void (location.hash = '#samples?task=vqa&column=clip')")
    assert (gallery.control("task"), gallery.control("column")) == ("vqa", "clip")
    assert gallery.focus == "H2."
    assert gallery.js("document.activeElement.getBoundingClientRect().top") < 200
    gallery.js("void (location.hash = '#samples?task=oc&column=dino&category=many')")
    assert gallery.control("category") == "many"
    gallery.js("history.back()")
    wait(lambda: gallery.control("task") == "vqa")
    assert (gallery.control("column"), gallery.control("category")) == ("clip", "")
    gallery.js(
        "void document.querySelector('main').insertAdjacentHTML('afterbegin',"
        "'<a id=again href=' + location.hash.replace('&', '&amp;') + '>58.9</a>')"
    )
    gallery.js("document.getElementById('again').focus()")
    gallery.press("Enter")  # an address that is already there
    wait(lambda: gallery.focus == "H2.")
    gallery.choose(show="only-right")
    address = gallery.js("location.hash")
    assert address == "#samples?task=vqa&show=only-right&column=clip"
    found = gallery.shown()
    assert gallery.open(address).shown() == found
    assert gallery.browser.log() == []


def test_every_number_of_the_main_table_leads_to_samples(gallery):
    gallery.open()
    cells = "[...document.querySelectorAll('#scores td a.to-samples')]"
    links = gallery.js(f"{cells}.map(a => a.getAttribute('href'))")
    pairs = {tuple(urllib.parse.parse_qsl(link.split("?")[1])) for link in links}
    assert len(pairs) >= 7 * 4  # columns by tasks
    for place, link in list(enumerate(links))[:: len(links) // 4]:
        wanted = dict(urllib.parse.parse_qsl(link.split("?")[1]))
        gallery.js(f"{cells}[{place}].focus()")
        gallery.press("Enter")
        wait(lambda: gallery.focus == "H2.")
        for name in ("task", "column", "category"):
            assert gallery.control(name) == wanted.get(name, "")
        assert gallery.js("document.querySelectorAll('#samples article').length") > 0


def wait(until):
    end = time.monotonic() + 5
    while not until():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_address_of_what_is_not_there_is_said(gallery):
    gallery.open("#samples?task=vqa&column=nobody&category=none&show=%E0%A4%A&q=1")
    assert gallery.status.startswith("There is no category “none” here. There is no ")
    assert "column “nobody”" in gallery.status
    assert gallery.control("task") == "vqa"
    assert gallery.browser.log() == []


def test_filters_that_a_task_cannot_answer_are_not_offered(gallery):
    gallery.open("#samples?task=caption")
    offered = (
        "[...document.querySelector('#samples form').elements.show.options]"
        ".filter(o => !o.disabled).map(o => o.value)"
    )
    assert gallery.js(offered) == ["", "disagree", "best", "worst", "unscored"]
    gallery.choose(show="best", task="vqa")
    assert gallery.control("show") == ""
    assert gallery.js(offered)[:4] == ["", "disagree", "all-wrong", "all-right"]


def test_more_cards_come_on_demand(gallery):
    gallery.open()
    cards = "document.querySelectorAll('#samples article').length"
    assert gallery.js(cards) == 24
    gallery.js("document.querySelector('#samples .more').focus()")
    gallery.press("Enter")
    assert gallery.js(cards) == 48
    assert gallery.focus.startswith("ARTICLE")
    place = "[...document.querySelectorAll('#samples article')].indexOf(document.activeElement)"
    assert gallery.js(place) == 24
    assert gallery.status.startswith("48 of 300 samples are shown")


def test_the_keyboard_alone_is_enough(gallery, rows):
    gallery.open("#samples?task=oc")
    names = []
    for _ in range(6):
        gallery.press("Tab")
        names.append(gallery.js("document.activeElement.name || document.activeElement.type"))
        if names[-1] == "column":
            gallery.press("c", "l")
        if names[-1] == "show":
            gallery.press(*"Only")
        if names[-1] == "query":
            gallery.press(*"FEW")
    assert names == ["task", "category", "column", "show", "query", "reset"]
    assert (gallery.control("column"), gallery.control("show")) == ("clip", "only-right")
    wanted = {
        n
        for n in expected(rows, "only-right", "clip")
        if n[0] == "Counting" and "few" in rows[n]["clip"]["question"]
    }
    wait(lambda: "not searched" in gallery.status)
    assert set(gallery.shown()) == wanted
    gallery.press("Enter")  # on the button that clears
    assert gallery.control("query") == "" and gallery.control("task") == ""


def test_controls_and_count_have_names(gallery):
    gallery.open()
    named = (
        "[...document.querySelector('#samples form').elements]"
        ".every(e => e.labels.length || e.textContent)"
    )
    assert gallery.js(named)
    assert gallery.js("document.querySelector('#samples-count').getAttribute('role')") == "status"
    assert gallery.js("document.querySelector('#samples form').getAttribute('aria-label')")


@pytest.mark.parametrize("width", [1280, 375])
def test_hostile_text_is_shown_and_nothing_runs(browser, tmp_path, width):
    run_dir = build_run(tmp_path / "run", images=10)
    category = HOSTILE + "&column=mae " + "é" * 200
    for column in COLUMNS:
        for seed in (1, 2):
            path = schema.rows_path(run_dir, column, seed, "vqa")
            rows = [row for _, row in schema.read_rows(path)]
            for row in rows:
                row |= {
                    "question": HOSTILE + "\u202eright to left\u2067",
                    "gold": [HOSTILE, "שלום"],
                    "answer": "w" * 100_000 if column == "clip" else HOSTILE + "x" * 900,
                    "category": category,
                    "image": "../" + HOSTILE,
                    "image_id": HOSTILE + row["image_id"],
                }
            path.unlink()
            schema.write_rows(path, rows)
    run = schema.read_run(run_dir)
    run["columns"][2]["title"] = run["tasks"][0]["title"] = HOSTILE
    schema.write_run(run_dir, run)
    gallery = Gallery(browser, write_report(run_dir).resolve().as_uri())
    category = urllib.parse.quote(category, safe="")
    gallery.open(f"#samples?task=vqa&column=deit&category={category}", width)
    assert "There is no" not in gallery.status
    assert gallery.control("category").startswith("<script>alert(1)")
    text = gallery.js("document.querySelector('#samples .gallery').textContent")
    assert "<script>alert(1)</script>" in text and "onerror=alert(2)" in text
    assert "… 99,600 more characters" in text
    assert not set("\u202e\u2067\x07\x1b") & set(text)
    inside = (
        "document.querySelectorAll('#samples .gallery :is(script, iframe, link, object)').length"
    )
    assert gallery.js(inside) == 0
    images = gallery.js(
        "[...document.querySelectorAll('#samples img')].map(i => i.src.slice(0, 11))"
    )
    assert set(images) <= {"data:image/"}
    names = (
        "[...document.querySelectorAll('#samples *')]"
        ".flatMap(e => [...e.attributes].map(a => a.name))"
    )
    assert not any(name.startswith("on") for name in gallery.js(names))
    assert "no image file" in text
    assert gallery.js("document.documentElement.scrollWidth") <= width
    asked = gallery.js("performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in asked if not name.startswith("data:")] == []
    assert gallery.browser.log() == []
    # The same link as an address that the page wrote itself.
    again = gallery.js("location.hash")
    gallery.choose(show="disagree")
    assert gallery.open(again).control("category").startswith("<script>")


def test_a_phone_shows_cards_without_scrolling_sideways(gallery):
    gallery.open("#samples", width=375)
    gallery.shown()
    assert gallery.js("document.documentElement.scrollWidth") <= 375
    widths = (
        "[...document.querySelectorAll('#samples article')].map(a => a.scrollWidth - a.clientWidth)"
    )
    assert max(gallery.js(widths)) <= 1


def test_without_the_script_the_page_says_what_to_do(gallery):
    text = gallery.open().js("document.querySelector('#samples noscript').textContent")
    assert "Showing samples needs JavaScript" in text
    assert "gvt explain run --sample " in text
