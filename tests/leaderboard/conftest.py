"""A synthetic run directory: 4 tokenizers, blind, random and text on 4 tasks, seeded."""

from __future__ import annotations

import importlib
import random
import shutil
from pathlib import Path

import pytest

from leaderboard import schema

SKILL = {
    "vqa": {"blind": 0.31, "random": 0.55, "deit": 0.74, "clip": 0.62, "mae": 0.57, "dino": 0.56},
    "oc": {"blind": 0.28, "random": 0.30, "deit": 0.36, "clip": 0.37, "mae": 0.31, "dino": 0.30},
    "mci": {"blind": 0.50, "random": 0.53, "deit": 0.82, "clip": 0.58, "mae": 0.55, "dino": 0.59},
    "caption": {"blind": 0.2, "random": 1.0, "deit": 2.3, "clip": 1.3, "mae": 1.1, "dino": 1.0},
}
CEILING = {"vqa": 0.92, "oc": 0.86, "mci": 0.995, "caption": 5.1}
ANSWERS = {
    "vqa": {"colour": ["red", "blue", "green"], "shape": ["star", "ring"], "exists": ["yes", "no"]},
    "oc": {"few": ["1", "2", "3"], "many": ["4", "5", "6"]},
    "mci": {"shape": ["Yes", "No"], "colour": ["Yes", "No"]},
    "caption": {"scene": ["a red star left of a blue ring"]},
}
TITLES = {"vqa": "VQA", "oc": "Counting", "mci": "Identification", "caption": "Captioning"}

LLM = {"name": "llm", "hash": "1111aaaa", "parameters": 7}
RECIPE = {"name": "short", "stages": [{"steps": 600}], "connector": {"type": "linear"}}
CLAIMS = [
    {
        "name": "supervised",
        "statement": "Labels and captions teach more than images alone.",
        "scope": "vqa",
        "higher": ["deit", "clip"],
        "lower": ["mae", "dino"],
        "source": "Doe et al. 2021, table 1",
    },
    {
        "name": "masked",
        "statement": "MAE identifies more than DeiT.",
        "scope": "mci",
        "higher": ["mae"],
        "lower": ["deit"],
    },
    {
        "name": "self",
        "statement": "DINO is better than MAE on all tasks together.",
        "scope": "overall",
        "higher": ["dino"],
        "lower": ["mae"],
        "source": "",
    },
    {
        "name": "captions",
        "statement": "CLIP captions better than the others.",
        "scope": "caption",
        "higher": ["clip"],
        "lower": ["deit", "mae", "dino"],
    },
    {
        "name": "distilled",
        "statement": "A distilled encoder beats its teacher.",
        "scope": "vqa",
        "higher": ["gvt"],
        "lower": ["deit"],
        "source": None,
    },
]


def column(name: str, kind: str = "tokenizer") -> dict:
    """One column record; the title of a tokenizer is its name in capitals."""
    sees = kind == "tokenizer" or name == "random"
    return {
        "name": name,
        "kind": kind,
        "title": {
            "deit": "DeiT",
            "blind": "Blind",
            "random": "Random",
            "text": "Scene as text",
        }.get(name, name.upper()),
        "tokenizer": f"mini-{name}" if kind == "tokenizer" else None,
        "description": {
            "blind": "the same model trained without any image",
            "random": "an encoder with untrained weights, aligned like the others",
            "text": "the language model reads the true scene as text",
        }.get(name, f"A mini ViT trained with the objective of {name}."),
        "card_hash": f"{name}0123456789abcdef",
        "encoder_parameters": 1_234_567 if sees else None,
        "encoder_gflops": 0.25 if sees else None,
        "feature_tokens": 64 if sees else None,
        "visual_tokens": 16 if sees else None,
        "licence": "Apache-2.0" if kind == "tokenizer" else "",
        "citation": "Doe et al. 2021, https://example.org/paper" if kind == "tokenizer" else "",
    }


