"""Fills the table of docs/tokenizers.md: ``.venv/bin/python benchmarks/cards.py``."""

from __future__ import annotations

import re
from pathlib import Path

from tokenizers_zoo import BUILTIN_CARDS, Card, find_cards
from tokenizers_zoo.fit import shape

PAGE = Path(__file__).resolve().parent.parent / "docs" / "tokenizers.md"
_BLOCK = re.compile(r"(<!-- table: cards -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_HEAD = ("card", "encoder", "M", "tokens × width", "pixels", "features", "licence", "not verified")


def filled(text: str) -> str:
    """`text` with what stands between the marks replaced by the table."""
    cards = (Card.load(path) for path in find_cards([BUILTIN_CARDS]).values())
    rows = [_HEAD, ["---"] * len(_HEAD), *(_row(card) for card in cards if card.features)]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return _BLOCK.sub(lambda match: match[1] + table + match[3], text)


def _row(card: Card) -> list[str]:
    image, features = card.image, card.features
    way = "stretch" if image.resize == "stretch" else "crop"
    seen = f"{image.size} of {image.resize_to}" if image.resize_to else f"{image.size}"
    licence = card.licence.split(" (")[0]
    free = "-NC" not in licence
    return [
        f"`{card.name}`",
        card.title,
        f"{card.parameters / 1e6:.1f}",
        "{} × {}".format(*shape(card)),
        f"{seen}, {way}, {image.interpolation}",
        f"{features.layer}{', norm' if features.final_norm else ''}",
        licence if free else f"**{licence}**: no commercial use",
        ", ".join(card.unverified) or "–",
    ]


def main() -> None:
    """Rewrite docs/tokenizers.md in place."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
