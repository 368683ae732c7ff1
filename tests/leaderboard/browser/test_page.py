"""The report in a real browser: complete, quiet, on its own, and readable on a phone."""

import pytest

pytestmark = pytest.mark.browser


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
    line = "getComputedStyle(document.querySelector('a.to-samples')).textDecorationLine"
    assert page.js(line) == "none"
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.js("document.querySelectorAll('details:not([open])').length") > 1
    page.devtools("Emulation.setEmulatedMedia", {"media": ""})