def task(name: str) -> dict:
    """One task record."""
    caption = name == "caption"
    return {
        "name": name,
        "title": TITLES[name],
        "metric": "cider" if caption else "acc",
        "metric_title": "CIDEr" if caption else "accuracy",
        "unit": "score" if caption else "percent",
        "higher_is_better": True,
        "version": "1",
        "dataset_hash": f"{name}fedcba9876543210",
        "description": f"Synthetic {TITLES[name].lower()} on scenes of coloured shapes.",
    }


def rows_of(task_name: str, column_name: str, seed: int, images: int, per_image: int) -> list[dict]:
    """Rows of one cell and seed; questions of an image share part of their luck."""
    world = random.Random(f"world {task_name}")
    luck = random.Random(f"luck {task_name} {column_name} {seed}")
    skill = SKILL[task_name].get(column_name, CEILING[task_name])
    rows = []
    for i in range(images):
        hard = world.gauss(0, 0.12)
        for q in range(per_image if task_name != "caption" else 1):
            category = world.choice(sorted(ANSWERS[task_name]))
            choices = ANSWERS[task_name][category]
            gold, shared = world.choice(choices), world.random()
            if task_name == "caption":
                score = max(0.0, skill + 2 * hard + luck.gauss(0, 0.7 * skill))
                answer, chance = "a ring beside a star", None
            else:
                # half of the luck is the question's, so that columns agree on easy ones
                chosen = shared if luck.random() < 0.6 else luck.random()
                score = float(chosen < skill + hard)
                wrong = [c for c in choices if c != gold]
                answer = gold if score else luck.choice(wrong)
                chance = 1 / len(choices)
            rows.append(
                {
                    "doc_id": i * per_image + q,
                    "image_id": f"scene-{i:05d}",
                    "image": f"images/{i % 40}.png",
                    "image_sha256": f"{i:064x}",
                    "category": category,
                    "question": f"{TITLES[task_name]}: what is the {category} of object {q + 1}?",
                    "gold": [gold],
                    "answer": answer,
                    "scores": {"cider" if task_name == "caption" else "acc": score},
                    "valid": True,
                    "truncated": False,
                    "chance": chance,
                    "error": None,
                }
            )
    return rows


def fail(row: dict, message: str = "RuntimeError: out of memory") -> dict:
    """The row as a failed one."""
    return row | {"scores": {}, "answer": None, "valid": False, "error": message}


def draw_images(folder: Path, count: int = 40) -> None:
    """Small scenes of a few ellipses."""
    from PIL import Image, ImageDraw

    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(5)
    for i in range(count):
        picture = Image.new("RGB", (64, 64), tuple(dice.randrange(200, 256) for _ in range(3)))
        pen = ImageDraw.Draw(picture)
        for _ in range(dice.randrange(1, 8)):
            x, y, size = dice.randrange(50), dice.randrange(50), dice.randrange(8, 18)
            colour = tuple(dice.randrange(220) for _ in range(3))
            pen.ellipse((x, y, x + size, y + size), fill=colour)
        picture.save(folder / f"{i}.png")


