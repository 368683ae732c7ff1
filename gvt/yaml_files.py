"""Strict YAML files that can include a parent; every complaint names file and line."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from gvt.errors import UserError, nearest

T = TypeVar("T")
Finder = Callable[[str, Path], Path | None]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_NULL = "tag:yaml.org,2002:null"


class FieldError(UserError):
    """A value that its type allows and its meaning does not; ``build`` adds file and line."""

    def __init__(self, field: str, problem: str, hint: str | None = None):
        super().__init__(f"{field}: {problem}", hint)
        self.field = field


def compose(path: Path) -> yaml.MappingNode:
    """Read ``path`` as nodes, whatever tags it holds (``!function`` in task files).

    Raises:
        UserError: it cannot be read, is no YAML, is no mapping, or has a key twice.
    """
    try:
        # From a stream, so that every node's mark carries the name of its file.
        with path.open("rb") as stream:
            node = yaml.compose(stream, Loader=_Loader)
    except OSError as exc:
        raise UserError(f"{path}: cannot be read ({exc.strerror})") from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UserError(f"{where}: broken YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise UserError(f"{path}: broken YAML: {' '.join(str(exc).split())}") from exc
    if node is None:
        return yaml.MappingNode("tag:yaml.org,2002:map", [], None, None)
    if not isinstance(node, yaml.MappingNode):
        raise UserError(f"{path}:{node.start_mark.line + 1}: must hold 'key: value' lines")
    _refuse_doubled(node)
    return node


def compose_layers(path: Path, find: Finder, own: frozenset[str]) -> yaml.MappingNode:
    """Read ``path`` on top of the file that its ``include:`` names, and that on top of its own.

    Mappings are merged key by key and the child wins; a child's ``null`` takes a key away. A list
    replaces the parent's, but an item with a ``name`` is merged into the parent's item of that
    name. Keys in ``own`` describe one file and are not inherited.

    Args:
        find: what was asked for and the file that asks → the file meant, or None.

    Raises:
        UserError: as ``compose``; an include that does not exist or includes itself.
    """
    return _layers(path, find, own, ())


def plain(node: yaml.Node) -> Any:
    """Return a node as Python values; a value with an unknown tag becomes the text behind it."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [plain(item) for item in node.value]
    if not node.tag.startswith("tag:yaml.org,2002:"):
        return f"{node.tag} {node.value}"
    return _scalar(node)


def place(node: yaml.Node, path: Path | None = None) -> str:
    """Return ``file:line`` of a node, or ``path`` for a node that no line of a file holds."""
    mark = node.start_mark
    return f"{mark.name}:{mark.line + 1}" if mark else str(path)


def build(cls: type[T], node: yaml.MappingNode, path: Path, **given: Any) -> T:
    """Make a dataclass of a mapping node.

    Fields may be str, int, float, bool, Literal, tuple, dict[str, …], a dataclass, or a union of
    these. ``given`` are fields that do not come from the file.

    Raises:
        UserError: unknown or missing key, or a value of the wrong type; with file and line.
    """
    fields = {f.name: f for f in dataclasses.fields(cls) if f.name not in given}
    hints = typing.get_type_hints(cls)
    values, keys = dict(given), {}
    for key, value in node.value:
        if key.value not in fields:
            close = nearest(str(key.value), fields)
            hint = f"Nearest: {', '.join(close)}" if close else f"Valid: {', '.join(fields)}"
            raise UserError(f"{place(key)}: unknown key '{key.value}'", hint)
        keys[key.value] = key
        values[key.value] = _value(value, hints[key.value], path)
    for name, f in fields.items():
        no_default = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if name not in values and no_default:
            raise UserError(f"{place(node, path)}: key '{name}' is missing")
    try:
        return cls(**values)
    except FieldError as exc:
        where = place(keys.get(exc.field, node), path)
        raise UserError(f"{where}: {exc.message}", exc.hint) from exc


def _layers(path: Path, find: Finder, own: frozenset[str], trail: tuple) -> yaml.MappingNode:
    # By what the path leads to, so that a cycle over links is one too.
    trail = (*trail, path.resolve())
    child = compose(path)
    include = next((pair for pair in child.value if pair[0].value == "include"), None)
    if include is None:
        return child
    if not isinstance(include[1], yaml.ScalarNode):
        raise UserError(f"{place(include[1])}: include: expected one name, not a list or keys")
    name = include[1].value
    target = find(name, path)
    if target is None:
        raise UserError(f"{place(include[1])}: include: there is no '{name}'")
    if target.resolve() in trail:
        circle = " → ".join(step.name for step in (*trail, target))
        raise UserError(f"{place(include[1])}: include: goes in a circle ({circle})")
    parent = _layers(target, find, own, trail)
    inherited = [pair for pair in parent.value if pair[0].value not in own]
    child.value.remove(include)
    return _merge(_like(parent, inherited), child)


