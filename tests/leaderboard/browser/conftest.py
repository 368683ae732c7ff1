"""A real browser, spoken to in the WebDriver protocol, and a report to open in it."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

from leaderboard import write_report
from tests.leaderboard.conftest import write_claims

_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
_KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Escape": "\ue00c", "Space": " "}
_KEYS |= {"Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015", "Shift": "\ue008"}


class Browser:
    """One session of Chromium; its window has the size of the last ``open``."""

    def __init__(self, call):
        self.call = call

    def open(self, url, width=1280, theme="light", height=900):
        # No window of a desktop is as narrow as a phone; the emulated screen is.
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": theme}
        self.devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.call("POST", "/url", {"url": "about:blank"})  # an address that differs in # reloads
        self.call("POST", "/url", {"url": url})
        # The page builds its lower sections when idle: wait for them, and for what they queue.
        idle = "const done = arguments[0]; requestIdleCallback(() => requestIdleCallback(done));"
        self.call("POST", "/execute/async", {"script": idle, "args": []})

    def js(self, script, *arguments):
        """The value of an expression of the page; ``arguments[i]`` are in it."""
        body = {"script": f"return {script}", "args": list(arguments)}
        return self.call("POST", "/execute/sync", body)

    def choose(self, identifier, value):
        """Choose an option of a select by its value, as a reader does."""
        self.js(
            "(box => { box.value = arguments[1]; box.dispatchEvent(new Event('change')); })"
            "(document.getElementById(arguments[0]))",
            identifier,
            value,
        )

    def press(self, *keys):
        """Press and release keys where the focus is; ``Shift+Tab`` holds the first."""
        strokes = []
        for key in keys:
            held = [_KEYS.get(k, k) for k in key.split("+")]
            strokes += [{"type": "keyDown", "value": k} for k in held]
            strokes += [{"type": "keyUp", "value": k} for k in reversed(held)]
        actions = [{"type": "key", "id": "keyboard", "actions": strokes}]
        self.call("POST", "/actions", {"actions": actions})

    def log(self):
        """What the page wrote to the console since it was last asked."""
        return self.call("POST", "/se/log", {"type": "browser"})

    def devtools(self, command, parameters):
        """Send a command of the DevTools protocol."""
        self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})


@pytest.fixture(scope="module")
def browser():
    """A session for the tests of one module."""
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
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

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
    yield Browser(lambda method, path, body=None: call(method, f"/session/{session}{path}", body))
    call("DELETE", f"/session/{session}")
    driver.terminate()
    driver.wait()


@pytest.fixture(scope="session")
def report_dir(shared_run_dir, tmp_path_factory):
    """A made-up run whose suite makes claims."""
    folder = tmp_path_factory.mktemp("browser") / "run"
    return write_claims(shutil.copytree(shared_run_dir, folder))


@pytest.fixture(scope="session")
def report(report_dir):
    """Address of the report of that run; scores.json lies beside the file."""
    return write_report(report_dir).resolve().as_uri()


@pytest.fixture(scope="session")
def scores(report, report_dir):
    """The scores.json of that report."""
    return json.loads((report_dir / "scores.json").read_text())


@pytest.fixture
def tab(browser, report):
    """tab(width, theme): the browser with that report open."""

    def open_at(width=1280, theme="light", fragment=""):
        browser.open(report + fragment, width, theme)
        return browser

    return open_at
