"""Stock lm-eval reads our task files, groups and data root, and computes every metric they list."""

import pytest
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

from gvt import catalog
from gvt.paths import data_dir

OFFICIAL = sorted(n for n, path in catalog.tasks().items() if path.parent.name == "official")


class Parrot(LM):
    """Answers whatever `right` says of a row."""

    MULTIMODAL = True

    def __init__(self, right):
        super().__init__()
        self.right = right

    def generate_until(self, requests, **_):
        return [self.right(request.doc) for request in requests]

    loglikelihood = loglikelihood_rolling = None


def evaluate(tasks, right):
    manager = TaskManager(include_path=str(data_dir("tasks")), include_defaults=False)
    found = simple_evaluate(
        model=Parrot(right), tasks=tasks, task_manager=manager, bootstrap_iters=0
    )
    return {
        task: {name.split(",")[0]: value for name, value in scores.items()}
        for task, scores in found["results"].items()
    }


def gold(doc):
    answers = doc.get("answers") or [doc.get("text_out") or ""]
    return answers[0]


def test_right_answers_score_best_everywhere(data_root):
    found = evaluate(OFFICIAL, gold)
    assert set(found) == set(OFFICIAL)
    for task, scores in found.items():
        metrics = catalog_metrics(task)
        assert metrics <= scores.keys()
        for name in metrics & {"acc", "legacy_acc", "pair_acc", "macro_acc", "f1", "recall"}:
            assert scores[name] == pytest.approx(1), (task, name)
        for name in metrics & {"mae", "rmse"}:
            assert scores[name] == 0
    assert found["coco_caption_val"]["bleu_4"] == pytest.approx(1)


def catalog_metrics(task):
    manager = TaskManager(include_path=str(data_dir("tasks")), include_defaults=False)
    metrics = manager.load(task)["tasks"][task].config.metric_list
    return {entry["metric"] for entry in metrics}


def test_a_group_is_known_to_lm_eval(data_root):
    found = evaluate(["pope"], lambda doc: "yes")
    for name in ("pope_random", "pope_popular", "pope_adversarial"):
        assert found[name]["acc"] == 0.5
        assert (found[name]["precision"], found[name]["recall"]) == (0.5, 1.0)
