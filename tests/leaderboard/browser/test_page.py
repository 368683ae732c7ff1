"""The report in a real browser: complete, quiet, on its own, and readable on a phone."""

import pytest

pytestmark = pytest.mark.browser
COVERED = (  # what has the focus, and whether something else is drawn over its middle
    "(e => { const box = e.getBoundingClientRect();"
    "const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
    "return [e.outerHTML.slice(0, 80), Boolean(top?.closest('thead th, tbody th, nav'))"
    " && !e.contains(top) && !top.contains(e)]; })(document.activeElement)"
)


@pytest.mark.parametrize("width", [1280, 375])
def test_nothing_scrolls_sideways(tab, width):
    page = tab(width)
    assert page.js("window.innerWidth") == width
    assert page.js("document.documentElement.scrollWidth") <= width
    assert page.js("document.querySelectorAll('table').length") > 2
    assert page.js("document.querySelectorAll('svg').length") > 2


def test_it_is_quiet_and_asks_for_nothing(tab, browser):
    browser.log()
    page = tab()
    assert page.js("document.readyState") == "complete"
    asked = "performance.getEntriesByType('resource').map(e => e.name)"
    assert [name for name in page.js(asked) if not name.startswith("data:")] == []
    assert browser.log() == []


def test_every_image_of_the_gallery_is_in_the_file(tab):
    shown = tab().js(
        "Promise.all([...document.images].map(image => {"
        "image.loading = 'eager'; return image.decode().then(() => image.naturalWidth > 0); }))"
    )
    assert len(shown) > 0
    assert all(shown)


def test_the_section_being_read_is_marked(tab):
    page = tab()
    page.js("(document.documentElement.style.scrollBehavior = 'auto')")
    marked = "[...document.querySelectorAll('nav [aria-current]')].map(a => a.hash)"
    for section in ("pairs", "heat_map", "made"):
        page.js(
            "new Promise(done => { document.getElementById(arguments[0]).scrollIntoView();"
            " requestAnimationFrame(() => requestAnimationFrame(() => done(1))); })",
            section,
        )
        assert page.js(marked) == [f"#{section}"]
        assert page.js("document.querySelector('nav').getBoundingClientRect().top") == 0


def test_paper_shows_all_tables_and_no_controls(tab):
    page = tab()
    page.devtools("Emulation.setEmulatedMedia", {"media": "print"})
    page.js("dispatchEvent(new Event('beforeprint'))")
    hidden = "[...document.querySelectorAll('nav, .tools, #theme')].every(e => !e.offsetHeight)"
    assert page.js(hidden)
    assert page.js("[...document.querySelectorAll('table')].every(t => t.offsetHeight)")
    assert page.js("getComputedStyle(document.querySelector('.tall')).overflow") == "visible"
    filled = "getComputedStyle(document.querySelector(arguments[0])).printColorAdjust"
    assert [page.js(filled, name) for name in (".heat td", ".key")] == ["exact", "exact"]
    line = "getComputedStyle(document.querySelector('a.to-samples')).textDecorationLine"
    assert page.js(line) == "none"
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.js("document.querySelectorAll('details:not([open])').length") > 1
    page.devtools("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.parametrize("width", [1280, 375])
def test_what_has_the_focus_is_not_covered(tab, width):
    page = tab(width)
    page.js("document.documentElement.style.scrollBehavior = 'auto'")
    page.js("document.querySelector('#heat_map summary').focus()")
    seen = []
    for _ in range(60):
        page.press("Shift+Tab")
        seen.append(page.js(COVERED))
    assert any("to-samples" in name for name, _ in seen)
    assert [name for name, covered in seen if covered] == []
