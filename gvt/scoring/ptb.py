"""Cuts captions into words as the COCO caption evaluation does, which runs a Java program for it.

That evaluation pipes captions through the Stanford PTB tokenizer (CoreNLP 3.4.1, a caption a line,
lower case) and drops a list of punctuation. What that does was learnt by feeding it text; this is a
lexer of our own with the same outcome: at every place all rules are tried and the longest match
wins, text that a rule only looks ahead at included; of equally long ones the first rule wins.

Known differences (docs/scores.md has the rates):
- A caption that ends in a single letter and a stop ("plan b."): there, the next caption of the file
  decides whether the stop stays; here the next one is taken to begin with "A".
- Letters that Unicode got after 2003, and marks of Oriya, Kannada, Sinhala and Burmese script.
- Line feeds inside a caption (\\r, \\v, \\f, U+2028) misalign the reference; here they are spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

# What the evaluation drops. Other marks ("!!", "*", "$", brackets as "-lrb-") count as words.
_DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";", ""])

# Rules read a copy of the text in which one character stands for each kind outside ASCII.
_STAND_INS = {
    "’": "’\x92",
    "‘": "‘‛‹\x91",
    "“": "“«\x93",
    "”": "”»\x94",
    "–": "–—―\x96\x97",
    "é": "\u00ad",  # a soft hyphen is part of a word, and vanishes from it
    "⁄": "⁄",  # of fractions
}
_STAND_IN = {char: kind for kind, chars in _STAND_INS.items() for char in chars}
_MARKS = re.compile(
    "[\u0300-\u0487\u0591-\u0a4d\u0a81-\u0acd\u0b82-\u0bcd\u0c01-\u0c56\u0d3e-\u0d48"
    "\u0e31-\u0e4e\u0eb1-\u0ecd\u02b9-\u02ff\u0374\u0375\u0384\u0385]"
)
_SYMBOLS = re.compile(
    "[\u0080\u0085\u00a1-\u00bf\u00d7\u00f7\u037e\u0387\u0589\u060c\u061b\u061f\u066a\u066d\u06d4"
    "\u0964\u0965\u0e3f\u0e4f\u1fbd\u2016\u2017\u201a\u201e\u201f\u2020-\u2023\u2026\u2030-\u2038"
    "\u203a\u203b\u203e-\u2042\u2070-\u208e\u20a0\u20a4\u20ac\u2100-\u214f\u2153-\u215e"
    "\u2190-\u2bff\u3001\u3002\u3012\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
    "\uffe0\uffe1\uffe5\uffe6]"
)
_SPELT = {
    "(": "-lrb-",
    ")": "-rrb-",
    "[": "-lsb-",
    "]": "-rsb-",
    "{": "-lcb-",
    "}": "-rcb-",
    "€": "$",
    "\u20a0": "$",
    "¤": "$",
    "\x80": "$",
    "£": "#",
    "¢": "cents",
    "¼": "1/4",
    "½": "1/2",
    "¾": "3/4",
    "⅓": "1/3",
    "⅔": "2/3",
    "&amp;": "&",
    "&lt;": "<",
    "&gt;": ">",
    **dict.fromkeys(["'", '"', "`", "…", "\x85", "›"], ""),
}
_ENTITIES = {"&apos;": "'", "&quot;": '"', "&nbsp;": " ", "&mdash;": "—"}
_ENTITY = re.compile("|".join(_ENTITIES))

# Abbreviations keep their stop: titles and their like, others, with a capital, before a figure.
_TITLES = """
    adj adm adv alex assoc asst atty attys ave brig capt cf cie cmdr col comdr cpl dept det dr
    drs elec ens ft gen gov govs hon insp invt jos lieut lt maj messrs mlle mme mr mrs ms msgr
    mt natl pfc ph pres prof profs pvt rep reps rev sen sens sfc sgt spc st ste supt treas vs
    wm"""
_ABBREVIATED = """
    al ala apr ariz assn aug bhd bldg blvd bros calif co colo conn corp cos ct dak dec esq est
    etc ext feb fla fri ga inc ind intl jan jr jul jun kan kans ky ltd mar md mfg mich minn mo
    mon mont mtg neb nev nov oct okla penn ph.d plc ppte ppty pte ptes pty ptys rd rt sep sept
    seq sq sr sys tel tenn thu thurs tue tues univ va vt wed wis wisc wyo"""
_ABBREVIATED_NAMES = "ariz ark az del ill la mass miss ore pa tex wash"
_ABBREVIATED_NUMBERS = "art ca fig figs no nos op pp prop"
# A single letter loses its stop before these, where a sentence is taken to begin.
_BEGINNINGS = """
    a about according additionally after an as at but earlier he her here however if in it last many
    more now once one other our she since so some such that the their then there these they this we
    what when while yet you"""
_FILES = """
    bat bmp c cgi class cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl
    png ppt ps py sql tar txt wav x xml zip"""
_FUSED = {"cannot": 3, "gimme": 3, "gonna": 3, "gotta": 3, "lemme": 3, "wanna": 3}


def _any(words: str) -> str:
    return "(?i:" + "|".join(map(re.escape, sorted(words.split(), key=len, reverse=True))) + ")"


def _lower(text: str) -> str:
    return text.lower().replace("\u00ad", "")


def _joined(text: str) -> str:
    # Blanks do not part such a token; it counts as several words for all but ROUGE.
    text = re.sub(r"\s", "\u00a0", _lower(text))
    return text.replace("(", "-lrb-").replace(")", "-rrb-")


def _straight(text: str) -> str:
    return _lower(text).replace("’", "'")


def _quotes(text: str) -> str:
    return text.translate({ord("‘"): "`", ord("’"): "'", ord("“"): "``", ord("”"): "''"})


def _nothing(text: str) -> str:
    return ""


_L, _X = "[A-Za-zé]", "[A-Za-zé0-9٣]"  # letters; letters and digits
_Q = "['’]"
_CLITIC = rf"(?i:{_Q}(?:[msd]|re|ve|ll))"
_NOT = "[A-MO-Za-mo-z]"  # what may stand before "n't"
_DOTTED = rf"{_L}{_X}*(?:[.!?]{_L}{_X}*)*"
_PART = rf"(?:[dDoOlL]{_Q}{_X})?{_X}+"
_PARTS = rf"{_PART}(?:[-_]{_PART})*"
_HYPHENATED = rf"{_X}[A-Za-z0-9.,]*(?:-(?:[A-Za-z](?:\.[A-Za-z])+\.|[A-Za-z0-9]+))+"
_SLASHED = "[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}"
_HOST = "[^\\s\"`'’<>|,-_(){}!?$]"
_PATH = r"(?:/[^\s\"<>|()]+[^\s\"<>|.!?(){},-])?"
_NAME = "[A-Za-z][A-Za-z0-9_:.-]*"

# Letters, digits, and what else a token of the group may begin with; then pattern and spelling. A
# group in a pattern is the token; what follows it is only looked at.
_WORD, _NUMBER, _QUOTE, _OTHER, _ANY = "word", "number", "quote", "other", "any"
_RULES: list[tuple[str, str, Callable[[str], str]]] = [
    (_WORD, rf"({_any(_ABBREVIATED)}\.|(?=[A-Z]){_any(_ABBREVIATED_NAMES)}\.)(?s:.)", _lower),
    # Words: clitics part from them, joints hold them together.
    (_WORD, rf"([A-Za-z]*{_NOT})(?i:n{_Q}t)", _lower),
    (_WORD, rf"({_X}+){_CLITIC}", _lower),
    (_WORD, _DOTTED, _lower),
    (_WORD, _PARTS, _lower),
    (_WORD, _HYPHENATED, _lower),
    (_WORD, rf"((?:{_DOTTED}|{_PARTS}|{_HYPHENATED})\.)[,;:]", _lower),
    (_WORD, rf"{_SLASHED}(?:/{_SLASHED}){{1,2}}", _lower),
    (_WORD, r"[A-Z]+(?:(?:[&+]|&amp;)[A-Z]+)+", lambda text: _lower(text).replace("&amp;", "&")),
    (_WORD, r"(?i:c\+\+|[cf]#)|[A-Z]+\$", _lower),
    (_WORD, rf"[A-HJ-XZn]{_Q}{_L}{{2,}}", _lower),
    (_WORD, rf"((?i:n{_Q}t))[^A-Za-z]", _straight),
    (_WORD, rf"([A-Za-z]*{_NOT})(?i:n[`‘]t)", _lower),
    (_WORD, r"((?i:n[`‘]t))[^A-Za-z]", lambda text: "n`t"),
    # Stops that belong to words.
    (_WORD, r"[A-Za-z](?:\.[A-Za-z])*\.", _lower),
    (_WORD, rf"([A-Za-z])\.(?:\s+(?=[A-Z]){_any(_BEGINNINGS)}\s|\s*\n)", _lower),
    (_WORD, rf"{_any(_TITLES)}\.", _lower),
    (_WORD, rf"({_any(_ABBREVIATED_NUMBERS)}\.)\s?[0-9]", _lower),
    (_WORD, rf"({_X}+\.{_any(_FILES)})[\s.,?!]", _lower),
    # Apostrophes that belong to words.
    (_WORD, rf"{_L}+[aeiouyAEIOUY]{_Q}[aeiouA-Z]{_L}*", _lower),
    (_WORD, rf"[dljDLJ]{_Q}", _lower),
    (_WORD, rf"([yY]{_Q}){_L}", _lower),
    (_WORD, rf"(?i:ol{_Q}|somethin{_Q}|dunkin{_Q}|nor{_Q}easter|cap{_Q}n|c{_Q}mon)", _lower),
    (_WORD, rf"(?i:s{_Q}mores|li{_Q}l|ev{_Q}ry|nat{_Q}l|o{_Q}o|e{_Q}er)", _lower),
    (_QUOTE, rf"(?i:{_Q}(?:cause|em|till?|n{_Q}|[2-9]0s))", _lower),
    (_QUOTE, rf"((?i:'n|{_Q}[0-9][0-9]))\s|’[nN]", _lower),
    (_QUOTE, r"('[tT])(?i:is|was)", _lower),
    (_QUOTE, r"((?i:'(?:[msd]|re|ve|ll)))[^A-Za-z]|(?i:’(?:[msd]|re|ve|ll))", _straight),
    # Numbers: signs, decimals, times; fractions and telephone numbers hold blanks.
    (_NUMBER, r"[-+]?(?:[0-9٣]*(?:[.,:][0-9٣]+)+|[0-9٣]+)", _lower),
    (_NUMBER, r"(?:[0-9]{1,4}[- ])?[0-9]{1,4}[/⁄][0-9]{1,4}", _joined),
    (
        _NUMBER,
        r"(?:\([0-9]{2,3}\) ?|\+{0,2}(?:[0-9]{2,4}[- ])?[0-9]{2,4}[- ])[0-9]{3,4}[- ]?[0-9]{3,5}",
        _joined,
    ),
    # The net.
    (_WORD, r"(?i:https?)://[^\s\"<>|()]+[^\s\"<>|.!?(){},-]", _lower),
    (_WORD, rf"www\.(?:[^\s\"<>|.!?(){{}},]+\.)+[a-zA-Z]{{2,4}}{_PATH}", _lower),
    (_ANY, rf"(?:{_HOST}+\.)+(?:com|net|org|edu){_PATH}", _lower),
    (_WORD, r"[a-zA-Z0-9][^\s\"<>|(){}]*@(?:[^\s\"<>|(){}.]+\.)*[^\s\"<>|(){}.]+>?", _lower),
    (_OTHER, r"<[a-zA-Z0-9][^\s\"<>|(){}]*@(?:[^\s\"<>|(){}.]+\.)*[^\s\"<>|(){}.]+>?", _lower),
    (_OTHER, rf"@[A-Za-z_][A-Za-z_0-9]*|#{_L}+", _lower),
    (_OTHER, rf"</?{_NAME}(?:\s+{_NAME}(?:\s*=\s*(?:'[^']*'|\"[^\"]*\"))?)*\s*/?\s*>", _joined),
    (_OTHER, r"<[!?][A-Za-z-][^>]*>", _joined),
    # Faces.
    (_OTHER, r"([<>]?[:;=][-o*'’]?[()DPdpO\\{@|\[\]])[^A-Za-z0-9]", _joined),
    (_OTHER, r"\([-^x=~<>'’][_.]?[-^x=~<>'’]\)|\([\^x=~<>'’]-[\^x=~<>'’`]\)", _joined),
    (_OTHER, r"[-^x=~<>'’]_[-^x=~<>'’]", _lower),
    (_WORD, r"x_[-^x=~<>'’]", _lower),
    # Marks.
    (_OTHER, r"[?!]{2,}|\*+|#{2,}|_+|@@+|<<|>>|&#[0-9]+;|&(?i:amp|lt|gt);|&QUOT;|\\\*", _lower),
    (_OTHER, r"[`‘’“”]{1,2}", _quotes),
    (_OTHER, r"''|-+|\.{3,5}|–+", _nothing),
]
_COMPILED = [(group, re.compile(pattern), spell) for group, pattern, spell in _RULES]
# By far the most words: nothing but letters, then an end that no rule looks beyond; and by far the
# most captions: nothing but such words.
_PLAIN = re.compile(r'[A-Za-z]+(?=[,;:?!)"]?\s)')
_SIMPLE = re.compile(r"(?:[A-Za-z]+[,;:?!]?\s+)*([A-Za-z]{2,})\s?(\.?)\s*")
_SPECIAL = frozenset(f"{_TITLES} {_ABBREVIATED} {_ABBREVIATED_NAMES}".split())
_MARKS_OFF = str.maketrans(",;:?!.", "      ")


@cache
def _kind(char: str) -> str:
    if char in _STAND_IN:
        return _STAND_IN[char]
    category = unicodedata.category(char)
    if category == "Nd":
        return "٣"
    if char > "\uffff":
        return " "  # Java sees two halves and drops them
    if category[0] == "L" or _MARKS.fullmatch(char):
        return "é"
    return "§" if _SYMBOLS.fullmatch(char) else " "


@cache
def _rules(char: str) -> list[tuple[re.Pattern[str], Callable[[str], str]]]:
    groups = {_ANY}
    if char.isalnum():
        groups |= {_WORD, _NUMBER} if char.isdigit() else {_WORD}
    elif char in "'’":
        groups |= {_OTHER, _QUOTE}
    else:
        groups |= {_OTHER, _NUMBER} if char in "+-.,:(" else {_OTHER}
    return [(pattern, spell) for group, pattern, spell in _COMPILED if group in groups]


def _token(text: str, shape: str, at: int) -> tuple[int, str]:
    """The end of the token that begins at a place, and how it is written."""
    longest, end, spell = at, at + 1, _lower
    for pattern, spelling in _rules(shape[at]):
        match = pattern.match(shape, at)
        if match and match.end() > longest:
            longest, spell = match.end(), spelling
            end = match.end(match.lastindex or 0)
    word = spell(text[at:end])
    return end, word if end == longest or word not in _FUSED else f" {word}"


def words(caption: str) -> list[str]:
    """Return the words of a caption as the COCO evaluation compares them, in lower case.

    A telephone number or fraction with blanks in it is one word with no-break spaces.
    """
    simple = _SIMPLE.fullmatch(caption)
    if simple and not (simple[2] and simple[1].lower() in _SPECIAL):
        found = caption.lower().translate(_MARKS_OFF).split()
        return found if _FUSED.keys().isdisjoint(found) else _lexed(caption)
    return _lexed(caption)


def _lexed(caption: str) -> list[str]:
    text = _ENTITY.sub(lambda found: _ENTITIES[found[0]], caption.replace("\n", " ")) + "\n"
    shape = text if text.isascii() else "".join(c if c < "\x7f" else _kind(c) for c in text)
    found: list[str] = []
    at, last = 0, len(text) - 1
    while at < last:
        if shape[at].isspace():
            at += 1
            continue
        plain = _PLAIN.match(shape, at)
        if plain:
            at, word = plain.end(), plain[0].lower()
        else:
            at, word = _token(text, shape, at)
            word = _SPELT.get(word, word)
        if word in _FUSED:
            found += (word[: _FUSED[word]], word[_FUSED[word] :])
        elif word not in _DROPPED:
            found.append(word.lstrip(" "))
    return found