def build_run(run_dir: Path, images: int = 60, per_image: int = 3, seeds=(1, 2)) -> Path:
    """Write a whole run directory and return it."""
    columns = [
        column("blind", "control"),
        column("random", "control"),
        *(column(name) for name in ("deit", "clip", "mae", "dino")),
        column("text", "ceiling"),
    ]
    stages, alignment = [], []
    for c in columns:
        for seed in seeds:
            for stage in ("features", "alignment", "evaluation"):
                if c["name"] == "text" and stage != "evaluation":
                    continue
                seconds = {"features": 12.2, "alignment": 57.4, "evaluation": 8.1}[stage]
                stages.append(
                    {
                        "column": c["name"],
                        "seed": seed,
                        "stage": stage,
                        "seconds": seconds,
                        "cached": stage == "features" and seed != seeds[0],
                        "samples": 8000,
                        "computed": 0 if stage == "features" and seed != seeds[0] else 8000,
                        "peak_memory": 1_500_000_000,
                    }
                )
            if c["kind"] != "ceiling":
                floor = 1.6 - SKILL["vqa"][c["name"]]
                curve = [[s, floor + 3.5 / (1 + s / 25)] for s in range(0, 601, 5)]
                alignment.append(
                    {
                        "column": c["name"],
                        "seed": seed,
                        "connector_hash": f"{c['name']}{seed}aabbccddeeff",
                        "parameters": 456_789,
                        "steps": 600,
                        "samples": 38_400,
                        "curve": curve,
                    }
                )
    run = {
        "format_version": schema.FORMAT_VERSION,
        "suite": "mini",
        "title": "Four ways to train a mini ViT",
        "command": ["accelerate", "launch", "-m", "gvt", "run", "--suite", "mini"],
        "created": "2026-11-21T10:00:00+00:00",
        "finished": "2026-11-21T10:04:40+00:00",
        "seeds": list(seeds),
        "versions": {"gvt": "0.1.0", "torch": "2.13.0", "python": "3.11.7"},
        "hardware": {"cpu": "A CPU", "cores": 2, "processes": 1, "threads": 2, "dtype": "float32"},
        "config": {"suite": "mini", "tasks": list(SKILL), "recipe": {"steps": 600, "lr": 2e-3}},
        "columns": columns,
        "tasks": [task(name) for name in SKILL],
        "stages": stages,
        "alignment": alignment,
        "warnings": ["CLIP's captions state counts, which the counting task asks for."],
    }
    schema.write_run(run_dir, run)
    for c in columns:
        for seed in seeds:
            for name in SKILL:
                rows = rows_of(name, c["name"], seed, images, per_image)
                schema.write_rows(schema.rows_path(run_dir, c["name"], seed, name), rows)
    draw_images(run_dir / "images")
    return run_dir


def write_claims(run_dir: Path, *claims: dict, change=None) -> Path:
    """Write claims, and changes by ``change(run)``, into a run directory; returns it."""
    run = schema.read_run(run_dir)
    run["config"]["suite"] = {"name": "mini", "claims": list(claims or CLAIMS)}
    if change:
        change(run)
    schema.write_run(run_dir, run)
    return run_dir


@pytest.fixture
def run_dir(shared_run_dir: Path, tmp_path: Path) -> Path:
    """A small complete run directory."""
    return shutil.copytree(shared_run_dir, tmp_path / "run")


@pytest.fixture(scope="session")
def shared_run_dir(tmp_path_factory) -> Path:
    """A complete run directory for tests that change nothing in it."""
    return build_run(tmp_path_factory.mktemp("shared") / "run", images=30)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of two seeds whose tasks have prompts, and which names its model and recipe."""
    folder = build_run(tmp_path_factory.mktemp("whole") / "whole", images=12)
    run = schema.read_run(folder)
    run["config"] = {"llm": LLM, "recipe": RECIPE}
    for task in run["tasks"]:
        task["prompt_hash"] = f"{task['name']} prompt"
    schema.write_run(folder, run)
    return folder


@pytest.fixture
def part(whole, tmp_path):
    """part(name, columns, tasks, seeds, change): a run of its own with a part of the whole."""

    def make(name, columns=None, tasks=None, seeds=(1, 2), change=None):
        folder = tmp_path / name
        run = schema.read_run(whole)
        for field, names in (("columns", columns), ("tasks", tasks)):
            run[field] = [e for e in run[field] if names is None or e["name"] in names]
        kept = {column["name"] for column in run["columns"]}
        for field in ("stages", "alignment"):
            run[field] = [e for e in run[field] if e["column"] in kept and e["seed"] in seeds]
        run["seeds"] = list(seeds)
        for column in kept:
            for task in run["tasks"]:
                for seed in seeds:
                    path = schema.rows_path(folder, column, seed, task["name"])
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(schema.rows_path(whole, column, seed, task["name"]), path)
        if change:
            change(run)
        schema.write_run(folder, run)
        return folder

    return make


def alter(run, field, name, **changes):
    """Change the entry of a name."""
    for entry in run[field]:
        if name in (entry.get("name"), entry.get("column")):
            entry.update(changes)


@pytest.fixture(scope="session")
def simulation():
    """benchmarks/simulation.py, which is no package: simulated runs in memory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")
        return importlib.import_module("simulation")
