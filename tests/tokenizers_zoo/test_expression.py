"""Expressions: read into names and options, or one line that says where they go wrong."""

import random

import pytest

from leaderboard import schema
from tokenizers_zoo import CardError, column_name
from tokenizers_zoo.expression import Kept, Options, Term, parse, render

CLS = Kept(False, None, ("cls",))


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("clip", (("clip", {}),)),
        ("clip[layer=-2]", (("clip", {"layer": -2}),)),
        ("clip[res=336,norm=no]", (("clip", {"res": 336, "norm": False}),)),
        ("clip[res=336][norm=yes]", (("clip", {"res": 336, "norm": True}),)),
        ("clip[tokens=cls]", (("clip", {"tokens": CLS}),)),
        ("clip[tokens=patch+cls]", (("clip", {"tokens": Kept(True, None, ("cls",))}),)),
        ("clip[ tokens = 64 + cls ]", (("clip", {"tokens": Kept(True, 64, ("cls",))}),)),
        ("o/m@refs/pr/3[layer=+1]", (("o/m@refs/pr/3", {"layer": 1}),)),
        ("local:/my data/v=1.0", (("local:/my data/v=1.0", {}),)),
    ],
)
def test_one_term(text, groups):
    ((name, options),) = groups
    assert parse(text) == ((Term(name, Options(**options)),),)


def test_plus_binds_tighter_than_plus_plus():
    a, b, c = Term("a"), Term("b", Options(tokens=CLS)), Term("c")
    assert parse("a+b[tokens=cls]++c+a") == ((a, b), (c, a))
    assert parse("a++b[tokens=cls]") == ((a,), (b,))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 1, "name is missing"),
        ("a+", 3, "name is missing"),
        ("a+++b", 4, "name is missing"),
        ("[layer=1]", 1, "name is missing"),
        ("a]", 2, "expected '+', '++' or '['"),
        ("a,b", 2, "expected '+', '++' or '['"),
        ("a[layer=1]b", 11, "expected '+', '++' or '['"),
        ("a[layer=1", 10, "expected ',' or ']'"),
        ("a+b[layr=1]", 5, "unknown option 'layr'; did you mean 'layer'?"),
        ("a[]", 3, "unknown option ''; valid: layer, res, tokens, norm"),
        ("a[layer]", 8, "expected '=' and a value"),
        ("a[layer=x]", 9, "layer must be a whole number, not 'x'"),
        ("a[layer=1.5]", 9, "layer must be a whole number"),
        ("a[res=0]", 7, "res must be a number of pixels"),
        ("a[res=-3]", 7, "res must be a number of pixels"),
        ("a[norm=true]", 8, "norm must be yes or no, not 'true'"),
        ("a[layer=1,layer=2]", 11, "'layer' stands twice"),
        ("a[layer=1][layer=2]", 12, "'layer' stands twice"),
        ("a[tokens=]", 10, "neither a kind of token nor a number"),
        ("a[tokens=0]", 10, "neither a kind of token nor a number"),
        ("a[tokens=64+patch]", 10, "'64' and 'patch' both say"),
        ("a[tokens=cls+cls]", 10, "'cls' stands twice"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, place, words):
    with pytest.raises(CardError) as caught:
        parse(text)
    line = str(caught.value)
    assert line.startswith(f"tokenizer '{text}', character {place}: ")
    assert words in line and "\n" not in line


def test_any_text_is_read_or_refused_in_one_line():
    """What is read is written and read again as the same; nothing else than CardError comes out."""
    draw = random.Random(0)
    pieces = ["a", "clip-l14", "[", "]", "+", "++", ",", "=", "layer=-2", "tokens=", "64", "cls"]
    pieces += [
        "res=3",
        "norm=no",
        "patch",
        " ",
        "\n",
        "\x1b",
        "é",
        "\udc80",
        "/",
        ":",
        "@",
        "٣",
        "²",
    ]
    read = 0
    for _ in range(20_000):
        text = "".join(draw.choices(pieces, k=draw.randrange(12)))
        name = column_name(text)
        assert schema._NAME.fullmatch(name) and len(name) < 200
        try:
            groups = parse(text)
        except CardError as error:
            assert str(error).isprintable(), text
        else:
            read += 1
            assert parse(render(groups)) == groups
    assert 1000 < read < 19_000


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mini-clip", "mini-clip"),
        ("clip[layer=-2,tokens=patch+cls]", "clip@layer=-2,tokens=patch+cls"),
        ("clip+dino[res=96]++mae", "clip+dino@res=96++mae"),
        ("facebook/dinov2-base", "dinov2-base"),
        ("facebook/dinov2-base@main[layer=3]", "dinov2-base@main@layer=3"),
        ("local:/data/my vit/", "my-vit"),
        ("../cards/mine.yaml", "mine"),
        ("local:/data/[x]", "x"),
        ("...", "tokenizer"),
    ],
)
def test_a_column_may_be_part_of_a_file_name(text, name):
    assert column_name(text) == name


def test_a_long_expression_still_makes_a_file_name():
    names = {column_name("+".join(["encoder"] * n)) for n in (60, 61)}
    assert len(names) == 2 and max(map(len, names)) < 200


def test_outer_options_win():
    inner = Options(layer=1, res=8)
    assert Options(layer=2).over(inner) == Options(layer=2, res=8)
