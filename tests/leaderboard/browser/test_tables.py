"""The main table in a browser: sorting, choosing, differences from a baseline, by keyboard too."""

import json
import shutil
from urllib.parse import parse_qs

import pytest

from leaderboard import schema, write_report

pytestmark = pytest.mark.browser
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202e{{ 7*7 }}"
TOKENIZERS = ["deit", "clip", "mae", "dino"]
ORDER = "[...document.querySelectorAll('tbody.tokenizer tr')].map(r => r.dataset.column)"
LIVE = "document.getElementById('live').textContent"
HEAD = "document.querySelector('#score-table th[data-scope=\"{}\"]')"


def click(page, selector):
    page.js("document.querySelector(arguments[0]).click()", selector)


def signed(unit, value):
    """A difference as a reader expects it, made without the page's own formatter."""
    text = f"{100 * value:+.1f}" if unit == "percent" else f"{value:+.2f}"
    return (text if float(text) else text[1:]).replace("-", "−")


def unit_of(scope):
    return "score" if scope == "caption" else "percent"


@pytest.mark.parametrize("scope", ["overall", "vqa", "caption"])
def test_sorting_is_best_first_then_worst_first_then_as_in_the_suite(tab, scores, scope):
    page, head = tab(), HEAD.format(scope)
    of = scores["overall"]["columns"] if scope == "overall" else None
    mean = {n: (of[n] if of else scores["columns"][n][scope])["mean"] for n in TOKENIZERS}
    best_first = sorted(TOKENIZERS, key=lambda name: -mean[name])
    for order, said in ((best_first, "descending"), (best_first[::-1], "ascending")):
        page.js(f"{head}.querySelector('button').click()")
        assert page.js(ORDER) == order
        assert page.js(f"{head}.getAttribute('aria-sort')") == said
        assert said in page.js(LIVE)
    page.js(f"{head}.querySelector('button').click()")
    assert page.js(ORDER) == TOKENIZERS
    assert page.js(f"{head}.getAttribute('aria-sort')") == "none"


def test_only_one_column_says_that_it_is_sorted_and_ties_keep_their_order(tab):
    page = tab()
    page.js(HEAD.format("vqa") + ".querySelector('button').click()")
    click(page, "#score-table th.cost button")  # all encoders have the same size
    assert page.js(ORDER) == TOKENIZERS
    sorts = page.js("[...document.querySelectorAll('[aria-sort]')].map(h => h.ariaSort)")
    assert sorts.count("ascending") == 1 and sorts.count("none") == len(sorts) - 1
    kinds = page.js("[...document.querySelectorAll('#score-table tbody tr')].map(r => r.className)")
    assert kinds == sorted(kinds, key=["reference", "control", "tokenizer", "ceiling"].index)


@pytest.mark.parametrize("baseline", ["clip", "random"])
def test_differences_are_those_of_scores_json(tab, scores, baseline):
    page = tab()
    page.choose("scores-baseline", baseline)
    shown = page.js(
        "[...document.querySelectorAll('#score-table tr[data-column]')].flatMap(row =>"
        " [...document.querySelectorAll('#score-table th[data-scope]')].map(head =>"
        " [row.dataset.column, head.dataset.scope, row.cells[head.cellIndex].innerText]))"
    )
    found = {}
    for scope, comparisons in scores["differences"].items():
        for c in comparisons:
            found[c["a"], c["b"], scope] = (c, 1)
            found[c["b"], c["a"], scope] = (c, -1)
    checked = 0
    for column, scope, text in shown:
        if column == baseline:
            assert not text.startswith(("▲", "▼", "≈"))
            continue
        c, turn = found[column, baseline, scope]
        ends = sorted((turn * c["low"], turn * c["high"]))
        low, high = (signed(unit_of(scope), end) for end in ends)
        assert signed(unit_of(scope), turn * c["mean"]) in text
        assert f"{low} to {high}" in text
        assert ("not shown" in text) == (not c["clear"])
        sign = "≈" if not c["clear"] else "▲" if turn * c["mean"] > 0 else "▼"
        assert text.startswith(sign)
        checked += 1
    assert checked == 6 * 5
    assert "differences from" in page.js(LIVE)


def test_without_a_baseline_the_scores_are_back(tab):
    page = tab()
    text = "document.getElementById('score-table').innerText.replace(/\\s+/g, ' ')"
    before = page.js(text)
    page.choose("scores-baseline", "clip")
    assert page.js(text) != before
    assert not page.js("document.getElementById('differences-legend').hidden")
    page.choose("scores-baseline", "")
    assert page.js(text) == before
    assert page.js("document.getElementById('differences-legend').hidden")


def test_the_chosen_baseline_is_there_when_the_page_opens(browser, shared_run_dir, tmp_path):
    from leaderboard.page.render import render
    from leaderboard.results import load_results
    from leaderboard.verdict import judge_all

    results = load_results(shared_run_dir)
    path = tmp_path / "report.html"
    path.write_text(render(results, judge_all(results), baseline="mae"))
    browser.open(path.as_uri())
    assert browser.js("document.getElementById('scores-baseline').value") == "mae"
    assert browser.js("document.getElementById('heat-baseline').value") == "mae"
    assert browser.js("document.querySelector('tr.baseline').dataset.column") == "mae"


