"""A made-up run directory as large as a big comparison: what the report is measured with.

Scores, answers and pictures come from seeded dice; the files look as those of a real run do, with
the same fields and scores for each kind of task.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from leaderboard import schema

_TASKS = {
    "vqav2_val": "people",
    "gqa": "answer",
    "textvqa": "people",
    "coco_caption": "caption",
    "oc_coco": "count",
    "oc_vcr": "count",
    "mci_coco": "yes_no",
    "pope_random": "yes_no",
}
_KINDS = {
    "people": ("acc", "VQA accuracy", "percent"),
    "answer": ("acc", "accuracy", "percent"),
    "caption": ("cider", "CIDEr-D", "score"),
    "count": ("acc", "accuracy", "percent"),
    "yes_no": ("acc", "accuracy", "percent"),
}
_SKILLS = {"people": "semantics", "answer": "semantics", "caption": "semantics"}
_NOUNS = ["cat", "dog", "horse", "car", "bus", "train", "boat", "cup", "fork", "chair", "clock"]
_COLOURS = ["red", "blue", "green", "yellow", "white", "black", "brown", "orange"]
_PER_IMAGE = 5
_N_GRAMS = range(1, 5)


def build(
    folder: Path, tokenizers: int = 20, tasks: int = 8, samples: int = 5000, pictures: int = 400
) -> Path:
    """Write the run and return its folder: so many tokenizers, blind and random; one seed."""
    _draw(folder / "images", pictures)
    columns = [_column("blind", "control"), _column("random", "control")]
    columns += [_column(f"tokenizer-{number:02d}", "tokenizer") for number in range(tokenizers)]
    names = list(_TASKS)[:tasks]
    schema.write_run(folder, _run(columns, [_task(name) for name in names], samples))
    for name in names:
        asked = [_sample(name, number, pictures) for number in range(samples)]
        for place, column in enumerate(columns):
            skill = 0.3 + 0.5 * place / len(columns)
            path = schema.rows_path(folder, column["name"], 0, name)
            schema.write_rows(path, _rows(name, column["name"], asked, skill))
    return folder


def _draw(folder: Path, count: int) -> None:
    """Pictures of 64 to 256 pixels, every second one a PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random("pictures")
    for number in range(count):
        size = dice.randrange(64, 257), dice.randrange(64, 257)
        noise = np.random.default_rng(number).integers(60, 196, (8, 8, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        pen = ImageDraw.Draw(picture)
        for _ in range(6):
            x, y, side = (dice.randrange(8, 128) for _ in range(3))
            colour = tuple(dice.randrange(256) for _ in range(3))
            pen.ellipse((x, y, x + side, y + side), fill=colour)
        picture.save(folder / _file(number))


def _file(number: int) -> str:
    return f"{number:04d}.{'jpg' if number % 2 else 'png'}"


def _column(name: str, kind: str) -> schema.Column:
    return schema.Column(
        name=name,
        kind=kind,
        title=name.replace("-", " ").capitalize(),
        tokenizer=name,
        description=f"A made-up {kind} whose answers are dice.",
        card_hash=f"{name} has no card",
        encoder_parameters=86_000_000,
        encoder_gflops=17.6,
        feature_tokens=256,
        visual_tokens=32,
        licence="Apache-2.0",
        citation="@article{nobody2026, title={Nothing}, year={2026}}",
    )


def _task(name: str) -> schema.Task:
    metric, metric_title, unit = _KINDS[_TASKS[name]]
    task = schema.Task(
        name=name,
        title=name.replace("_", " "),
        metric=metric,
        metric_title=metric_title,
        unit=unit,
        higher_is_better=True,
        version="1.0",
        dataset_hash=f"{name} has no data",
        description="Made-up questions about made-up pictures.",
    )
    if name != "textvqa":
        task["skill"] = _SKILLS.get(_TASKS[name], "fine-grained")
    return task


def _run(columns: list[schema.Column], tasks: list[schema.Task], samples: int) -> schema.Run:
    stages = [
        schema.Stage(
            column=column["name"],
            seed=0,
            stage=stage,
            seconds=100.0,
            cached=False,
            samples=samples,
            computed=samples,
            peak_memory=8 * 2**30,
        )
        for column in columns
        for stage in ("features", "alignment", "evaluation")
    ]
    alignment = [
        schema.Alignment(
            column=column["name"],
            seed=0,
            connector_hash=f"{column['name']} has no connector",
            parameters=10_000_000,
            steps=10_000,
            samples=1_280_000,
            curve=[[step, 2 + 4 / (1 + step / 500)] for step in range(0, 10_001, 50)],
        )
        for column in columns
    ]
    return schema.Run(
        format_version=schema.FORMAT_VERSION,
        suite="large",
        title="A large made-up comparison",
        command=["gvt", "run", "--suite", "large"],
        created="2026-11-01T10:00:00+00:00",
        finished="2026-11-02T10:00:00+00:00",
        seeds=[0],
        versions={"gvt": "0.1.0"},
        hardware={"cpu": "none"},
        config={"llm": {"name": "dice", "hash": "dice", "parameters": 6}},
        columns=columns,
        tasks=tasks,
        stages=stages,
        alignment=alignment,
        warnings=[],
    )


def _sample(task: str, number: int, pictures: int) -> dict:
    """What all columns' rows of a sample have in common, and how hard it is."""
    dice, kind = random.Random(f"{task} {number}"), _TASKS[task]
    image = number if kind == "caption" else number // _PER_IMAGE
    noun, colour = dice.choice(_NOUNS), dice.choice(_COLOURS)
    category, gold, question, chance = {
        "people": lambda: (noun, _people(dice), f"What colour is the {noun} here?", None),
        "answer": lambda: (colour, [noun], f"Which {colour} thing is left of the sign?", 0.1),
        "caption": lambda: (None, [_caption(dice) for _ in range(5)], "", None),
        "count": lambda: (
            str(count := dice.randrange(1, 10)),
            [str(count)],
            f"How many {noun}s are there in the image?",
            1 / 9,
        ),
        "yes_no": lambda: (
            f"{dice.randrange(1, 10)} objects",
            [dice.choice(["Yes.", "No."])],
            f"Does {noun} exist in the image?",
            0.5,
        ),
    }[kind]()
    shared = {
        "doc_id": number,
        "image_id": f"val/{image:012d}",
        "image": f"images/{_file(image % pictures)}",
        "image_sha256": f"{image:064x}",
        "category": category,
        "question": question,
        "gold": gold,
    }
    return {"shared": shared, "chance": chance, "luck": dice.random(), "easier": dice.gauss(0, 0.1)}


def _people(dice: random.Random) -> list[str]:
    """Ten people's answers."""
    often, seldom = dice.sample(_COLOURS, 2)
    return [often if dice.random() < 0.8 else seldom for _ in range(10)]


def _caption(dice: random.Random) -> str:
    first, second = dice.sample(_NOUNS, 2)
    place = dice.choice(["left of", "behind", "in front of", "on top of"])
    return f"a {dice.choice(_COLOURS)} {first} {place} a {dice.choice(_COLOURS)} {second}"


def _rows(task: str, column: str, asked: list[dict], skill: float) -> Iterator[schema.Row]:
    dice = random.Random(f"{task} {column}")
    answer = partial(_ANSWERS[_TASKS[task]], dice)
    for sample in asked:
        # Half of the luck is the sample's, so that columns agree on the easy ones.
        luck = sample["luck"] if dice.random() < 0.5 else dice.random()
        text, scores = answer(sample["shared"]["gold"], luck < skill + sample["easier"], skill)
        yield schema.Row(
            **sample["shared"],
            answer=text,
            scores=scores,
            valid=True,
            truncated=False,
            chance=sample["chance"],
            error=None,
        )


def _answer_people(dice: random.Random, gold: list[str], right: bool, skill: float) -> tuple:
    answer = gold[0] if right else dice.choice(_COLOURS)
    agree = gold.count(answer)
    return answer, {"acc": min(1.0, 0.3 * agree), "legacy_acc": min(1.0, agree / 3)}


def _answer_one(dice: random.Random, gold: list[str], right: bool, skill: float) -> tuple:
    answer = gold[0] if right else dice.choice(_NOUNS)
    return answer, {"acc": float(answer == gold[0])}


def _answer_count(dice: random.Random, gold: list[str], right: bool, skill: float) -> tuple:
    true = int(gold[0])
    said = true if right else max(0, true + dice.choice([-3, -2, -1, 1, 2]))
    hit, error = float(said == true), float(abs(said - true))
    scores = {"acc": hit, "mae": error, "legacy_acc": hit, "legacy_mae": error}
    return str(said), scores | {"true_count": float(true), "answered_count": float(said)}


def _answer_yes_no(dice: random.Random, gold: list[str], right: bool, skill: float) -> tuple:
    true = gold[0] == "Yes."
    said = true if right else not true
    scores = {"acc": float(right), "legacy_acc": float(right), "said_yes": float(said)}
    return "yes" if said else "no", scores | {"is_yes": float(true), "n_objects": 4.0}


def _answer_caption(dice: random.Random, gold: list[str], right: bool, skill: float) -> tuple:
    answer = dice.choice(gold) if right else _caption(dice)
    scores = {"words": 8.0, "ref_words": 8.0, "rouge_l": dice.random()}
    scores["cider"] = max(0.0, dice.gauss(skill + right, 0.4))
    for n in _N_GRAMS:
        scores |= {f"shared_{n}": float(dice.randrange(9 - n)), f"bleu_{n}": dice.random() / n}
    return answer, scores


_ANSWERS = {
    "people": _answer_people,
    "answer": _answer_one,
    "caption": _answer_caption,
    "count": _answer_count,
    "yes_no": _answer_yes_no,
}
