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
