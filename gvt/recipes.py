"""The alignment recipes of a run: one for all columns, but for those that have one of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gvt import catalog
from gvt.config import Recipe, Suite


@dataclass(frozen=True)
class Recipes:
    """The recipe of every column: ``default``, but for columns with their ``own``."""

    default: Recipe
    own: Mapping[str, Recipe] = field(default_factory=dict)

    def of(self, column: str) -> Recipe:
        """The recipe that ``column`` is aligned by."""
        return self.own.get(column, self.default)

    @property
    def all(self) -> tuple[Recipe, ...]:
        """Every recipe once, the default first."""
        found = {recipe.hash(): recipe for recipe in (self.default, *self.own.values())}
        return tuple(found.values())


def recipes_of(
    suite: Suite, include_path: Iterable[Path] = (), connector: str | None = None
) -> Recipes:
    """The recipes that ``suite`` names, all with a ``connector`` of this type where one is given.

    Raises:
        UserError: no recipe of that name, or a broken file.
    """

    def read(name: str) -> Recipe:
        recipe = catalog.get_recipe(name, include_path)
        if connector is None:
            return recipe
        return replace(recipe, connector=replace(recipe.connector, type=connector))

    return Recipes(
        read(suite.recipe), {column: read(name) for column, name in suite.recipes.items()}
    )
