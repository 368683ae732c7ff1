"""From the names that --tokenizers takes to columns and, where they have their own, recipes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from gvt.config import CONTROLS
from gvt.errors import UserError
from gvt.resolve import resolve_all, spell_out
from tokenizers_zoo import column_name
from tokenizers_zoo.expression import ExpressionError, parse


def columns_of(
    names: Iterable[str],
    known: dict[str, str],
    recipes: dict[str, str],
    include_path: tuple[Path, ...],
) -> tuple[dict[str, str], dict[str, str]]:
    """Columns by their short name in the suite, by their card in it, or new ones by expression.

    known: column → expression of the suite; recipes: column → recipe of those that have their own.
    Both are returned for the columns that ``names`` ask for. Raises UserError.
    """
    short = {card: column for column, card in reversed(known.items())}
    columns: dict[str, str] = {}
    own: dict[str, str] = {}
    for name in names:
        column = name if name in known else short.get(name)
        if column:
            columns[column] = known[column]
        else:
            column, card = _new_column(name, known, columns, include_path)
            columns[column] = card
        if recipe := _own_recipe(column if column in known else name, recipes):
            own[column] = recipe
    return columns, own


def at_recipes(
    columns: dict[str, str], recipes: Iterable[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Every column once by each of ``recipes``, as ``column@recipe=name``, and these recipes."""
    made: dict[str, str] = {}
    own: dict[str, str] = {}
    for column, card in columns.items():
        for recipe in recipes:
            joint = "," if "@" in column else "@"
            name = column_name(f"{column}{joint}recipe={Path(recipe).stem}")
            made[name], own[name] = card, recipe
    return made, own


def _new_column(
    name: str, known: dict[str, str], columns: dict[str, str], include_path: tuple[Path, ...]
) -> tuple[str, str]:
    card = spell_out(name, known)
    resolve_all({name: card}, include_path, also=known)
    column = column_name(name)
    taken = column in CONTROLS and column != name
    if taken or columns.get(column, known.get(column, card)) != card:
        # Another one of that name is there; which it is, the report says in full.
        column = f"{column}-{hashlib.sha256(card.encode()).hexdigest()[:6]}"
    return column, card


def _own_recipe(name: str, recipes: dict[str, str]) -> str | None:
    """The recipe of a column, or of the columns that an expression is made of."""
    if name in recipes or not recipes:
        return recipes.get(name)
    try:
        terms = [term.name for group in parse(name) for term in group]
    except ExpressionError:  # a path with brackets
        return None
    found = {recipes.get(term) for term in terms}
    if len(found) > 1:
        raise UserError(
            f"'{name}': its columns are aligned by different recipes",
            "Write out what you mean by the names that 'gvt ls tokenizers' lists.",
        )
    return found.pop()
