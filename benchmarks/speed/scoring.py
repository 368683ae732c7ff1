"""Measures how long the scores of a full benchmark take, through the functions that tasks name.

Seconds of one core (CPU time), made-up text, nothing of it cached:
``.venv/bin/python -m benchmarks.speed.scoring``.
"""

from __future__ import annotations

import random
import time

from benchmarks.speed import toys
from gvt.scoring import process

_CAPTIONS, _REFERENCES = 40_504, 5  # COCO val2014
_ANSWERS, _PEOPLE = 200_000, 10  # about VQAv2 val
_WORDS = """
    a the man woman people dog cat horse riding standing on in of with next to street sign table
    plate food bus train white black red large small two three group holding playing baseball tennis
    skateboard wave beach field grass tree building clock kitchen bathroom laptop phone umbrella
    kite giraffe zebra elephant bench traffic light motorcycle airplane truck pizza sandwich fork
    bowl chair couch book young boy girl wearing shirt hat near behind front side down while"""
_ODD = "St. U.S. it's man's half-eaten 12:30 t-shirt and/or \"stop\" 3 1,000 don't (left) etc."
_SHORT = "yes no 1 2 3 red blue white black right left frisbee tennis pizza surfing don't skis"


def main() -> None:
    """Measure, print and keep."""
    rng = random.Random(0)
    words, odd, short = _WORDS.split(), _ODD.split(), _SHORT.split()

    def caption() -> str:
        text = [rng.choice(words) for _ in range(rng.randint(7, 14))]
        if rng.random() < 0.15:
            text[rng.randrange(len(text))] = rng.choice(odd)
        return " ".join(text).capitalize() + rng.choice([".", ".", " .", ""])

    def answer() -> str:
        text = " ".join(rng.choice(short) for _ in range(rng.choice([1, 1, 1, 2])))
        return text + rng.choice(["", "", "", f" {rng.randint(0, 99999)}", "."])

    rows = [{"answers": [caption() for _ in range(_REFERENCES)]} for _ in range(_CAPTIONS)]
    given = [caption() for _ in rows]
    asked = [
        {
            "answers": rng.choices([answer() for _ in range(3)], k=_PEOPLE),
            "answer_type": rng.choice(["yes/no", "number", "other"]),
        }
        for _ in range(_ANSWERS)
    ]
    said = [answer() for _ in asked]

    start = time.process_time()
    items = [process.caption(row, [text])["cider"] for row, text in zip(rows, given, strict=True)]
    process.corpus_scores("cider", items)
    cider = time.process_time() - start

    start = time.process_time()
    for row, text in zip(asked, said, strict=True):
        process.vqa_official(row, [text])
    vqa = time.process_time() - start

    print(f"CIDEr-D of {_CAPTIONS:,} captions × {_REFERENCES} references: {cider:.1f} s")
    print(f"official and legacy VQA accuracy of {_ANSWERS:,} answers: {vqa:.1f} s")
    toys.save("scoring", {"cider_seconds": round(cider, 1), "vqa_seconds": round(vqa, 1)})


if __name__ == "__main__":
    main()
