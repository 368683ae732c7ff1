"""Checks the easy-VQA reader on the real package, and its task through lm-eval."""

from collections import Counter
from pathlib import Path

import pytest

from gvt.data import easy_vqa

TASKS = Path(__file__).parents[2] / "tasks"
LIMIT = 500


@pytest.fixture(scope="module")
def rows():
    return easy_vqa.test(version=1.0)["test"].to_list()


def test_official_test_split(rows):
    assert len(rows) == 9673
    assert len({row["image_id"] for row in rows}) == 1000
    assert len({row["doc_id"] for row in rows}) == 9673
    assert Counter(row["category"] for row in rows) == {
        "negation": 3605,
        "existence": 3531,
        "color": 1280,
        "shape": 1257,
    }
    assert all(Path(row["image"]).is_file() for row in rows[::500])
    assert all(len(row["image_sha256"]) == 64 for row in rows)


def test_chance_counts_the_answers_of_a_category(rows):
    answers = {}
    for row in rows:
        answers.setdefault(row["category"], set()).add(row["answers"][0])
    assert all(row["chance"] == 1 / len(answers[row["category"]]) for row in rows)


def test_train_split_shares_no_image_with_test(rows):
    pairs = easy_vqa.train_pairs()
    assert len(pairs) == 4000
    assert sum(len(of_image) for _, of_image in pairs) == 38575
    assert not {path for path, _ in pairs} & {row["image"] for row in rows}


def test_scene_facts_agree_with_every_answer_about_them():
    pairs = dict(easy_vqa.train_pairs())
    facts = easy_vqa.scene_facts()
    assert len(facts) == len({fact.image for fact in facts}) == 3578
    for fact in facts:
        for question, answer in pairs[fact.image]:
            kind = easy_vqa.category(question)
            if kind in ("shape", "color"):
                assert answer == getattr(fact, kind)
            else:
                there = fact.shape in question or fact.color in question
                assert answer == ("yes" if there == (kind == "existence") else "no")


def test_contradicting_and_open_answers_are_left_out(monkeypatch):
    def facts(*pairs):
        monkeypatch.setattr(easy_vqa, "train_pairs", lambda: [("0.png", list(pairs))])
        return easy_vqa.scene_facts()

    told = ("what is the red shape?", "circle")
    assert facts(told) == [easy_vqa.SceneFact("0.png", "circle", "red")]
    assert facts(told, ("is there a triangle?", "yes")) == []
    assert facts(("what shape is present?", "circle")) == []
    ruled_out = [("is no circle present?", "yes"), ("is there a triangle?", "no")]
    assert facts(*ruled_out, ("what color is the shape?", "teal")) == [
        easy_vqa.SceneFact("0.png", "rectangle", "teal")
    ]


def test_a_missing_package_names_the_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install easy-vqa"):
        easy_vqa.root()


def test_unknown_question():
    with pytest.raises(ValueError, match="not a question of easy-VQA"):
        easy_vqa.category("how many?")


@pytest.mark.parametrize("constant", ["yes", "Circle."])
def test_task_scores_a_constant_answer_by_its_share(rows, constant):
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Constant(LM):
        MULTIMODAL = True

        def generate_until(self, requests):
            for request in requests:
                prompt, generation, extra = request.args
                assert prompt.startswith("<image>Question: ")
                assert prompt.endswith("? Answer:")
                assert generation["until"] == ["\n"]
                assert generation["max_gen_toks"] == 8
                (visual,) = extra["visual"]
                assert set(visual) == {"path", "sha256"}
            return [constant] * len(requests)

        def loglikelihood(self, requests):
            raise NotImplementedError

        def loglikelihood_rolling(self, requests):
            raise NotImplementedError

    found = simple_evaluate(
        model=Constant(),
        tasks=["easy_vqa"],
        task_manager=TaskManager(include_path=[str(TASKS)], include_defaults=False),
        bootstrap_iters=0,
        limit=LIMIT,
        log_samples=False,
    )
    share = sum(row["answers"][0] == constant.strip(".").lower() for row in rows[:LIMIT]) / LIMIT
    assert 0 < share < 1
    assert found["results"]["easy_vqa"]["acc,none"] == pytest.approx(share)
    assert found["results"]["easy_vqa"]["valid,none"] == 1.0
