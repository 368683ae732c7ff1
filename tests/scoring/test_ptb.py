"""Checks caption words and scores against pycocoevalcap, which runs the Java tokenizer.

The captions are made here: what models write (`like_a_model`), with typing errors, abbreviations,
quotes, brackets, contractions, numbers, times, money, hyphens, slashes, ellipses, emoji, addresses
and repeated marks among the words; and strings of little else (`nasty`), empty ones included.
"""

import random

import numpy as np
import pytest

from gvt.scoring import process, ptb

_WORDS = """
    a the an man woman people dog dogs cat horse riding standing on in of with next to street
    sign sitting table plate food bus train white black red large two three group holding
    playing baseball tennis skateboard wave beach grass tree building clock tower kitchen bed
    laptop phone umbrella kite giraffe zebra bench fire hydrant traffic light motorcycle
    airplane truck pizza sandwich banana broccoli donut glass cup fork is are there some very
    that her it by near from behind while young wearing shirt hat tie teh poeple skatebord"""
WORDS = _WORDS.split()
_SPECIAL = """
    U.S. U.K. U.S.A. Dr. Mr. Mrs. St. Ave. Blvd. Jr. Sr. vs. etc. Inc. Co. Ltd. e.g. i.e. a.m.
    p.m. No. no. Mt. Ft. Rd. Ln. Sgt. Wash. Ill. ill. pp. fig. Ph.D. D.C. cannot Cannot gonna
    wanna gotta gimme lemme can't don't DON'T won't isn't it's IT'S man's dogs' he'll they've
    I'm we're you'd 'tis o'clock O'Brien ma'am y'all 'em 'til rock'n'roll 'n' '90s 1990s 90's
    '05 t-shirt T-shirt x-ray black-and-white 5-year-old half-eaten and/or w/ he/she 10:30
    3:45pm 12:00 5pm 1,000 3.5 .5 -5 50% $5 US$5 $1.50 £20 €3 5¢ #1 #selfie 1st 20th 1/2 3½ 1⁄2
    3/4 9/11 24/7 2-3 6ft 5'11" 10x10 7-Eleven AT&T B&W M&M's R2D2 iPhone 747 No.5 555-1234
    www.cats.com http://example.org/a.jpg amazon.com me@home.com photo.jpg @home C-3PO C++
    "stop" 'stop' “stop” ‘stop’ it’s (left) [right] {x} <unk> </s> [UNK] &amp; &lt; ... .. -- -
    – — … ! ? !! !!! ?! ; : , . * ** & + = / \\ ~ ^ | _ % $ @ # ` ´ ° ½ é café naïve jalapeño
    brûlée 😀 ❤ ☺ ★ → ™ © × 日本 résumé Zoë ß :) :-) ;) :D :( <3 ^_^ street.the end.Next dog?cat"""
SPECIAL = _SPECIAL.split()
ENDS = ["", ".", ".", " .", ".", "!", "?", "...", ";", ",", '"', '."', ")", ".)", "'", "?!", " - "]
MARKS = "'\"`.,;:!?-/()[]{}<>&@#$%*+=~^|_\\’‘“”…–—°é"
PIECES = ["n't", "'s", "'re", "'ll", "'d", "'m", "'S", "s'", "d'", "l'", "O'", "y'", "a.b", "A.B."]


def like_a_model(rng: random.Random) -> str:
    """A caption of 4 to 13 words; some of them odd, joined, quoted, numbers or in capitals."""
    words = [rng.choice(WORDS) for _ in range(rng.randint(4, 13))]
    if rng.random() < 0.7:
        words[0] = words[0].capitalize()
    for place, word in enumerate(words):
        kind = rng.random()
        if kind < 0.06:
            words[place] = rng.choice(SPECIAL)
        elif kind < 0.09:
            words[place] += rng.choice([",", ";", ":", "'s", "'", "s'", ".", "!", "?"])
        elif kind < 0.11:
            left, right = rng.choice(['""', "''", "()", "“”", "[]", "``"])
            words[place] = left + word + right
        elif kind < 0.12:
            words[place] += rng.choice("-/'.&,_") + rng.choice(WORDS)
        elif kind < 0.13:
            words[place] = word.upper()
        elif kind < 0.14:
            words[place] = str(rng.randint(0, 9999)) + rng.choice(["", "th", "s", "pm", "."])
    # A last single letter is the one case that depends on the next caption.
    text = " ".join([*words, rng.choice(["dog", "Two", "2"])]) + rng.choice(ENDS)
    return rng.choice(["{}"] * 20 + [" {} ", "{}\n", "{}\t"]).format(text)


