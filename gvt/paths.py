"""Where data lies: the shipped folders, the cache and the runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from gvt.errors import UserError

_PACKAGE = Path(__file__).resolve().parent


def data_dir(name: Literal["tasks", "benchmarks"]) -> Path:
    """Return the shipped folder ``name``, of the checkout this code runs from or of the wheel.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    # The checkout comes first: an editable install leaves a copy of the folder in site-packages
    # that no longer follows the checkout. pyproject.toml tells a checkout from a site-packages
    # in which someone else's package is called `tasks`.
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    packaged = _PACKAGE / "_data" / name
    if not packaged.is_dir():
        raise FileNotFoundError(f"{packaged}: the shipped folder '{name}' is not installed")
    return packaged


def expanded(name: str) -> Path:
    """Return a place that a user named, `~` made their home. Raises UserError for nobody's home."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UserError(f"'{name}': there is no such user") from error


def cache_dir() -> Path:
    """Return the folder for features, connectors and images: $GVT_CACHE or ~/.cache/gvt.

    It need not exist yet.
    """
    return Path(os.environ.get("GVT_CACHE") or "~/.cache/gvt").expanduser().absolute()


def runs_dir() -> Path:
    """Return the folder that runs are written to unless told otherwise: ``runs`` right here."""
    return Path("runs").absolute()
