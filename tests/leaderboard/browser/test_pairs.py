"""Two columns against each other: the figures are those of scores.json, either way round."""

import json
import shutil

import pytest

from leaderboard import schema, write_report

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
            page.js(
                "(box => { box.value = arguments[1]; box.dispatchEvent(new Event('change')); })"
                "(document.getElementById(arguments[0]))",
                identifier,
                value,
            )
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


def test_categories_add_up_to_the_difference(duel, scores):
    page = duel("deit", "dino")
    columns, n = scores["columns"], scores["frames"]["vqa"]["n"]
    c = next(c for c in scores["differences"]["vqa"] if {c["a"], c["b"]} == {"deit", "dino"})
    adds = {}
    for name, deit in columns["deit"]["vqa"]["categories"].items():
        apart = deit["mean"] - columns["dino"]["vqa"]["categories"][name]["mean"]
        adds[name] = (deit["n"], apart, deit["n"] / n * apart)
    assert sum(part for *_, part in adds.values()) == pytest.approx(
        c["mean"] if c["a"] == "deit" else -c["mean"]
    )
    largest_first = sorted(adds, key=lambda name: -abs(adds[name][2]))
    assert page.js(PARTS) == [
        [name, str(adds[name][0]), signed("vqa", adds[name][1]), signed("vqa", adds[name][2])]
        for name in largest_first
    ]


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


def test_no_difference_in_percent_is_larger_than_all_of_it(browser, shared_run_dir, tmp_path):
    run_dir = shutil.copytree(shared_run_dir, tmp_path / "run")
    run = schema.read_run(run_dir)
    for part, key in (("columns", "name"), ("stages", "column"), ("alignment", "column")):
        run[part] = [entry for entry in run[part] if entry[key] in ("deit", "clip")]
    schema.write_run(run_dir, run)
    browser.open(write_report(run_dir).resolve().as_uri())
    browser.js(READY)
    (found,) = json.loads((run_dir / "scores.json").read_text())["differences"]["vqa"]
    assert found["detectable"] > 1
    assert dict(browser.js(ROWS))["vqa"].rstrip().endswith("over 100")
