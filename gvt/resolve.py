"""From what a user calls a tokenizer to its card: name, expression, card file, folder or hub id."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gvt import catalog
from gvt.errors import UserError, unknown_name
from gvt.paths import cache_dir

if TYPE_CHECKING:
    from tokenizers_zoo import Card, TokenizerCard

_HUB_ID = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)


def resolve(text: str, include_path: Iterable[Path] = ()) -> TokenizerCard:
    """The card that ``text`` means; one made by an expression is titled as it was typed.

    Raises:
        UserError: nothing of that name; CardError: a broken card, or options that do not fit.
    """
    return resolve_all({text: text}, include_path)[text]


def resolve_all(
    names: Mapping[str, str], include_path: Iterable[Path], also: Iterable[str] = ()
) -> dict[str, TokenizerCard]:
    """Column → card of every column → name; raises as ``resolve``.

    also: further names to propose for an unknown one.
    """
    known = catalog.tokenizers(include_path)
    return {column: _resolve(name, known, also) for column, name in names.items()}


def spell_out(text: str, columns: Mapping[str, str]) -> str:
    """An expression over the short names of a suite's ``columns``, written with their cards.

    Raises UserError for a column that more than one encoder stands behind.
    """
    from tokenizers_zoo.expression import ExpressionError, Term, parse, render

    try:
        groups = parse(text)
    except ExpressionError:
        return text  # a path with brackets, or a mistake that is told where it is resolved

    def spelt(term: Term) -> Term:
        if term.name not in columns:
            return term
        inner = parse(columns[term.name])
        if len(inner) > 1 or len(inner[0]) > 1:
            raise UserError(
                f"'{text}': column '{term.name}' is '{columns[term.name]}' already",
                "Write out what you mean by the names that 'gvt ls tokenizers' lists.",
            )
        return Term(inner[0][0].name, term.options.over(inner[0][0].options))

    if not any(term.name in columns for group in groups for term in group):
        return text
    return render(tuple(tuple(map(spelt, group)) for group in groups))


def _resolve(text: str, known: dict[str, Path], also: Iterable[str]) -> TokenizerCard:
    from tokenizers_zoo.derived import resolve as derive
    from tokenizers_zoo.expression import Term, parse

    if text in known or _is_there(text):
        return _card(text, known, also)
    groups = parse(text)
    card = derive(groups, lambda name: _card(name, known, also))
    return card if groups == ((Term(text),),) else dataclasses.replace(card, title=text)


def _card(name: str, known: dict[str, Path], also: Iterable[str]) -> Card:
    from tokenizers_zoo import Card

    if name in known:
        return Card.load(known[name])
    if _is_file(name):
        path = Path(name).expanduser()
        if not path.is_file():
            raise UserError(f"tokenizer '{name}': there is no such card file")
        return Card.load(path)
    if name.startswith("local:") or _is_there(name):
        return _automatic(f"local:{name.removeprefix('local:')}")
    if name.startswith(("/", "./", "../", "~")):
        lacks = "no config.json in it" if Path(name).expanduser().is_dir() else "no such folder"
        raise UserError(f"tokenizer '{name}': there is {lacks}")
    hub = _HUB_ID.fullmatch(name)
    if hub:
        return _of_checkpoint(hub, known) or _automatic(name)
    raise unknown_name("tokenizer", name, [*also, *known], "gvt ls tokenizers")


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _is_there(name: str) -> bool:
    """Whether a card file or a checkpoint's folder goes by this name, whatever signs it holds."""
    path = Path(name.removeprefix("local:")).expanduser()
    try:
        return path.is_file() if _is_file(name) else (path / "config.json").is_file()
    except (OSError, ValueError):  # no path at all: too long, or with a NUL
        return False


def _of_checkpoint(hub: re.Match, known: dict[str, Path]) -> Card | None:
    """The card that describes this checkpoint already: its facts were checked by someone."""
    from tokenizers_zoo import Card

    cards = [Card.load(path) for path in known.values()]
    found = [
        card
        for card in cards
        if (card.checkpoint, card.init) == (hub["id"], "pretrained")
        and hub["revision"] in (None, card.revision)
    ]
    if len(found) > 1:
        raise UserError(
            f"tokenizer '{hub[0]}': several cards are of this checkpoint",
            f"Choose one: {', '.join(card.name for card in found)}.",
        )
    return found[0] if found else None


def _automatic(name: str) -> Card:
    from tokenizers_zoo.auto import automatic_card

    return automatic_card(
        name, cache_dir() / "cards", tell=lambda line: print(line, file=sys.stderr)
    )