def nasty(rng: random.Random) -> str:
    """Up to seven odd words, some with marks or half a word stuck to them; or nothing at all."""
    words = []
    for _ in range(rng.randint(0, 7)):
        word = rng.choice(SPECIAL if rng.random() < 0.5 else WORDS)
        kind = rng.random()
        if kind < 0.15:
            word += rng.choice(MARKS) * rng.choice([1, 1, 2, 3])
        elif kind < 0.25:
            word = rng.choice(MARKS) + word
        elif kind < 0.3:
            word = rng.choice(WORDS) + rng.choice(PIECES)
        words.append(word)
    return " ".join([*words, "dog"]) if words else ""


@pytest.fixture(scope="module")
def reference():
    """pycocoevalcap; its tests are skipped where it is not installed."""
    return pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")


def in_java(reference, captions):
    """The words of each caption from one run of the Java tokenizer."""
    numbered = {number: [{"caption": text}] for number, text in enumerate(captions)}
    return list(reference.PTBTokenizer().tokenize(numbered).values())


@pytest.mark.java
@pytest.mark.parametrize(("make", "count"), [(like_a_model, 8_000), (nasty, 4_000)])
def test_words_are_those_of_the_java_tokenizer(reference, make, count):
    rng = random.Random(make.__name__)
    captions = [make(rng) for _ in range(count)]
    theirs = in_java(reference, captions)
    different = [
        (caption, wanted, ptb.words(caption))
        for caption, (wanted,) in zip(captions, theirs, strict=True)
        if " ".join(ptb.words(caption)) != wanted
    ]
    assert not different


@pytest.fixture(scope="module")
def scored(reference):
    """2,100 captions with one to five references: what we make of them and what pycocoevalcap."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    rng = random.Random("scores")
    rows, answers = [], []
    for _ in range(2_100):
        make = nasty if rng.random() < 0.3 else like_a_model
        references = [make(rng) or "A" for _ in range(rng.randint(1, 5))]
        words = rng.choice(references).split()
        answer = " ".join(word for word in words if rng.random() < 0.85)
        rows.append({"answers": references})
        answers.append(rng.choice([answer + " dog.", references[0], make(rng), ""]))
    ours = [process.caption_full(row, [answer]) for row, answer in zip(rows, answers, strict=True)]
    tokenizer = reference.PTBTokenizer()
    wanted = tokenizer.tokenize(
        {i: [{"caption": text} for text in row["answers"]] for i, row in enumerate(rows)}
    )
    given = tokenizer.tokenize({i: [{"caption": text}] for i, text in enumerate(answers)})
    bleu, bleus = Bleu().compute_score(wanted, given, verbose=0)
    rouge = Rouge().compute_score(wanted, given)
    cider = Cider().compute_score(wanted, given)
    theirs = {f"bleu_{n}": (bleu[n - 1], bleus[n - 1]) for n in (1, 2, 3, 4)}
    return ours, theirs | {"rouge_l": rouge, "cider": cider}


@pytest.mark.java
@pytest.mark.parametrize("metric", ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "cider"])
def test_corpus_scores_are_those_of_pycocoevalcap(scored, metric):
    ours, theirs = scored
    items = [scores[metric] for scores in ours]
    aggregate = {"cider": process.cider_mean}.get(metric) or getattr(process, metric)
    assert aggregate(items) == pytest.approx(theirs[metric][0], abs=1e-6)
    assert np.allclose(process.corpus_scores(metric, items), theirs[metric][1], rtol=0, atol=1e-6)


@pytest.mark.java
def test_rouge_l_is_that_of_pycocoevalcap(scored):
    ours, theirs = scored
    values = [scores["rouge_l"] for scores in ours]
    assert np.mean(values) == pytest.approx(theirs["rouge_l"][0], abs=1e-6)
    assert np.allclose(values, theirs["rouge_l"][1], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A man riding a horse.", "a man riding a horse"),
        ("The U.S. flag on St. John St. in D.C.", "the u.s. flag on st. john st. in d.c."),
        ("gonna “stop” (here) at 3:30 p.m.!!", "gon na stop -lrb- here -rrb- at 3:30 p.m. !!"),
        ("rock'n'roll in the '90s: it's y'all's", "rock 'n' roll in the '90s it 's y' all 's"),
        ("call (555) 555-1234", "call -lrb-555-rrb-\u00a0555-1234"),
        ("1 1/2 cups, no. 5", "1\u00a01/2 cups no. 5"),
        ("no. five", "no five"),
        ("plan b. The end", "plan b the end"),
        ("a 😀 b… “x” \\*", "a b x \\*"),
        ("line\none\ttab", "line one tab"),
        (" \n", ""),
    ],
)
def test_words(caption, words):
    assert ptb.words(caption) == words.split(" " if words else None)


def test_a_simple_caption_takes_the_short_way_to_the_same_words():
    rng = random.Random(0)
    for caption in (like_a_model(rng) for _ in range(2_000)):
        assert ptb.words(caption) == ptb._lexed(caption)
