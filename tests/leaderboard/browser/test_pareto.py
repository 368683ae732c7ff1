"""Score against cost in a real browser: the script draws what the page was written with."""

import shutil

import pytest

from leaderboard import schema, write_report

pytestmark = pytest.mark.browser

NAMES = ("deit", "clip", "mae", "dino")
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def priced(shared_run_dir, tmp_path_factory):
    """Address of a report whose tokenizers differ in parameters and GFLOPs."""
    run_dir = shutil.copytree(shared_run_dir, tmp_path_factory.mktemp("priced") / "run")
    run = schema.read_run(run_dir)
    for place, name in enumerate(NAMES):
        column = next(c for c in run["columns"] if c["name"] == name)
        column["encoder_parameters"] = (86, 304, 22, 87)[place] * 1_000_000
        column["encoder_gflops"] = (17.0, 81.0, 4.6, 70.0)[place]
    next(c for c in run["columns"] if c["name"] == "mae")["title"] = EVIL
    schema.write_run(run_dir, run)
    return write_report(run_dir).resolve().as_uri()


def drawing(browser):
    """Every element with its class, text and places, rounded as the page writes them."""
    return browser.js(
        "[...document.querySelectorAll('#pareto svg *')].map(n => [n.tagName,"
        "n.getAttribute('class'), n.textContent, ...['x', 'y', 'cx', 'cy', 'd', 'points']"
        ".map(a => n.getAttribute(a)).map(v => v !== null && !isNaN(v)"
        " ? String(Math.round(v * 10) / 10) : v)])"
    )


def test_another_choice_and_back_is_the_same_drawing(browser, priced):
    browser.open(priced)
    first = drawing(browser)
    assert browser.js("document.getElementById('pareto-scope').closest('p').hidden") is False
    browser.choose("pareto-scope", "oc")
    browser.choose("pareto-cost", "gflops")
    other = drawing(browser)
    assert other != first
    texts = [text for _, _, text, *_ in other]
    assert "Counting against encoder GFLOPs an image" in texts
    assert {"DeiT", "CLIP", "DINO", EVIL[:21] + "…"} <= set(texts)
    spoken = texts[1]
    assert "DeiT: 17, " in spoken and ("dominated" in spoken) == any(
        name and "faint" in name for _, name, *_ in other
    )
    browser.choose("pareto-scope", "overall")
    browser.choose("pareto-cost", "parameters")
    assert drawing(browser) == first


def test_it_works_by_keyboard_and_stays_quiet(browser, priced):
    browser.open(priced)
    browser.js("document.getElementById('pareto-scope').focus()")
    before = drawing(browser)
    browser.press("Down")
    assert browser.js("document.getElementById('pareto-scope').value") == "vqa"
    assert drawing(browser) != before
    assert browser.js("document.querySelectorAll('#pareto svg img').length") == 0
    assert browser.log() == []


def test_sections_fit_a_phone(browser, priced):
    browser.open(priced, width=375)
    assert browser.js("document.documentElement.scrollWidth") <= 375
    wide = browser.js(
        "[...document.querySelectorAll('#pareto svg, #stability svg, #made .caveats')]"
        ".filter(n => n.getBoundingClientRect().right > 375).length"
    )
    assert wide == 0


def test_bibtex_is_copied_or_selected(browser, shared_run_dir, tmp_path):
    run_dir = shutil.copytree(shared_run_dir, tmp_path / "run")
    run = schema.read_run(run_dir)
    entry = "@misc{doe,\n  title = {A title}\n}"
    for column in run["columns"]:
        if column["kind"] == "tokenizer":
            column["bibtex"] = [entry]
    schema.write_run(run_dir, run)
    browser.open(write_report(run_dir).resolve().as_uri())
    browser.js("document.querySelector('button.copy').focus()")
    browser.press("Enter")
    status = "document.querySelector('button.copy').nextElementSibling.textContent"
    for _ in range(50):
        if said := browser.js(status):
            break
    assert said in ("Copied.", "Selected: copy it with the keyboard.")
    if said.startswith("Selected"):
        assert browser.js("String(getSelection())").strip() == entry
