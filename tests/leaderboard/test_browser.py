"""The report in a real browser: complete, quiet, on its own, and readable on a phone."""

import json
import socket
import subprocess
import time
import urllib.request

import pytest

from leaderboard import write_report

pytestmark = pytest.mark.browser
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")


@pytest.fixture(scope="module")
def browser():
    """browser(method, path, body): a WebDriver session, spoken to in its own protocol."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def call(method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    deadline = time.monotonic() + 30
    while True:
        try:
            if call("GET", "/status")["ready"]:
                break
        except OSError:
            if time.monotonic() > deadline:
                driver.kill()
                raise
            time.sleep(0.1)
    options = {
        "goog:chromeOptions": {"args": list(_FLAGS)},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    session = call("POST", "/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]
    yield lambda method, path, body=None: call(method, f"/session/{session}{path}", body)
    call("DELETE", f"/session/{session}")
    driver.terminate()
    driver.wait()


@pytest.fixture
def page(browser, run_dir):
    """page(width): the report of a made-up run, open in a window of that width."""
    url = write_report(run_dir).resolve().as_uri()

    def open_at(width):
        # No window of a desktop is as narrow as a phone; the emulated screen is.
        browser(
            "POST",
            "/goog/cdp/execute",
            {
                "cmd": "Emulation.setDeviceMetricsOverride",
                "params": {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
            },
        )
        browser("POST", "/url", {"url": url})

        def run(script):
            return browser("POST", "/execute/sync", {"script": f"return {script}", "args": []})

        return run

    return open_at


@pytest.mark.parametrize("width", [1280, 375])
def test_nothing_scrolls_sideways(page, width):
    run = page(width)
    assert run("window.innerWidth") == width
    assert run("document.documentElement.scrollWidth") <= width
    assert run("document.querySelectorAll('table').length") > 2
    assert run("document.querySelectorAll('svg').length") > 2


def test_it_is_quiet_and_asks_for_nothing(page, browser):
    run = page(1280)
    assert run("document.readyState") == "complete"
    asked = "performance.getEntriesByType('resource').map(e => e.name)"
    assert [name for name in run(asked) if not name.startswith("data:")] == []
    assert browser("POST", "/se/log", {"type": "browser"}) == []


def test_every_image_of_the_gallery_is_in_the_file(page):
    run = page(1280)
    shown = run(
        "Promise.all([...document.images].map(image => {"
        "image.loading = 'eager'; return image.decode().then(() => image.naturalWidth > 0); }))"
    )
    assert len(shown) > 0
    assert all(shown)
