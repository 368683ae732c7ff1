"""Two columns against each other: the figures are those of scores.json, either way round."""

import json
import shutil

import pytest

from leaderboard import schema, write_report
from leaderboard.results import load_results
from leaderboard.shares import shares

pytestmark = pytest.mark.browser
ROWS = (
    "[...document.querySelectorAll('#duel tr[data-scope]')]"
    ".map(r => [r.dataset.scope, r.innerText.replace(/\\s+/g, ' ')])"
)
PARTS = (
    "[...document.querySelectorAll('#duel .where tbody tr')].map(r => [...r.cells]"
    ".slice(0, 4).map(c => c.textContent))"
)
READY = (
    "new Promise(done => { const look = () => document.getElementById('pair-a')"
    " ? done(1) : setTimeout(look, 20); look(); })"
)


@pytest.fixture
def duel(tab):
    """duel(a, b): the page with these two chosen."""
    page = tab()
    page.js(READY)

    def select(a, b):
        for identifier, value in (("pair-a", a), ("pair-b", b)):
            page.choose(identifier, value)
        return page

    return select


def signed(scope, value):
    text = f"{value:+.2f}" if scope == "caption" else f"{100 * value:+.1f}"
    return (text if float(text) else text[1:]).replace("-", "−")


@pytest.mark.parametrize(("a", "b"), [("deit", "clip"), ("dino", "mae"), ("text", "blind")])
@pytest.mark.parametrize("turned", [False, True])
def test_figures_are_those_of_scores_json(duel, scores, a, b, turned):
    a, b = (b, a) if turned else (a, b)
    shown = dict(duel(a, b).js(ROWS))
    assert list(shown) == ["overall", "vqa", "oc", "mci", "caption"]
    for scope, text in shown.items():
        c = next(c for c in scores["differences"][scope] if {c["a"], c["b"]} == {a, b})
        turn = 1 if c["a"] == a else -1
        low, high = sorted((turn * c["low"], turn * c["high"]))
        wins, losses = (c["wins"], c["losses"]) if turn == 1 else (c["losses"], c["wins"])
        assert f"{signed(scope, turn * c['mean'])} {signed(scope, low)} to" in text
        assert f"to {signed(scope, high)}" in text
        assert f"{wins} better, {c['ties']} equal, {losses} worse" in text
        assert ("p < 0.001" if c["p"] < 0.001 else f"p = {c['p']:.3f}") in text
        if a in ("text", "blind"):
            assert "not corrected" in text
        elif c["adjusted"] >= 0.001:
            assert f"corrected p = {c['adjusted']:.3f}" in text
        assert ("no difference shown" in text) == (not c["clear"])
        if c["clear"]:
            assert ("ahead" in text) == (turn * c["mean"] > 0)
        detectable = signed(scope, c["detectable"]).lstrip("+")
        assert text.rstrip().endswith(detectable)


def test_swapping_turns_everything_round(duel):
    page = duel("deit", "clip")
    page.js(
        "[...document.querySelectorAll('#duel button')].find(b => b.textContent === 'Swap').click()"
    )
    assert page.js("document.querySelector('#duel h3').textContent") == "CLIP against DeiT"
    assert page.js("document.getElementById('pair-a').value") == "clip"
    assert "CLIP against DeiT" in page.js("document.getElementById('live').textContent")


@pytest.mark.parametrize(("a", "b"), [("deit", "dino"), ("dino", "deit")])
def test_categories_add_up_to_the_difference(duel, scores, shared_run_dir, a, b):
    results = load_results(shared_run_dir)
    found = shares(*(results.cell(name, "vqa") for name in (a, b)))
    c = next(c for c in scores["differences"]["vqa"] if {c["a"], c["b"]} == {a, b})
    assert sum(own.share for own in found) == pytest.approx(
        c["mean"] if c["a"] == a else -c["mean"]
    )
    rows = []
    for own in sorted(found, key=lambda own: -abs(own.share)):
        mean, low, high, adds = (
            signed("vqa", value)
            for value in (own.difference.mean, own.difference.low, own.difference.high, own.share)
        )
        rows.append([own.category, str(own.difference.n), f"{mean}{low} to {high}", adds])
    assert duel(a, b).js(PARTS) == rows


def test_failed_samples_leave_the_rest_adding_up(browser, shared_run_dir, tmp_path):
    """Samples that failed or have no category are neither lost nor counted twice."""
    run_dir = shutil.copytree(shared_run_dir, tmp_path / "run")
    for path in (run_dir / "samples").rglob("vqa.jsonl"):
        rows = [row for _, row in schema.read_rows(path)]
        for row in rows:
            if row["doc_id"] % 7 == 0:
                row["category"] = None
            if row["doc_id"] % 3 == 0 and "clip" in path.parts:
                row |= {"scores": {}, "error": "lost"}
        path.unlink()
        schema.write_rows(path, rows)
    browser.open(write_report(run_dir).resolve().as_uri())
    browser.js(READY)
    for identifier, value in (("pair-a", "deit"), ("pair-b", "clip"), ("pair-task", "vqa")):
        browser.choose(identifier, value)
    results = load_results(run_dir)
    whole = results.comparisons.pair("deit", "clip", "vqa")
    *rows, rest = browser.js(PARTS)
    assert rest[0] == "other samples" and rest[2] == ""
    counted = sum(int(n) for _, n, *_ in [*rows, rest])
    assert counted == whole.wins + whole.ties + whole.losses < len(results.samples["vqa"])
    adds = sum(float(part.replace("−", "-")) for *_, part in [*rows, rest])
    assert adds == pytest.approx(100 * whole.difference.estimate.mean, abs=0.05 * len(rows) + 0.1)


def test_a_column_is_not_compared_with_itself(duel):
    page = duel("mae", "mae")
    assert page.js(ROWS) == []
    assert "Choose two different columns." in page.js("document.getElementById('duel').innerText")


def test_it_fits_a_phone(tab):
    assert tab(375).js("document.documentElement.scrollWidth") <= 375


def test_the_two_best_come_first_where_lower_is_better(browser, shared_run_dir, tmp_path):
    run_dir = shutil.copytree(shared_run_dir, tmp_path / "run")
    run = schema.read_run(run_dir)
    run["tasks"] = [task for task in run["tasks"] if task["name"] == "caption"]
    run["tasks"][0]["higher_is_better"] = False
    schema.write_run(run_dir, run)
    browser.open(write_report(run_dir).resolve().as_uri())
    browser.js(READY)
    columns = json.loads((run_dir / "scores.json").read_text())["columns"]
    errors = {name: columns[name]["caption"]["mean"] for name in ("deit", "clip", "mae", "dino")}
    chosen = browser.js("['pair-a', 'pair-b'].map(id => document.getElementById(id).value)")
    assert chosen == sorted(errors, key=errors.get)[:2]


def test_where_no_possible_difference_could_be_shown_none_is_named(
    browser, shared_run_dir, tmp_path
):
    run_dir = shutil.copytree(shared_run_dir, tmp_path / "run")
    run = schema.read_run(run_dir)
    for part, key in (("columns", "name"), ("stages", "column"), ("alignment", "column")):
        run[part] = [entry for entry in run[part] if entry[key] in ("deit", "clip")]
    schema.write_run(run_dir, run)
    browser.open(write_report(run_dir).resolve().as_uri())
    browser.js(READY)
    (found,) = json.loads((run_dir / "scores.json").read_text())["differences"]["vqa"]
    assert found["detectable"] is None
    assert dict(browser.js(ROWS))["vqa"].rstrip().endswith("–")
