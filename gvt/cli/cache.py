"""`gvt cache`: what the cache holds, and making room."""

from __future__ import annotations

import argparse
import time

from gvt import cache
from gvt.paths import cache_dir

SUMMARY = "show what the cache holds, or clear it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    parser.add_argument("action", choices=("info", "clear"))
    parser.add_argument(
        "kinds", nargs="*", metavar="KIND", help=f"{', '.join(cache.KINDS)} (default: all)"
    )


def run(args: argparse.Namespace) -> None:
    """Print or delete the entries of the kinds asked for."""
    for kind in args.kinds:
        if kind not in cache.KINDS:
            raise cache.unknown_kind(kind)
    allowed = cache.limit()
    print(f"{cache_dir()}  limit {_size(allowed) if allowed else 'none'}")
    for kind in args.kinds or cache.KINDS:
        found = list(cache.entries(kind))
        size = _size(sum(entry.size for entry in found))
        line = f"{kind:<10}  {len(found):>6} entries  {size:>10}"
        if args.action == "clear":
            for entry in found:
                entry.remove()
            line += "  cleared"
        elif found:
            line += f"  oldest used {_ago(min(entry.used for entry in found))} ago"
        print(line)


def _size(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _ago(when: float) -> str:
    seconds = max(0.0, time.time() - when)
    for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"
