"""Values from files against the fields of a TypedDict; only the standard library in here."""

from __future__ import annotations

import itertools
import operator
import types
import typing
from typing import Any, Literal


class SchemaError(ValueError):
    """A file of a run directory is missing, broken or of a newer format; names file and line."""


class Fields:
    """Flat fields that are checked a million times: what ``isinstance`` finds in each."""

    def __init__(self, fields: type) -> None:
        self.types = {name: _allowed(t) for name, t in typing.get_type_hints(fields).items()}
        self._values = operator.itemgetter(*self.types)
        self._usual = frozenset(itertools.product(*self.types.values()))

    def check(self, row: dict[str, Any], where: str) -> None:
        """Raise SchemaError for the first field that is missing or of another type."""
        if row.keys() >= self.types.keys() and tuple(map(type, self._values(row))) in self._usual:
            return  # of a million rows all
        for field, allowed in self.types.items():
            if field not in row:
                raise SchemaError(f"{where}: field {field!r} is missing")
            value = row[field]
            if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
                expected = _names(allowed)
                raise SchemaError(f"{where}: {field} is {shorten(value)}, expected {expected}")


def check(value: Any, expected: Any, field: str, where: str) -> None:
    """Check ``value`` against a type: TypedDict, Literal, union, list, dict or a plain class."""
    if typing.is_typeddict(expected):
        if not isinstance(value, dict):
            raise SchemaError(f"{where}: {field or 'it'} is {shorten(value)}, expected an object")
        for name, part in typing.get_type_hints(expected).items():
            inner = f"{field}.{name}" if field else name
            if name not in value:
                if name in expected.__optional_keys__:
                    continue
                raise SchemaError(f"{where}: field {inner!r} is missing")
            check(value[name], part, inner, where)
        return
    origin, parts = typing.get_origin(expected), typing.get_args(expected)
    if origin is list and isinstance(value, list):
        for i, item in enumerate(value):
            check(item, parts[0], f"{field}[{i}]", where)
    elif origin is dict and isinstance(value, dict):
        if parts[1] is not Any:
            for key, item in value.items():
                check(item, parts[1], f"{field}[{key!r}]", where)
    elif origin is Literal:
        if value not in parts:
            names = ", ".join(map(str, parts))
            raise SchemaError(f"{where}: {field} is {shorten(value)}, expected one of {names}")
    else:
        allowed = _allowed(expected)
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            raise SchemaError(f"{where}: {field} is {shorten(value)}, expected {_names(allowed)}")


def _allowed(expected: Any) -> tuple[type, ...]:
    """What ``isinstance`` may find of a type; a whole number is a float, too."""
    origin, parts = typing.get_origin(expected), typing.get_args(expected)
    allowed = parts if origin in (types.UnionType, typing.Union) else (origin or expected,)
    return (*allowed, int) if float in allowed else allowed


def _names(allowed: tuple[type, ...]) -> str:
    return " or ".join("null" if kind is type(None) else kind.__name__ for kind in allowed)


def shorten(value: Any) -> str:
    """The start of how a value is written in Python, for an error."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
