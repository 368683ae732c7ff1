"""Results to export: the synthetic run, and one in which every text is hostile."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from leaderboard import schema
from leaderboard.export.material import Material
from leaderboard.results import load_results
from leaderboard.verdict import judge_all
from tests.leaderboard.conftest import build_run

HOSTILE = [
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>",
    "=cmd|' /C calc'!A0",
    "\\input{/etc/passwd}^^5cinput{x} %$&#_~{}",
    "| a | b |\n\n# head\n\n- `code` [link](javascript:alert(1)) ![i](http://x.example/y) **b**",
    "```\nfence\n~~~ https://x.example www.x.example @someone $x$ --- \x1b[31m\x00\x7f\u202eltr",
    "../../etc/passwd; =1+1\t@SUM(A1)",
    "- key: [value, {a: b}] # comment\n--- !!python/object/apply:os.system ['x']",
    "漢字 é ß − ± “q” …\ud800 \U0001f600 е\u0301",
    "x" * 100_000,
]


@pytest.fixture(scope="session")
def _built(tmp_path_factory) -> Path:
    return build_run(tmp_path_factory.mktemp("built") / "run", images=30)


@pytest.fixture
def run_dir(_built: Path, tmp_path: Path) -> Path:
    """A copy of one small complete run directory, without its pictures."""
    return shutil.copytree(_built, tmp_path / "run", ignore=shutil.ignore_patterns("*.png"))


@pytest.fixture(scope="session")
def hostile_texts() -> list[str]:
    return HOSTILE


@pytest.fixture(scope="session")
def make_material():
    """Load a run directory; keywords are Material's options."""

    def make(run_dir: Path, **options) -> Material:
        results = load_results(run_dir)
        return Material(results, judge_all(results), **options)

    return make


@pytest.fixture
def hostile_dir(run_dir: Path) -> Path:
    """A run directory whose titles, descriptions, claims, categories and answers attack."""
    for path in (run_dir / "samples").rglob("*.jsonl"):
        rows = [row for _, row in schema.read_rows(path)]
        for i, row in enumerate(rows):
            text = HOSTILE[i % (len(HOSTILE) - (i > 9))]  # the long one once a file
            row |= {"question": text, "gold": [text], "answer": text, "category": text[:500]}
        rows[0] |= {"scores": {}, "answer": None, "valid": False, "error": HOSTILE[0]}
        # Halves of characters come in as JSON's escapes; write_rows would mend them.
        path.write_text("".join(schema.json.dumps(row) + "\n" for row in rows))
    run = schema.read_run(run_dir)
    texts = iter(HOSTILE * 9)
    for column in run["columns"]:
        column |= {"title": next(texts), "description": next(texts), "citation": next(texts)}
        column |= {"licence": next(texts), "card_hash": next(texts)}
    for task in run["tasks"]:
        task |= {"title": next(texts), "description": next(texts), "metric_title": next(texts)}
        task |= {"version": next(texts), "dataset_hash": next(texts)}
    run["config"]["suite"] = {
        "claims": [
            {
                "name": text,
                "statement": text,
                "scope": text if i % 3 == 2 else ("vqa", "overall")[i % 3],
                "higher": [text if i % 3 == 1 else "deit"],
                "lower": ["mae"],
                "source": text,
            }
            for i, text in enumerate(HOSTILE)
        ]
    }
    run["title"], run["command"] = HOSTILE[3], ["gvt", "run", *HOSTILE]
    run["warnings"], run["versions"] = list(HOSTILE), {"gvt": HOSTILE[4]}
    (run_dir / "run.json").write_text(schema.json.dumps(run))
    return run_dir
