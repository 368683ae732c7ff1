"""model-index: huggingface_hub reads the same figures out of the files."""

from __future__ import annotations

import pytest
import yaml
from huggingface_hub import ModelCard

from leaderboard.export import model_index


def card(path):
    return ModelCard(f"---\n{path.read_text('utf-8')}---\n\n# Model\n").data


def test_the_hub_reads_the_scores(run_dir, tmp_path, make_material):
    made = make_material(run_dir, source_url="https://example.org/report.html")
    paths = model_index.export(made, tmp_path)
    assert [path.name for path in paths] == ["deit.yaml", "clip.yaml", "mae.yaml", "dino.yaml"]
    data = card(paths[1])
    assert data.model_name == "CLIP" and len(data.eval_results) == 4
    for found, task in zip(data.eval_results, made.results.tasks, strict=True):
        e = made.results.cell("clip", task["name"]).estimate
        scale, digits = (1, 2) if task["name"] == "caption" else (100, 1)
        assert found.metric_value == round(scale * e.mean, digits)
        assert found.metric_args["interval"] == [
            round(scale * e.low, digits),
            round(scale * e.high, digits),
        ]
        assert (found.dataset_type, found.dataset_revision) == (task["name"], task["dataset_hash"])
        assert found.source_url == "https://example.org/report.html"
    kinds = [found.task_type for found in data.eval_results]
    assert kinds == ["visual-question-answering"] * 3 + ["image-to-text"]
    assert [found.metric_type for found in data.eval_results] == ["accuracy"] * 3 + ["cider"]


@pytest.mark.parametrize("name", ["random", "clip"])
def test_one_column_when_asked_for(run_dir, tmp_path, make_material, name):
    (path,) = model_index.export(make_material(run_dir, model_index=name), tmp_path)
    assert path == tmp_path / "model-index" / f"{name}.yaml"


def test_hostile_texts_are_values(hostile_dir, tmp_path, make_material):
    for path in model_index.export(make_material(hostile_dir), tmp_path):
        (model,) = yaml.safe_load(path.read_text("utf-8"))["model-index"]
        assert isinstance(model["name"], str) and len(model["results"]) == 4
        data = card(path)
        assert len(data.eval_results) == 4
        assert all(isinstance(found.metric_value, float) for found in data.eval_results)