def _merge(parent: yaml.Node, child: yaml.Node) -> yaml.Node:
    if isinstance(parent, yaml.MappingNode) and isinstance(child, yaml.MappingNode):
        merged = {key.value: (key, value) for key, value in parent.value}
        for key, value in child.value:
            if value.tag == _NULL:
                merged.pop(key.value, None)
            elif key.value in merged:
                merged[key.value] = (key, _merge(merged[key.value][1], value))
            else:
                merged[key.value] = (key, value)
        return _like(child, list(merged.values()))
    if isinstance(parent, yaml.SequenceNode) and isinstance(child, yaml.SequenceNode):
        named = {_name(item): item for item in parent.value if _name(item)}
        items = [
            _merge(named[_name(item)], item) if _name(item) in named else item
            for item in child.value
        ]
        return _like(child, items)
    return child


def _like(node: yaml.Node, value: list) -> yaml.Node:
    return type(node)(node.tag, value, node.start_mark, node.end_mark)


def _name(item: yaml.Node) -> str | None:
    if isinstance(item, yaml.MappingNode):
        return next((value.value for key, value in item.value if key.value == "name"), None)
    return None


def _refuse_doubled(node: yaml.Node, around: tuple[yaml.Node, ...] = ()) -> None:
    if any(node is one for one in around):
        raise UserError(f"{place(node)}: an anchor stands within itself")
    around = (*around, node)
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"{place(key)}: a key must be plain text")
            if key.value in seen:
                raise UserError(f"{place(key)}: key '{key.value}' stands twice")
            seen.add(key.value)
            _refuse_doubled(value, around)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubled(item, around)


def _value(node: yaml.Node, hint: Any, path: Path) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if type(None) in arguments and node.tag == _NULL:
            return None
        kinds = [kind for kind in arguments if kind is not type(None)]
        fits = (kind for kind in kinds if _scalar_type(node) is kind)
        return _value(node, next(fits, kinds[-1]), path)
    if dataclasses.is_dataclass(hint):
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{place(node)}: must hold 'key: value' lines")
        return build(hint, node, path)
    if origin is dict:
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{place(node)}: must hold 'key: value' lines")
        return {str(key.value): _value(item, arguments[1], path) for key, item in node.value}
    if origin is tuple:
        return _tuple(node, arguments, path)
    if not isinstance(node, yaml.ScalarNode):
        raise UserError(f"{place(node)}: expected one value, not a list or keys")
    value = _scalar(node)
    if origin is typing.Literal:
        if value not in arguments:
            names = ", ".join(map(str, arguments))
            raise UserError(f"{place(node)}: '{node.value}' is none of {names}")
        return value
    if hint is float and type(value) in (int, str):
        # YAML 1.1 takes `1e-4` for text, and it is how everyone writes a learning rate.
        try:
            return float(value)
        except ValueError:
            pass
    # type(), not isinstance: True is an int to Python, and `steps: yes` is a mistake.
    if type(value) is not hint:
        raise UserError(f"{place(node)}: expected {_NAMES[hint]}, not '{node.value}'")
    return value.strip() if hint is str else value


def _tuple(node: yaml.Node, arguments: tuple, path: Path) -> tuple:
    many = len(arguments) == 2 and arguments[1] is Ellipsis
    if not isinstance(node, yaml.SequenceNode):
        raise UserError(f"{place(node)}: expected a list, like [a, b], not '{plain(node)}'")
    if not many and len(node.value) != len(arguments):
        raise UserError(f"{place(node)}: expected {len(arguments)} values, not {len(node.value)}")
    hints = [arguments[0]] * len(node.value) if many else arguments
    return tuple(_value(item, hint, path) for item, hint in zip(node.value, hints, strict=True))


def _scalar_type(node: yaml.Node) -> type | None:
    return type(_scalar(node)) if isinstance(node, yaml.ScalarNode) else None


def _scalar(node: yaml.ScalarNode) -> Any:
    try:
        return yaml.constructor.SafeConstructor().construct_object(node)
    except (yaml.YAMLError, ValueError) as exc:
        raise UserError(f"{place(node)}: cannot read '{node.value}'") from exc
