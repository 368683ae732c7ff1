"""Charts of columns with long names: nothing of a label lies beside the chart."""

import shutil

import pytest

from leaderboard import schema, write_report

pytestmark = pytest.mark.browser
_TITLES = {"deit": "Mini DINO (mini-tuned)", "clip": "MINI WWW (W-TUNED) AND MORE"}


@pytest.mark.parametrize("width", [1280, 375])
def test_long_names_stay_in_their_chart(browser, shared_run_dir, tmp_path, width):
    folder = shutil.copytree(shared_run_dir, tmp_path / "run")
    run = schema.read_run(folder)
    for column in run["columns"]:
        column["title"] = _TITLES.get(column["name"], column["title"])
    schema.write_run(folder, run)
    browser.open(write_report(folder).resolve().as_uri(), width)
    beside = browser.js(
        "[...document.querySelectorAll('#charts svg')].map(svg => [...svg.querySelectorAll('text')]"
        ".map(t => [t.textContent, t.getBoundingClientRect().left - svg.getBoundingClientRect()"
        ".left])).flat()"
    )
    assert {text for text, _ in beside} >= {_TITLES["deit"], _TITLES["clip"][:21] + "…"}
    assert min(left for text, left in beside if text == _TITLES["deit"]) >= 0
