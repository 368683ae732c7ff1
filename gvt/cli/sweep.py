"""`--sweep KEY=VALUE,…`: every tokenizer of a run at every combination of options and recipes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from gvt.errors import UserError
from tokenizers_zoo.expression import OPTIONS, ExpressionError, Groups, Options, Term, parse, render

_SWEEP = re.compile(r"(?P<key>[^=\[\]]*)=(?P<values>[^\[\]]*)")
# What a user may want to vary and has another flag for.
_OTHERWISE = {
    "seed": "Seeds are given by --seed 0,1.",
    "llm": "A run has one language model; 'gvt report RUN RUN' shows several runs.",
    "connector": "Connectors are shaped by recipes: --sweep recipe=ONE,OTHER.",
}
_RECIPE = "recipe"


def split(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is swept of tokenizers, as ``combinations`` takes it, and the names of swept recipes.

    Raises:
        UserError: no recipe named, one twice, or recipes swept twice.
    """
    options, recipes = [], []
    for text in texts:
        key, _, names = text.partition("=")
        if key.strip() != _RECIPE:
            options.append(text)
            continue
        if recipes:
            raise UserError(f"--sweep {text}: recipes are swept twice")
        recipes = [name.strip() for name in names.split(",")]
        if "" in recipes:
            raise UserError(f"--sweep {text}: expected names", "'gvt ls recipes' lists all.")
        if len({Path(name).stem for name in recipes}) < len(recipes):  # which names the columns
            raise UserError(f"--sweep {text}: two recipes of one name")
    return options, recipes


def combinations(texts: Iterable[str]) -> list[Options]:
    """Every combination of the values that `layer=-1,-2` and its like give; last key fastest.

    Raises:
        UserError: no such option, no such value, or something stands twice.
    """
    axes: dict[str, list[Options]] = {}
    for text in texts:
        match = _SWEEP.fullmatch(text)
        key = match["key"].strip() if match else text
        if hint := _OTHERWISE.get(key.partition(".")[0]):
            raise UserError(f"--sweep {text}: '{key}' is no option of tokenizers", hint)
        if not match:
            raise UserError(f"--sweep {text}: expected KEY=VALUE,VALUE", "e.g. --sweep layer=-1,-2")
        if key in axes:
            raise UserError(f"--sweep {text}: option '{key}' is swept twice")
        axes[key] = [_option(text, key, value) for value in match["values"].split(",")]
        for option in axes[key]:
            if axes[key].count(option) > 1:
                raise UserError(f"--sweep {text}: '{option}' stands twice")
    return [_merged(values) for values in itertools.product(*axes.values())] if axes else []


def swept(names: Iterable[str], known: Mapping[str, str], options: Iterable[Options]) -> list[str]:
    """The expressions of every name at each of ``options``; all parts of a fusion have them.

    known: column → expression of the suite, whose own options give way to swept ones.

    Raises:
        UserError: a name cannot be read, or was typed with an option that is swept.
    """
    options = list(options)
    return [_with(name, known, one) for name in names for one in options]


def _option(text: str, key: str, value: str) -> Options:
    try:
        [[term]] = parse(f"x[{key}={value.strip()}]")
    except ExpressionError as error:
        hint = f"Tokenizers have the options {', '.join(OPTIONS)} (docs/tokenizer-options.md)."
        raise UserError(f"--sweep {text}: {error.problem}", hint) from error
    return term.options


def _merged(values: Iterable[Options]) -> Options:
    merged = Options()
    for value in values:
        merged = value.over(merged)
    return merged


def _with(name: str, known: Mapping[str, str], options: Options) -> str:
    groups = parse(known.get(name, name))
    if name not in known:
        _refuse_doubled(name, groups, options)
    elif len(groups) == len(groups[0]) == 1:
        return str(Term(name, options))  # the column keeps its short name
    return render(
        tuple(
            tuple(Term(term.name, options.over(term.options)) for term in group) for group in groups
        )
    )


def _refuse_doubled(name: str, groups: Groups, options: Options) -> None:
    for term, key in itertools.product(itertools.chain(*groups), OPTIONS):
        if getattr(options, key) is not None and getattr(term.options, key) is not None:
            raise UserError(
                f"--sweep {key}=…: '{name}' says its {key} already",
                f"Leave {key} to the sweep, or sweep over another option.",
            )
