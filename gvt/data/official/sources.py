"""The table of published benchmarks, and where their files lie on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from gvt import yaml_files
from gvt.errors import UserError, unknown_name
from gvt.files import sha256

ROOT_VARIABLE = "GVT_DATA"
ACCEPT_VARIABLE = "GVT_ACCEPT"
_TABLE = Path(__file__).with_name("sources.yaml")
_SHORT = 12  # digits of a hash that are enough to accept a file


@dataclass(frozen=True)
class HubImages:
    """A second hub data set with the images: its ``key`` equals the rows' column ``by``."""

    id: str
    split: str
    key: str
    by: str
    config: str | None = None


@dataclass(frozen=True)
class Hub:
    """A hub data set; ``image`` is the image column, ``columns`` our name → the hub's.

    Fields of the reader that ``columns`` does not name are called alike.
    unsure: columns or parts of this entry that no data card confirmed.
    """

    id: str
    split: str
    image: str
    config: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    images: HubImages | None = None
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One benchmark: its official files below the data root, and its hub data set.

    reader: module in ``readers/``. split: the part of the files that is meant, or their kind.
    images: pattern of an image's path. images_from: the data sets they are of, each with its
    split if that is known. samples: entries of the official files, if they tell.
    """

    name: str
    reader: str
    files: dict[str, str]
    images: str
    origin: str
    licence: str
    images_from: tuple[str, ...] = ()
    samples: int | None = None
    split: str = ""
    sha256: dict[str, str] = field(default_factory=dict)
    hub: Hub | None = None


@cache
def sources() -> dict[str, Source]:
    """Return the table, name → source."""
    return {
        key.value: yaml_files.build(Source, node, _TABLE, name=key.value)
        for key, node in yaml_files.compose(_TABLE).value
    }


def source(name: str) -> Source:
    """Return one source. Raises UserError for a name that is none."""
    known = sources()
    if name not in known:
        raise unknown_name("source", name, known, "gvt ls tasks")
    return known[name]


def data_root() -> Path | None:
    """Return $GVT_DATA, which ``--data_root`` sets, or None: the hub is meant.

    Raises:
        UserError: there is no such folder.
    """
    text = os.environ.get(ROOT_VARIABLE, "").strip()
    if not text:
        return None
    root = Path(text).expanduser().absolute()
    if not root.is_dir():
        raise UserError(f"data root {text}: no such folder", _HOW)
    return root


_HOW = f"Give another with --data_root or ${ROOT_VARIABLE}; without, hub data sets are loaded."


def find_files(one: Source, root: Path) -> dict[str, Path] | None:
    """Return role → path of the official files, or None if none of them is there.

    Raises:
        UserError: some of them are missing, or one has another content than published.
    """
    paths = {role: root / path for role, path in one.files.items()}
    absent = [path for path in paths.values() if not path.is_file()]
    if len(absent) == len(paths):
        return None
    if absent:
        raise missing(one, root)
    for role, wanted in one.sha256.items():
        _check_content(paths[role], wanted)
    return paths


def missing(one: Source, root: Path) -> UserError:
    """The error for official files that are not there: which, from where, and what else works."""
    absent = [path for path in one.files.values() if not (root / path).is_file()]
    also = (
        f"; its images go to {one.images.split('{')[0]}…" if len(absent) == len(one.files) else ""
    )
    other = ""
    if one.hub:
        other = (
            f" Or put a copy of the hub data set into hub/{one.hub.id}, or leave --data_root and"
            f" ${ROOT_VARIABLE} away to load {one.hub.id} from the hub."
        )
    return UserError(
        f"'{one.name}': {', '.join(absent)} not found below {root}{also}",
        f"It comes from {one.origin}.{other}",
    )


def _check_content(path: Path, wanted: str) -> None:
    found = sha256(path)
    accepted = [part.strip() for part in os.environ.get(ACCEPT_VARIABLE, "").split(",")]
    if found != wanted and not any(
        len(part) >= _SHORT and found.startswith(part) for part in accepted
    ):
        raise UserError(
            f"{path}: not the published file (SHA-256 {found[:_SHORT]}…, not {wanted[:_SHORT]}…);"
            " scores on it cannot be compared",
            f"Fetch it again, or take it all the same with {ACCEPT_VARIABLE}={found[:_SHORT]}.",
        )
