"""The model that lm-eval sees: order, batches, the journal, and what it refuses."""

import pytest
from lm_eval.api.instance import Instance

from gvt.errors import UserError

OPTIONS = {"until": ["\n"], "max_gen_toks": 8, "do_sample": False}


def ask(prompt, image="a", doc_id=0, task="toy", kind="generate_until", **options):
    reference = {"path": f"/{image}.png", "sha256": image}
    return Instance(
        request_type=kind,
        doc={},
        arguments=(prompt, {**OPTIONS, **options}, {"visual": [reference]}),
        idx=0,
        metadata=(task, doc_id, 1),
    )


REQUESTS = [
    ask("p0", "b", 0),
    ask("p1", "a", 1, max_gen_toks=3),
    ask("p2", "c", 2),
    ask("p3", "b", 3),
    ask("p4", "a", 4),
]
SCRIPT = {f"p{i}": f"answer {i}" for i in range(5)}


def test_answers_come_in_the_order_of_the_questions_each_with_its_image(make_lm):
    model = make_lm(SCRIPT)
    assert model.generate_until(REQUESTS) == [f"answer {i}" for i in range(5)]
    asked = dict(pair for _, pairs, _ in model.calls for pair in pairs)
    assert asked == {f"p{i}": hash(image) for i, image in enumerate("bacba")}
    limits = {prompt: limit for _, pairs, limit in model.calls for prompt, _ in pairs}
    assert limits == {"p0": 8, "p1": 3, "p2": 8, "p3": 8, "p4": 8}


def test_the_prefix_of_an_image_is_made_once_a_batch(make_lm):
    model = make_lm(SCRIPT, batch_size=3)
    model.generate_until(REQUESTS)
    assert [(prefixes, len(pairs)) for prefixes, pairs, _ in model.calls] == [
        (1, 1),
        (2, 3),
        (1, 1),
    ]


def test_progress_adds_up(make_lm):
    told = []
    model = make_lm(SCRIPT, batch_size=2, progress=told.append)
    model.generate_until(REQUESTS)
    assert sum(told) == len(REQUESTS)


def test_what_is_in_the_journal_is_not_asked_again(make_lm):
    make_lm(SCRIPT).generate_until(REQUESTS[:3])
    model = make_lm(SCRIPT)
    assert model.generate_until(REQUESTS) == [f"answer {i}" for i in range(5)]
    assert sorted(prompt for _, pairs, _ in model.calls for prompt, _ in pairs) == ["p3", "p4"]
    assert model.computed == 2


@pytest.mark.parametrize(
    "other",
    [
        ask("p0!", "b", 0),
        ask("p0", "c", 0),
        ask("p0", "b", 0, max_gen_toks=9),
        ask("p0", "b", 0, until=["."]),
        ask("p0", "b", 0, task="other"),
    ],
)
def test_another_question_is_asked(make_lm, other):
    make_lm(SCRIPT).generate_until(REQUESTS[:1])
    model = make_lm({"p0": "new", "p0!": "new"})
    assert model.generate_until([other]) == ["new"]


def test_another_connector_is_asked(make_lm):
    make_lm(SCRIPT).generate_until(REQUESTS[:1])
    assert make_lm({"p0": "new"}, fingerprint="g").generate_until(REQUESTS[:1]) == ["new"]


def test_a_stop_ends_the_answer_and_an_answer_it_ends_is_whole(make_lm):
    model = make_lm({"p0": " yes\nno…", "p1": "long…", "p2": "x. y"})
    requests = [ask("p0", doc_id=0), ask("p1", doc_id=1), ask("p2", doc_id=2, until=".")]
    assert model.generate_until(requests) == ["yes", "long", "x"]
    assert model.truncated == {("toy", 1)}
    again = make_lm({})
    again.generate_until(requests)
    assert again.truncated == {("toy", 1)}


def test_a_failed_image_takes_no_other_with_it_and_is_tried_again(make_lm):
    model = make_lm(SCRIPT, broken={"b": "torn"})
    wanted = ["", "answer 1", "answer 2", "", "answer 4"]
    assert model.generate_until(REQUESTS) == wanted
    assert model.failed == {("toy", 0): "/b.png: torn", ("toy", 3): "/b.png: torn"}
    assert make_lm(SCRIPT).generate_until(REQUESTS)[0] == "answer 0"


@pytest.mark.parametrize("options", [{"do_sample": True}, {"num_beams": 4}])
def test_only_greedy(make_lm, options):
    with pytest.raises(UserError, match="task 'toy' wants sampling or beams"):
        make_lm(SCRIPT).generate_until([ask("p0", **options)])


@pytest.mark.parametrize("method", ["loglikelihood", "loglikelihood_rolling"])
def test_what_is_not_offered_names_the_task(make_lm, method):
    with pytest.raises(UserError, match="task 'toy' asks for"):
        getattr(make_lm(SCRIPT), method)([ask("p0", kind=method)])
