"""The report before axe-core, as it opens and with everything on it unfolded."""

import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser
AXE = Path(
    os.environ.get("GVT_AXE")
    or Path(__file__).parents[3] / ".venv/node/node_modules/axe-core/axe.min.js"
)
UNFOLD = (
    "document.querySelectorAll('details').forEach(d => { d.open = true; }),"
    "[...document.querySelectorAll('select')].forEach(s => { s.selectedIndex = s.length - 1;"
    " s.dispatchEvent(new Event('change', {bubbles: true})); })"
)
VIOLATIONS = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(found => done(found.violations.map(
  one => `${one.impact}: ${one.id}: ${one.nodes.map(node => node.html.slice(0, 200)).join(" ")}`)));
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("unfolded", [False, True])
def test_axe_finds_nothing(tab, width, theme, unfolded):
    if not AXE.is_file():
        pytest.skip(f"axe-core is not installed ({AXE}); .ci/run fetches it")
    page = tab(width, theme)
    if unfolded:
        page.js(UNFOLD)
    page.call("POST", "/timeouts", {"script": 60_000})
    body = {"script": AXE.read_text("utf-8") + VIOLATIONS, "args": []}
    assert page.call("POST", "/execute/async", body) == []
