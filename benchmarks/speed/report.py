"""Measures the report of a large comparison: seconds, memory, size, and until it can be used.

The run is made up. Run: ``.venv/bin/python -m benchmarks.speed.report``; the page is opened where
chromedriver is there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed import large_run, toys

# The high-water mark of Linux: ru_maxrss would count what the parent held at the fork.
_CHILD = """
import json, pathlib, resource, sys, time
{work}
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    peak = int(peak.split()[1]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({{"peak": peak, "cpu": time.process_time()}}))
"""
_LOADING = "from leaderboard.results import load_results; load_results(sys.argv[1])"
_WRITING = "import leaderboard; leaderboard.write_report(sys.argv[1])"
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
# Usable: loaded, what the page marks itself done, and no long task is at work any more.
_USABLE = """
const done = arguments[0], tasks = [];
const seen = new PerformanceObserver(
  list => tasks.push(...list.getEntries().map(task => task.startTime + task.duration)));
seen.observe({type: "longtask", buffered: true});
setTimeout(() => {
  const marks = performance.getEntriesByType("mark").map(mark => mark.startTime);
  const page = performance.getEntriesByType("navigation")[0];
  done(Math.max(page.loadEventEnd, ...tasks, ...marks));
}, 1500);
"""


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokenizers", type=int, default=20)
    parser.add_argument("--tasks", type=int, default=8)
    parser.add_argument("--samples", type=int, default=5000, help="of each task")
    parser.add_argument("--pictures", type=int, default=400)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = large_run.build(Path(name), **vars(args))
        size = sum(path.stat().st_size for path in run.rglob("*.jsonl"))
        found = {**vars(args), "files_mb": round(size / 1e6)}
        found |= _measured("load", _LOADING, run) | _measured("report", _WRITING, run)
        page = run / "report.html"
        found["page_mb"] = round(page.stat().st_size / 1e6, 2)
        if shutil.which("chromedriver"):
            with _browser() as call:
                spent = [_seconds_until_usable(call, page) for _ in range(5)]
            found["page_usable_seconds"] = round(statistics.median(spent), 2)
    for key, value in found.items():
        print(f"{key.replace('_', ' ')}: {value}")
    toys.save("report", found)


def _measured(what: str, work: str, run: Path) -> dict[str, float]:
    """Seconds and peak memory of a fresh process, its start and imports included."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD.format(work=work), str(run)],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    seconds, told = time.perf_counter() - start, json.loads(done.stdout.splitlines()[-1])
    return {
        f"{what}_seconds": round(seconds, 1),
        f"{what}_core_seconds": round(told["cpu"], 1),
        f"{what}_peak_mib": round(told["peak"] / 2**20),
    }


@contextmanager
def _browser() -> Iterator[Callable]:
    """call(path, body): a WebDriver session, spoken to in its own protocol."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def call(path: str, body: dict | None = None, method: str = "POST"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    try:
        deadline = time.monotonic() + 30
        while not _is_ready(call) and time.monotonic() < deadline:
            time.sleep(0.1)
        options = {"goog:chromeOptions": {"args": list(_FLAGS)}}
        session = call("/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]
        yield lambda path, body: call(f"/session/{session}{path}", body)
        call(f"/session/{session}", method="DELETE")
    finally:
        driver.terminate()
        driver.wait()


def _is_ready(call: Callable) -> bool:
    try:
        return call("/status", method="GET")["ready"]
    except OSError:
        return False


def _seconds_until_usable(call: Callable, page: Path) -> float:
    call("/url", {"url": "about:blank"})
    call("/url", {"url": page.resolve().as_uri()})
    return call("/execute/async", {"script": _USABLE, "args": []}) / 1000


if __name__ == "__main__":
    main()
