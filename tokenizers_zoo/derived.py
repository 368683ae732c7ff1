"""Tokenizers made of cards by an expression: other settings, fewer tokens, several side by side."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from tokenizers_zoo.card import Card, CardError
from tokenizers_zoo.expression import Groups, Kept, Options, Term
from tokenizers_zoo.families import families
from tokenizers_zoo.protocol import TokenizerCard
from tokenizers_zoo.strict_yaml import nearest

# Part of every hash; raise it when `combining.py` would make other features of the same encoders'.
_COMBINE_VERSION = 1


@dataclass(frozen=True)
class Selection:
    """Some of one encoder's tokens, chosen or averaged when its features are read.

    kept: what stays; every kind of `kept.prefix` is among those the base card keeps.
    """

    base: Card
    kept: Kept
    name: str
    title: str

    @property
    def description(self) -> str:
        """The base card's, and what is taken of it."""
        if self.kept.budget:
            what = f"its patches averaged over the grid to {self.kept.budget}"
        else:
            what = "its patches" if self.kept.patches else "no patches"
        more = f", and {', '.join(self.kept.prefix)}" if self.kept.prefix else ""
        return f"{self.base.description.strip()} Taken of it: {what}{more}."

    @property
    def parameters(self) -> int:
        return self.base.parameters

    @property
    def licence(self) -> str:
        return self.base.licence

    @property
    def source(self) -> str:
        return self.base.source

    @property
    def citation(self) -> str:
        return self.base.citation

    @property
    def encoders(self) -> tuple[Card, ...]:
        return (self.base,)

    def hash(self) -> str:
        """See `Card.hash`."""
        return _hash("selection", [self.base.hash(), str(self.kept)])


@dataclass(frozen=True)
class Fusion:
    """Several tokenizers as one.

    kind: `channels` puts the features of a place side by side, on the first part's grid;
    `sequence` puts the tokens one behind the other.
    """

    kind: Literal["channels", "sequence"]
    parts: tuple[TokenizerCard, ...]
    name: str
    title: str

    @property
    def description(self) -> str:
        """What is joined and how."""
        names = [part.name for part in self.parts]
        joined = f"{', '.join(names[:-1])} and {names[-1]}"
        if self.kind == "channels":
            return (
                f"Features of {joined} side by side, place by place; a grid that differs from the "
                "first one's is resampled to it (bilinear, antialiased)."
            )
        return f"Tokens of {joined} one behind the other, each in channels of its own."

    @property
    def parameters(self) -> int:
        """The sum over distinct encoders: two layers of one network are one network."""
        networks = {
            (card.family, card.folder or card.checkpoint, card.revision, card.init, card.seed): card
            for card in self.encoders
        }
        return sum(card.parameters for card in networks.values())

    @property
    def licence(self) -> str:
        return "; ".join(dict.fromkeys(part.licence for part in self.parts))

    @property
    def source(self) -> str:
        return "; ".join(dict.fromkeys(part.source for part in self.parts))

    @property
    def citation(self) -> str:
        return "\n".join(dict.fromkeys(part.citation.strip() for part in self.parts)).strip()

    @cached_property
    def encoders(self) -> tuple[Card, ...]:
        """Every encoder once, however many parts read it."""
        return tuple(dict.fromkeys(card for part in self.parts for card in part.encoders))

    def hash(self) -> str:
        """See `Card.hash`."""
        return _hash(self.kind, [part.hash() for part in self.parts])


def resolve(groups: Groups, find: Callable[[str], Card]) -> TokenizerCard:
    """The tokenizer an expression means; `find` gives the card of a name.

    Raises CardError for options that a card's family does not have.
    """
    rows = tuple(
        _fuse("channels", tuple(with_options(find(term.name), term.options) for term in group))
        for group in groups
    )
    return _fuse("sequence", rows)


def with_options(card: Card, options: Options) -> Card | Selection:
    """`card` with the settings of `options`. Raises CardError where its family has no such thing.

    What other features need is a card of its own; what the features of `card` hold already is
    selected from them, so that several token budgets share one pass over the images.
    """
    if options == Options():
        return card
    _check(card, options)
    order = families()[card.family].prefix
    kept = options.tokens
    if kept:
        # In the order the encoder puts them, however they were asked for.
        kept = replace(kept, prefix=tuple(kind for kind in order if kind in kept.prefix))
    base, changed = _encoder(card, options, kept)
    if kept in (None, Kept(True, None, tuple(k for k in order if k not in base.features.drop))):
        return base
    shown = replace(changed, tokens=kept)
    return Selection(base, kept, str(Term(card.name, shown)), str(Term(card.title, shown)))


def _check(card: Card, options: Options) -> None:
    if card.features is None or card.image is None:
        raise CardError(f"'{card.name}' looks at no image, so it takes no options: [{options}]")
    prefix = families()[card.family].prefix
    for kind in options.tokens.prefix if options.tokens else ():
        if kind not in prefix:
            hint = nearest(kind, ["patch", *prefix])
            raise CardError(f"'{card.name}' has no token '{kind}'; {hint}")


def _encoder(card: Card, options: Options, kept: Kept | None) -> tuple[Card, Options]:
    """The card of the encoder's pass that `options` need, and in what it differs from `card`."""
    image, features, changed = card.image, card.features, Options()
    if options.res not in (None, image.size):
        image, changed = image.at(options.res), replace(changed, res=options.res)
    if options.layer not in (None, features.layer):
        features = replace(features, layer=options.layer)
        changed = replace(changed, layer=options.layer)
    if options.norm not in (None, features.final_norm):
        features = replace(features, final_norm=options.norm)
        changed = replace(changed, norm=options.norm)
    if kept and set(kept.prefix) & set(features.drop):
        drop = (kind for kind in families()[card.family].prefix if kind not in kept.prefix)
        features = replace(features, drop=tuple(drop))
        changed = replace(changed, tokens=Kept(True, None, kept.prefix))
    if changed == Options():
        return card, changed
    name, title = str(Term(card.name, changed)), str(Term(card.title, changed))
    about = f"{card.description.strip()} Here with {changed}."
    return (
        replace(card, name=name, title=title, description=about, image=image, features=features),
        changed,
    )


def _fuse(kind: Literal["channels", "sequence"], parts: tuple[TokenizerCard, ...]) -> TokenizerCard:
    if len(parts) == 1:
        return parts[0]
    sign = "+" if kind == "channels" else "++"
    name, title = (sign.join(getattr(part, key) for part in parts) for key in ("name", "title"))
    return Fusion(kind, parts, name, title)


def _hash(kind: str, made_of: list[str]) -> str:
    content = json.dumps([_COMBINE_VERSION, kind, made_of])
    return hashlib.sha256(content.encode()).hexdigest()
