"""Reads what `--tokenizers` takes, such as `clip[layer=-2]+dino`, into names and options.

    expression = channels { "++" channels }      sequences one behind the other
    channels   = term { "+" term }               channels side by side; binds tighter than "++"
    term       = name { "[" option { "," option } "]" }
    option     = "layer=" int | "norm=" ("yes" | "no") | "res=" pixels
               | "tokens=" kept { "+" kept }     kept: patch, a number of pooled patches, cls, …

Nothing in it needs quotes in bash; zsh wants them around brackets. `a[x][y]` is `a[x,y]`, for
places where a comma separates already. A name stands for whatever a caller finds by it: a card, a
folder, a hub id. A later transform (`clip+int8`) is a term whose name is no card's but the
transform's, applied to what stands left of it in its group.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from typing import NoReturn

from tokenizers_zoo.card import CardError
from tokenizers_zoo.strict_yaml import nearest

_PATCH = "patch"
_SWITCH = {"yes": True, "no": False}
OPTIONS = ("layer", "res", "tokens", "norm")
_NAME_LENGTH = 120


class ExpressionError(CardError):
    """An expression that cannot be read; one line with the character where it goes wrong.

    problem: what is wrong, without the place.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.problem = problem


@dataclass(frozen=True)
class Kept:
    """What `tokens=` keeps of an encoder's output, and nothing else.

    patches: whether patches stay. budget: to how many they are averaged; None: all as they are.
    prefix: kinds of prefix tokens that stay (`cls`, `distillation`, `registers`).
    """

    patches: bool
    budget: int | None
    prefix: tuple[str, ...]

    def __str__(self) -> str:
        first = [str(self.budget) if self.budget else _PATCH] if self.patches else []
        return "+".join([*first, *self.prefix])


@dataclass(frozen=True)
class Options:
    """The brackets behind a name; None where an option is not given."""

    layer: int | None = None
    res: int | None = None
    tokens: Kept | None = None
    norm: bool | None = None

    def __str__(self) -> str:
        given = {key: getattr(self, key) for key in OPTIONS}
        if self.norm is not None:
            given["norm"] = "yes" if self.norm else "no"
        return ",".join(f"{key}={value}" for key, value in given.items() if value is not None)

    def over(self, other: "Options") -> "Options":
        """These options, and those of `other` where these say nothing."""
        own = {key: value for key in OPTIONS if (value := getattr(self, key)) is not None}
        return replace(other, **own)


@dataclass(frozen=True)
class Term:
    """A name with its options."""

    name: str
    options: Options = Options()

    def __str__(self) -> str:
        options = str(self.options)
        return f"{self.name}[{options}]" if options else self.name


# Groups behind one another; the terms of a group are side by side.
Groups = tuple[tuple[Term, ...], ...]


def parse(text: str) -> Groups:
    """Read an expression. Raises ExpressionError (one line) with the place of the first mistake."""
    if not text.isprintable():
        raise ExpressionError(f"tokenizer {text!a}", "holds a character that cannot be shown")
    return _Parser(text).groups()


def render(groups: Groups) -> str:
    """The expression in its one regular spelling; `parse` gives the same groups for it."""
    return "++".join("+".join(map(str, group)) for group in groups)


def column_name(text: str) -> str:
    """An expression, path or hub id as a name that may be part of a file name.

    `clip[layer=-2]` → `clip@layer=-2`; of a path or hub id only the last part stays. Two
    expressions may get one name.
    """
    try:
        groups = parse(text)
    except ExpressionError:  # a path with brackets, say; whether it exists is not asked here
        groups = ((Term(text),),)
    named = tuple(tuple(Term(_last_part(t.name), t.options) for t in group) for group in groups)
    name = render(named).replace("[", "@").replace("]", "")
    name = re.sub(r"[^A-Za-z0-9_.,+@=~-]", "-", name)
    name = re.sub(r"^[^A-Za-z0-9_]+", "", name) or "tokenizer"
    if len(name) > _NAME_LENGTH:
        name = f"{name[:_NAME_LENGTH]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return name


def _last_part(name: str) -> str:
    path, at, revision = name.partition("@")
    last = path.removeprefix("local:").rstrip("/").rpartition("/")[2]
    return re.sub(r"\.ya?ml$", "", last) + at + revision


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def groups(self) -> Groups:
        groups = [[self.term()]]
        while self.at < len(self.text):
            if self.take("++"):
                groups.append([self.term()])
            elif self.take("+"):
                groups[-1].append(self.term())
            else:
                self.fail(f"expected '+', '++' or '[', not {self.text[self.at]!r}")
        return tuple(map(tuple, groups))

    def term(self) -> Term:
        start, name = self.at, self.until("[]+,")
        if not name:
            self.fail("a tokenizer's name is missing", start)
        options = Options()
        while self.take("["):
            options = self.options(options)
        return Term(name, options)

    def options(self, options: Options) -> Options:
        while True:
            start, key = self.at, self.until("=,[]")
            if key not in OPTIONS:
                self.fail(f"unknown option '{key}'; {nearest(key, OPTIONS)}", start)
            if getattr(options, key) is not None:
                self.fail(f"option '{key}' stands twice", start)
            if not self.take("="):
                self.fail(f"expected '=' and a value behind '{key}'")
            start, value = self.at, self.until(",[]")
            options = replace(options, **{key: getattr(self, f"_{key}")(value, start)})
            if self.take("]"):
                return options
            if not self.take(","):
                self.fail("expected ',' or ']'")

    def take(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) * found
        return found

    def until(self, signs: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in signs:
            self.at += 1
        return self.text[start : self.at].strip()

    def fail(self, problem: str, at: int | None = None) -> NoReturn:
        place = (self.at if at is None else at) + 1
        raise ExpressionError(f"tokenizer '{self.text}', character {place}", problem)

    def _layer(self, value: str, start: int) -> int:
        return self._number("layer", value, start, r"[+-]?\d{1,4}")

    def _res(self, value: str, start: int) -> int:
        return self._number("res", value, start, r"0*[1-9]\d{0,4}")

    def _norm(self, value: str, start: int) -> bool:
        if value not in _SWITCH:
            self.fail(f"norm must be yes or no, not '{value}'", start)
        return _SWITCH[value]

    def _tokens(self, value: str, start: int) -> Kept:
        kinds = [kind.strip() for kind in value.split("+")]
        for kind in kinds:
            if not re.fullmatch(r"[a-z]+|0*[1-9]\d{0,6}", kind, re.ASCII):
                self.fail(
                    f"tokens: '{kind}' is neither a kind of token nor a number above 0; "
                    "write patch, cls, 64, patch+cls, 64+cls, …",
                    start,
                )
            if kinds.count(kind) > 1:
                self.fail(f"tokens: '{kind}' stands twice", start)
        patches = [kind for kind in kinds if kind == _PATCH or kind.isdigit()]
        if len(patches) > 1:
            both = " and ".join(f"'{kind}'" for kind in patches)
            self.fail(f"tokens: {both} both say what happens to the patches", start)
        budget = int(patches[0]) if patches and patches[0] != _PATCH else None
        return Kept(bool(patches), budget, tuple(kind for kind in kinds if kind not in patches))

    def _number(self, key: str, value: str, start: int, pattern: str) -> int:
        if not re.fullmatch(pattern, value, re.ASCII):
            meant = "a whole number" if key == "layer" else "a number of pixels, 1 to 99999"
            self.fail(f"{key} must be {meant}, not '{value}'", start)
        return int(value)
