"""`gvt doctor`: is this machine ready?"""

from __future__ import annotations

import argparse

SUMMARY = "check this machine and installation"
_MARKS = {"ok": "ok  ", "note": "note", "fail": "FAIL"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing to choose."""


def run(args: argparse.Namespace) -> int:
    """Print every check; return 1 if something essential fails."""
    from gvt.doctor import examine

    checks = examine()
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{_MARKS[check.state]}  {check.name:{width}}  {check.detail}")
    return int(any(check.state == "fail" for check in checks))
