"""`gvt audit`: tables and JSON for files and tasks, a run's blind row, one line where wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gvt.cli import main
from leaderboard import schema
from leaderboard.statistics import clustered_mean

ROOT = Path(__file__).resolve().parents[2]
TASK = """\
task: toy_mci
dataset_path: json
dataset_kwargs:
  data_files: {{test: {rows}}}
test_split: test
output_type: generate_until
doc_to_image: !function gvt.data.prompts.image
doc_to_text: !function gvt.data.prompts.gvtbench
doc_to_target: !function gvt.data.prompts.target
process_results: !function gvt.scoring.process.yes_no
generation_kwargs: {{until: ["\\n"], do_sample: false, max_gen_toks: 2}}
num_fewshot: 0
fewshot_config: {{samples: []}}
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0, title: Toy}}
"""


@pytest.fixture
def rows():
    """Sixty rows in GVTBench's format; "exis" is always No."""
    return [
        {
            "image_id": i // 2,
            "text_in": f"Does {noun} {'exist' if (i + i // 6) % 2 else 'exis'} in the image?",
            "text_out": "Yes." if (i + i // 6) % 2 else "No.",
            "n_obj_exist": 3,
            "image": f"{i // 2}.png",
            "image_sha256": "0" * 64,
        }
        for i, noun in enumerate(["cat", "dog", "cup", "tie", "bus", "cow"] * 10)
    ]


@pytest.fixture
def file(tmp_path, rows):
    path = tmp_path / "mci.json"
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def mine(tmp_path, rows):
    """A folder with a task of these rows."""
    folder = tmp_path / "mine"
    folder.mkdir()
    data = folder / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "toy.yaml").write_text(TASK.format(rows=data))
    return folder


def fails(capsys, *argv):
    assert main(["audit", *map(str, argv)]) == 2
    return capsys.readouterr().err


def test_the_table_names_the_leak(file, capsys):
    assert main(["audit", "--file", str(file)]) == 0
    said = capsys.readouterr().out
    assert "mci · accuracy, % · 60 questions, 12 different, 30 images, 5 folds" in said
    lines = {line.split("  ")[0].strip(): line.split() for line in said.splitlines()}
    assert "100.0" in lines["by question template"]
    assert "50.0" in lines["chance"]
    assert "“exis”" in said
    assert "one letter apart" in said


def test_json_says_the_same(file, capsys):
    assert main(["audit", "--file", str(file), "--json", "--folds", "3", "--seed", "4"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["task"], found["rows"], found["images"], found["folds"], found["seed"]) == (
        ("mci", 60, 30, 3, 4)
    )
    assert found["best"]["mean"] == 1
    assert found["best"]["chosen"] == {"template": 3}
    example = found["suspects"][0]["example"]
    assert example["answers"] == [found["suspects"][0]["answer"]]
    assert found["suspects"][0]["text"] in example["question"]


def test_a_file_is_audited_without_torch(file):
    script = (
        "import sys\nfrom gvt.cli import main\n"
        "assert main(['audit', '--file', sys.argv[1]]) == 0\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(file)], check=True, cwd=ROOT, timeout=60)


def blind_run(folder, rows, dataset_hash):
    """A run whose blind column says Yes everywhere, in two seeds."""
    column = {
        "name": "blind",
        "kind": "control",
        "title": "Blind",
        "tokenizer": None,
        "description": "",
        "card_hash": "",
        "encoder_parameters": None,
        "encoder_gflops": None,
        "feature_tokens": None,
        "visual_tokens": None,
        "licence": "",
        "citation": "",
    }
    task = {
        "name": "toy_mci",
        "title": "Toy",
        "metric": "acc",
        "metric_title": "acc",
        "unit": "percent",
        "higher_is_better": True,
        "version": "1.0",
        "dataset_hash": dataset_hash,
        "description": "",
    }
    run = {
        "format_version": 1,
        "suite": "toys",
        "title": "Toys",
        "command": [],
        "created": "",
        "finished": None,
        "seeds": [0, 1],
        "versions": {},
        "hardware": {},
        "config": {},
        "columns": [column],
        "tasks": [task],
        "stages": [],
        "alignment": [],
        "warnings": [],
    }
    schema.write_run(folder, run)
    for seed in (0, 1):
        said = [
            {
                "doc_id": i,
                "image_id": str(row["image_id"]),
                "image": None,
                "image_sha256": "",
                "category": None,
                "question": row["text_in"],
                "gold": [row["text_out"]],
                "answer": "yes",
                "scores": {"acc": float(row["text_out"] == "Yes.")},
                "valid": True,
                "truncated": False,
                "chance": None,
                "error": None,
            }
            for i, row in enumerate(rows)
        ]
        schema.write_rows(schema.rows_path(folder, "blind", seed, "toy_mci"), said)


def test_the_blind_model_of_a_run_stands_beside_the_predictors(mine, rows, tmp_path, capsys):
    from gvt import catalog
    from gvt.engine.evaluate import load_tasks

    tasks = load_tasks({"toy_mci": catalog.tasks([mine])["toy_mci"]}, None)
    run = tmp_path / "run"
    blind_run(run, rows, tasks.info[0]["dataset_hash"])
    flags = ["audit", "--run", str(run), "--include_path", str(mine)]
    assert main([*flags, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    truth = np.array([float(row["text_out"] == "Yes.") for row in rows])
    expected = clustered_mean(truth, np.arange(60) // 2, (0.0, 1.0))
    blind = found["blind"]
    assert (blind["mean"], blind["low"], blind["high"]) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    assert main(flags) == 0
    assert "blind language model" in capsys.readouterr().out
    # Other rows than the run answered are no comparison.
    assert "answered other rows of 'toy_mci'" in fails(
        capsys, "--run", run, "--include_path", mine, "--limit", "30"
    )
    assert "no blind answers to 'mini_oc'" in fails(
        capsys, "mini_oc", "--run", run, "--limit", "20"
    )


def test_mistakes_are_one_line(file, mine, tmp_path, capsys):
    assert "unknown task 'mini_vqaa'\n  Nearest: mini_vqa" in fails(capsys, "mini_vqaa")
    assert "nothing to audit" in fails(capsys)
    assert "no such file" in fails(capsys, "--file", tmp_path / "none.json")
    assert "a run knows no rows of a --file" in fails(capsys, "--file", file, "--run", tmp_path)
    assert f"is {mine} a run directory?" in fails(capsys, "mini_oc", "--run", mine)
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps([{"image_id": 1, "text_in": "Is it?", "text_out": "Yes."}] * 2))
    assert "two images at most" in fails(capsys, "--file", alone)
    with pytest.raises(SystemExit) as stop:
        main(["audit", "mini_oc", "--folds", "2"])
    assert stop.value.code == 2
