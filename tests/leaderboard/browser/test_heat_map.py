"""Categories against a baseline: printed numbers, signs and hatching besides colour."""

from functools import cache

import pytest

from leaderboard.results import load_results
from leaderboard.shares import shares

pytestmark = pytest.mark.browser
COLUMNS = ["blind", "random", "deit", "clip", "mae", "dino", "text"]
CELLS = (
    "[...document.querySelectorAll('details.map')].flatMap(map =>"
    " [...map.querySelectorAll('tbody tr')].flatMap(row => [...row.cells].slice(-7).map((c, i) =>"
    " [map.dataset.task, row.cells[0].textContent, i, c.querySelector('.v').textContent,"
    " c.querySelector('.ci').textContent, c.className,"
    " getComputedStyle(c).backgroundImage !== 'none',"
    " c.querySelector('.ci').classList.contains('sure')])))"
)


@pytest.fixture(scope="module")
def check(shared_run_dir, scores):
    """check(cells, baseline): scores are those of scores.json, distances the paired ones."""
    results = load_results(shared_run_dir)

    @cache
    def apart(task, a, b):
        return {
            own.category: own.difference for own in shares(*(results.cell(c, task) for c in (a, b)))
        }

    def run(cells, baseline):
        assert len(cells) == 7 * (3 + 2 + 2 + 1)
        for task, category, i, mean, gap, kind, hatched, sure in cells:
            own = scores["columns"][COLUMNS[i]][task]["categories"][category]["mean"]
            scale, digits = (1, 2) if task == "caption" else (100, 1)
            assert mean == f"{scale * own:.{digits}f}"
            if COLUMNS[i] == baseline(task):
                assert gap == "baseline" and "base" in kind
                continue
            e = apart(task, COLUMNS[i], baseline(task))[category]
            text = f"{scale * e.mean:+.{digits}f}"
            text = (text if float(text) else text[1:]).replace("-", "−")
            assert gap == f"{text}±{scale * max(e.high - e.mean, e.mean - e.low):.{digits}f}"
            assert hatched == ("h-" in kind) == (e.mean < 0)
            assert sure == (e.low > 0 or e.high < 0)

    return run


def test_without_a_choice_each_task_is_held_against_its_best(tab, scores, check):
    check(tab().js(CELLS), lambda task: scores["verdicts"][task]["best"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_baseline_is_the_one_of_the_whole_page(tab, scores, check, theme):
    page = tab(theme=theme)
    page.choose("heat-baseline", "mae")
    assert page.js("document.getElementById('scores-baseline').value") == "mae"
    assert page.js("document.querySelector('tr.baseline').dataset.column") == "mae"
    check(page.js(CELLS), lambda task: "mae")
    assert page.js("document.querySelector('.map .against').textContent") == "MAE"
    page.choose("scores-baseline", "")
    check(page.js(CELLS), lambda task: scores["verdicts"][task]["best"])


def test_a_folded_task_is_coloured_when_it_is_opened(tab, check):
    page = tab()
    page.js("document.querySelectorAll('details.map').forEach(map => { map.open = false; })")
    page.choose("heat-baseline", "dino")
    page.js("document.querySelectorAll('details.map').forEach(map => { map.open = true; })")
    page.js("new Promise(done => setTimeout(done, 50))")
    check(page.js(CELLS), lambda task: "dino")


def test_focus_shows_the_interval(tab, scores):
    page = tab()
    page.js("document.querySelector('.heat tbody tr a.to-samples').focus()")
    task, category = page.js(
        "(row => [row.closest('.map').dataset.task, row.cells[0].textContent])"
        "(document.activeElement.closest('tr'))"
    )
    cell = scores["columns"]["blind"][task]["categories"][category]
    said = page.js("document.getElementById('tip').innerText")
    assert f"{100 * cell['low']:.1f}–{100 * cell['high']:.1f}" in said
    assert f"n = {cell['n']} on {cell['images']} images" in said
    page.press("Escape")
    assert page.js("document.getElementById('tip').hidden")


def test_numbers_are_legible_on_the_strongest_colours(tab):
    """Contrast of ink on the strongest tints, after WCAG 2.2; 4.5 is asked for."""
    contrast = (
        "['h4', 'h-4'].map(kind => { const probe = document.createElement('canvas')"
        ".getContext('2d', { willReadFrequently: true }); const lum = colour => {"
        " probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);"
        " const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].map(v => { v /= 255;"
        " return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });"
        " return 0.2126 * r + 0.7152 * g + 0.0722 * b; };"
        " const cell = document.querySelector(`.heat td.${kind}`);"
        " const tint = kind === 'h4' ? 'better' : 'worse';"
        " const back = document.createElement('i'); back.style.background ="
        " `color-mix(in srgb, var(--${tint}) 35%, var(--paper))`; cell.append(back);"
        " const [x, y] = [lum(getComputedStyle(cell.querySelector('.ci')).color),"
        " lum(getComputedStyle(back).backgroundColor)].sort((p, q) => q - p);"
        " back.remove(); return (x + 0.05) / (y + 0.05); })"
    )
    for theme in ("light", "dark"):
        assert min(tab(theme=theme).js(contrast)) > 4.5
