"""Strict reading of official files: whatever is wrong is told with its file and entry."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gvt.errors import UserError

Fields = dict[str, Any]

_AGAIN = "Was the download complete? Fetch the file again."
_NAMES = {str: "text", int: "a whole number", list: "a list", dict: "an object"}
_MISSING = object()


def read_json(path: Path, unique_keys: bool = False) -> Any:
    """Return the content of a JSON file; on demand a key that stands twice is an error.

    Raises:
        UserError: it cannot be read or is no JSON.
    """

    def refuse_doubled(pairs: list[tuple[str, Any]]) -> Fields:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            keys = [key for key, _ in pairs]
            doubled = next(key for key in keys if keys.count(key) > 1)
            raise UserError(f"{path}: key '{doubled}' stands twice in one object")
        return fields

    try:
        hook = refuse_doubled if unique_keys else None
        return json.loads(path.read_bytes(), object_pairs_hook=hook)
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc
    except json.JSONDecodeError as exc:
        raise UserError(f"{path}:{exc.lineno}: not JSON, or cut off ({exc.msg})", _AGAIN) from exc
    except UnicodeDecodeError as exc:
        raise UserError(f"{path}: not UTF-8 text ({exc.reason})", _AGAIN) from exc
    except (ValueError, RecursionError) as exc:  # numbers without end, brackets without end
        raise UserError(f"{path}: not JSON that can be read ({exc})", _AGAIN) from exc


def listed(path: Path, key: str | None = None) -> Iterator[tuple[str, Fields]]:
    """Yield ``(where, entry)`` of a JSON file's list, or of the list under ``key``.

    Raises:
        UserError: no JSON, no such list, or an entry that is no object.
    """
    content = read_json(path)
    if key is not None:
        check(content, {key: list}, str(path))
        content = content[key]
    elif type(content) is not list:
        raise UserError(f"{path}: expected a list, not {_kind(content)}")
    prefix = f"{path}: {key or 'entry'}"
    for index, entry in enumerate(content):
        if type(entry) is not dict:
            raise UserError(f"{prefix}[{index}]: expected an object, not {_kind(entry)}")
        yield f"{prefix}[{index}]", entry


def lines(path: Path) -> Iterator[tuple[str, Fields]]:
    """Yield ``(where, entry)`` of a JSON Lines file. Raises UserError."""
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise UserError(f"{path}: not UTF-8 text ({exc.reason})", _AGAIN) from exc
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as exc:
            raise UserError(f"{where}: not JSON, or cut off ({exc.msg})", _AGAIN) from exc
        except (ValueError, RecursionError) as exc:
            raise UserError(f"{where}: not JSON that can be read ({exc})", _AGAIN) from exc
        if type(entry) is not dict:
            raise UserError(f"{where}: expected an object, not {_kind(entry)}")
        yield where, entry


def table(path: Path) -> Iterator[tuple[str, Fields]]:
    """Yield ``(where, row)`` of a CSV file with a header; all values are text. Raises UserError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                where = f"{path}:{reader.line_num}"
                if None in row or None in row.values():
                    raise UserError(f"{where}: expected {len(reader.fieldnames or ())} values")
                yield where, row
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise UserError(f"{path}: not a CSV file ({exc})", _AGAIN) from exc


def check(fields: Fields, wanted: dict[str, type], where: str) -> None:
    """Raise UserError unless every wanted key is there with a value of exactly that type."""
    if type(fields) is not dict:
        raise UserError(f"{where}: expected an object, not {_kind(fields)}")
    for key, kind in wanted.items():
        value = fields.get(key, _MISSING)
        if type(value) is not kind:  # exactly: True is an int to Python
            if value is _MISSING:
                raise UserError(f"{where}: key '{key}' is missing")
            raise UserError(f"{where}: '{key}' must be {_NAMES[kind]}, not {_shown(value)}")


def one_of(value: str, allowed: tuple[str, ...], key: str, where: str) -> str:
    """Return ``value`` if it is allowed. Raises UserError."""
    if value not in allowed:
        names = ", ".join(repr(name) for name in allowed)
        raise UserError(f"{where}: '{key}' is {_shown(value)}, expected one of {names}")
    return value


class Unique:
    """Refuses the second entry with the same number."""

    def __init__(self, key: str) -> None:
        self._key, self._seen = key, {}

    def add(self, number: Any, where: str) -> None:
        """Raise UserError naming both entries if ``number`` was there before."""
        first = self._seen.setdefault(number, where)
        if first is not where:
            before = first.rpartition(": ")[2]
            raise UserError(f"{where}: {self._key} {number} appears twice, first in {before}")


def _kind(value: Any) -> str:
    return _NAMES.get(type(value), _shown(value))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
