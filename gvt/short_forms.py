"""What files of suites and recipes may leave short: lists of names, places beside the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from gvt import yaml_files
from gvt.data.training_files import PLACES
from gvt.errors import UserError
from gvt.paths import expanded
from tokenizers_zoo import column_name

_TEXT = "tag:yaml.org,2002:str"


def place_data(recipe: yaml.MappingNode) -> None:
    """Make the places of data files absolute: they are relative to the file that names them."""
    stages = [value for key, value in recipe.value if key.value == "stages"]
    for data in (value for stage in _items(stages) for value in _at(stage, "data")):
        for place in (value for name in PLACES for value in _at(data, name)):
            if place.value and place.tag == _TEXT:
                folder = Path(place.start_mark.name).absolute().parent
                place.value = os.path.normpath(folder / expanded(place.value))


def _items(nodes: list[yaml.Node]) -> list[yaml.Node]:
    return [item for node in nodes if isinstance(node, yaml.SequenceNode) for item in node.value]


def _at(node: yaml.Node, name: str) -> list[yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [value for key, value in node.value if key.value == name]


def columns_of_names(
    names: yaml.SequenceNode, usual: Mapping[str, str] | None = None
) -> yaml.MappingNode:
    """A list of cards as columns of the same names; of controls, with their ``usual`` cards.

    Raises:
        UserError: with file and line; not a name, or a name twice.
    """
    pairs = []
    for node in names.value:
        if not isinstance(node, yaml.ScalarNode):
            raise UserError(f"{yaml_files.place(node)}: expected a name, not a list or keys")
        name = column_name(node.value) if usual is None else node.value
        if any(name == earlier.value for earlier, _ in pairs):
            raise UserError(f"{yaml_files.place(node)}: '{node.value}' stands twice")
        card = node.value if usual is None else usual.get(name, "")
        pairs.append(
            tuple(
                yaml.ScalarNode(node.tag, text, node.start_mark, node.end_mark)
                for text in (name, card)
            )
        )
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, names.start_mark, names.end_mark)
