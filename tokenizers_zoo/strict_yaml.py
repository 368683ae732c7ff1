"""Reads a YAML file into a dataclass, strictly: complaints name file, line and nearest key."""

import dataclasses
import difflib
import types
import typing
from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "keys",
}


@dataclasses.dataclass
class Lines:
    """Where each key of a read file stood, for checks that come after reading.

    `at` maps a dotted key (`image.size`) to its line, counted from 1.
    """

    path: Path
    error: type[Exception]
    at: dict[str, int] = dataclasses.field(default_factory=dict)

    def fail(self, key: str, problem: str) -> typing.NoReturn:
        """Raise `error` with one line `file:line: problem`, the line of `key` or of its parent."""
        line = self.at.get(key) or self.at.get(key.rpartition(".")[0], 1)
        raise self.error(f"{self.path}:{line}: {problem}")


def nearest(name: str, valid: typing.Iterable[str]) -> str:
    """The end of an error message: the valid name most like `name`, then all valid names."""
    names = list(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}valid: {', '.join(names) or 'none'}"


def read(path: Path, cls: type, error: type[Exception], /, **given: Any) -> tuple[Any, Lines]:
    """Read `path` as one instance of dataclass `cls`.

    Field types may be str, int, float, bool, dict (taken as it is), Literal, tuple, another
    dataclass, or any of these or None. `given` are fields that do not come from the file.
    Raises `error` (one line) for an unreadable file, broken YAML, an unknown, doubled or missing
    key, or a value of the wrong type.
    """
    node, lines = _compose(Path(path), error)
    return _dataclass(node, cls, "", lines, given), lines


def read_table(path: Path, cls: type, error: type[Exception]) -> dict[str, Any]:
    """Read `path` as a mapping, free names → instances of dataclass `cls`; raises as `read`."""
    node, lines = _compose(Path(path), error)
    return {key: _dataclass(value, cls, key, lines, {}) for key, value in _items(node, "", lines)}


def _compose(path: Path, error: type[Exception]) -> tuple[yaml.Node, Lines]:
    lines = Lines(path, error)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as exc:
        raise error(f"{path}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise error(f"{path}: is not UTF-8 text") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise error(f"{path}:{line}: broken YAML: {exc.problem}") from exc
    except yaml.YAMLError as exc:
        raise error(f"{path}: broken YAML: {' '.join(str(exc).split())}") from exc
    if node is None:
        raise error(f"{path}: is empty")
    return node, lines


def _items(node: yaml.Node, where: str, lines: Lines) -> list[tuple[str, yaml.Node]]:
    """Keys and value nodes of a mapping; notes each key's line and refuses doubled keys."""
    if not isinstance(node, yaml.MappingNode):
        lines.at.setdefault(where, node.start_mark.line + 1)
        lines.fail(where, f"{where or 'the file'} must hold 'key: value' lines")
    items = []
    for key_node, value in node.value:
        key = str(key_node.value)
        dotted = f"{where}.{key}" if where else key
        doubled = dotted in lines.at
        lines.at[dotted] = key_node.start_mark.line + 1
        if doubled:
            lines.fail(dotted, f"key '{key}' stands twice")
        items.append((key, value))
    return items


def _dataclass(node: yaml.Node, cls: type, where: str, lines: Lines, given: dict) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls) if f.name not in given}
    hints = typing.get_type_hints(cls)
    values = dict(given)
    for key, value in _items(node, where, lines):
        dotted = f"{where}.{key}" if where else key
        if key not in fields:
            lines.fail(dotted, f"unknown key '{key}'; {nearest(key, fields)}")
        values[key] = _value(value, hints[key], dotted, lines)
    for name, f in fields.items():
        no_default = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if name not in values and no_default:
            lines.fail(where, f"key '{where}.{name}' is missing".replace("'.", "'"))
    return cls(**values)


def _value(node: yaml.Node, hint: Any, where: str, lines: Lines) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        if _plain(node, where, lines) is None:
            return None
        return _value(node, arguments[0], where, lines)
    if dataclasses.is_dataclass(hint):
        return _dataclass(node, hint, where, lines, {})
    plain = _plain(node, where, lines)
    if origin is typing.Literal:
        if plain not in arguments:
            lines.fail(where, f"{where}: '{plain}' is not known; {nearest(str(plain), arguments)}")
        return plain
    if origin is tuple:
        many = len(arguments) == 2 and arguments[1] is Ellipsis
        if not isinstance(plain, list) or not (many or len(plain) == len(arguments)):
            size = "" if many else f" of {len(arguments)}"
            lines.fail(where, f"{where} must be a list{size}, like [a, b], not {plain!r}")
        each = [arguments[0]] * len(plain) if many else arguments
        return tuple(_value(n, h, where, lines) for n, h in zip(node.value, each, strict=True))
    if hint is float and type(plain) is int:
        return float(plain)
    # type(), not isinstance: True is an int to Python, and `size: yes` is a mistake.
    if type(plain) is not hint:
        quote = " (put it in quotes)" if hint is str and plain is not None else ""
        lines.fail(where, f"{where} must be {_NAMES[hint]}, not {plain!r}{quote}")
    return plain


def _plain(node: yaml.Node, where: str, lines: Lines) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError) as exc:
        problem = getattr(exc, "problem", None) or exc
        lines.fail(where, f"{where}: {problem}")