def test_rows_and_tasks_can_be_left_out(tab):
    page = tab()
    tick = (
        "[...document.querySelectorAll('#scores-tools .panel label')]"
        ".find(l => l.textContent === '{}').querySelector('input').click()"
    )
    page.js(tick.format("MAE"))
    page.js(tick.format("VQA"))
    assert page.js("document.querySelector('tr[data-column=mae]').offsetHeight") == 0
    assert page.js(HEAD.format("vqa") + ".offsetHeight") == 0
    assert "3 of 4 tokenizers, 3 of 4 tasks" in page.js(LIVE)
    visible = (
        "[...document.querySelectorAll('#score-table tr')].filter(r => r.offsetHeight)"
        ".map(r => [...r.cells].filter(c => c.offsetWidth).length)"
    )
    assert len(set(page.js(visible))) == 1  # every row keeps as many cells as the head
    page.js("document.querySelector('#scores-tools fieldset button').click()")
    assert page.js("document.querySelector('tr[data-column=mae]').offsetHeight") > 0


def test_a_number_says_more_on_focus_and_is_quiet_after_escape(tab, scores):
    page = tab()
    page.js("document.querySelector('tr[data-column=clip] a.to-samples').focus()")
    page.press("Tab")
    cell = scores["columns"]["clip"]["vqa"]
    said = page.js("document.getElementById('tip').innerText")
    for text in (
        f"{100 * cell['mean']:.1f}",
        f"{100 * cell['low']:.1f}",
        "90 samples on 30 images",
    ):
        assert text in said
    assert "2 seeds" in said and "none failed" in said and "Against DeiT" in said
    assert page.js("document.activeElement.getAttribute('aria-describedby')") == "tip"
    page.press("Escape")
    assert page.js("document.getElementById('tip').hidden")


def test_the_table_works_by_keyboard_alone(tab):
    page = tab()
    page.js("document.getElementById('scores-baseline').focus()")
    page.press("Tab", "Space")  # small intervals off
    assert page.js("document.getElementById('score-table').classList.contains('short')")
    page.press("Tab", "Tab", "Enter")  # past the costs, the panel opens
    assert page.js("document.querySelector('#scores-tools details').open")
    page.press("Enter", "Tab", "Tab", "Enter")  # the panel closes, the frame, the first head
    assert page.js("document.activeElement.textContent") == "Overall"
    assert page.js(HEAD.format("overall") + ".ariaSort") == "descending"
    assert page.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_every_link_to_samples_names_a_column_and_a_task(tab):
    links = tab().js("[...document.querySelectorAll('a.to-samples')].map(a => a.hash)")
    assert len(links) >= 7 * 5 + 7 * 8  # scores, and scores by category
    for link in links:
        target, _, query = link.partition("?")
        found = parse_qs(query)
        assert target == "#samples"
        assert found["column"][0] in ["blind", "random", *TOKENIZERS, "text"]
        assert found.get("task", ["vqa"])[0] in ["vqa", "oc", "mci", "caption"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_follows_the_system_until_the_button_is_pressed(tab, theme):
    page, other = tab(theme=theme), {"light": "dark", "dark": "light"}[theme]
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.js(background)
    assert page.js("document.getElementById('theme').textContent").lower() == f"{other} theme"
    click(page, "#theme")
    assert page.js(background) != before
    assert page.js("document.documentElement.dataset.theme") == other


def test_a_phone_scrolls_only_inside_the_frames(tab):
    page = tab(375)
    page.choose("scores-baseline", "clip")
    page.js("(document.querySelector('#scores-tools details').open = true)")
    assert page.js("document.documentElement.scrollWidth") <= 375
    assert page.js("document.querySelector('.tall').scrollWidth") > 375
    page.js("document.querySelector('.tall').scrollTo(300, 0)")
    assert page.js("document.querySelector('#score-table tbody th').getBoundingClientRect().x") < 30


@pytest.fixture(scope="module")
def hostile(shared_run_dir, tmp_path_factory):
    """A report whose titles and categories are hostile; its tasks have skills."""
    run_dir = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(shared_run_dir, run_dir)
    run = schema.read_run(run_dir)
    for i, task in enumerate(run["tasks"]):
        task["skill"] = "semantics" if i < 2 else "fine-grained"
    run["tasks"][0]["title"] = run["columns"][3]["title"] = HOSTILE
    schema.write_run(run_dir, run)
    for path in (run_dir / "samples").rglob("vqa.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [row | {"category": HOSTILE + row["category"]} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return write_report(run_dir).as_uri()


def test_hostile_names_are_only_text(browser, hostile):
    browser.log()
    browser.open(hostile)
    browser.choose("scores-baseline", "clip")
    browser.choose("pair-a", "clip")
    browser.choose("pair-task", "vqa")
    browser.js("document.querySelector('.heat a.to-samples').focus()")
    assert HOSTILE[:20] in browser.js("document.getElementById('tip').innerText")
    assert browser.js("document.querySelectorAll('#duel img, #tip img, table img').length") == 0
    assert browser.js("document.querySelectorAll('script:not([type])').length") == 1
    assert browser.log() == []


def test_tasks_can_be_chosen_by_skill(browser, hostile):
    browser.open(hostile)
    group = "[...document.querySelectorAll('.groups button')].find(b => b.textContent === '{}')"
    browser.js(group.format("fine-grained") + ".click()")
    shown = browser.js(
        "[...document.querySelectorAll('#score-table th[data-scope]')]"
        ".filter(h => h.offsetWidth).map(h => h.dataset.scope)"
    )
    skills = browser.js("JSON.parse(document.getElementById('data-scores').textContent).scopes")
    assert shown == [s["name"] for s in skills if s["skill"] == "fine-grained"]
    assert "4 of 4 tokenizers, 2 of 4 tasks" in browser.js(LIVE)
