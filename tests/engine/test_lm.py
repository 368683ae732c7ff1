"""The model that lm-eval sees: order, batches, the journal, and what it refuses."""

import pytest
from lm_eval.api.instance import Instance

from gvt.engine import lm as lm_module
from gvt.engine.features import share_of
from gvt.errors import UserError
from gvt.progress import Counter

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
    counter = Counter()
    model = make_lm(SCRIPT, counter=counter)
    assert model.generate_until(REQUESTS) == [f"answer {i}" for i in range(5)]
    rows = [row for _, rows in model.calls for row in rows]
    assert {prompt: image for prompt, image, _ in rows} == dict(zip(SCRIPT, "bacba", strict=True))
    assert [row[2].limit for row in sorted(rows)] == [8, 3, 8, 8, 8]


def test_an_image_is_read_and_prefilled_once_for_all_its_questions(make_lm):
    model = make_lm(SCRIPT)
    model.generate_until(REQUESTS)
    assert [(prefixes, len(rows)) for prefixes, rows in model.calls] == [(3, 5)]
    assert sorted(model.reader.seen) == ["a", "b", "c"]


def test_a_batch_has_no_more_rows_than_asked_and_an_image_stays_together(make_lm):
    model = make_lm(SCRIPT, batch_size=3)
    assert model.generate_until(REQUESTS) == [f"answer {i}" for i in range(5)]
    assert [(prefixes, len(rows)) for prefixes, rows in model.calls] == [(1, 2), (2, 3)]


def test_continuations_of_a_prompt_share_all_of_it(make_lm):
    script = {"what is it red ring": -0.5, "what is it cube": -2.0, "what is it": 0}
    model = make_lm(script)
    reference = {"path": "/a.png", "sha256": "a"}
    requests = [
        Instance(
            request_type="loglikelihood",
            doc={},
            arguments=("what is it", wanted, {"visual": [reference]}),
            idx=i,
            metadata=("toy", 0, 1),
        )
        for i, wanted in enumerate([" red ring", " cube"])
    ]
    assert model.loglikelihood(requests) == [(-0.5, True), (-2.0, False)]
    assert [prefixes for prefixes, _ in model.calls] == [1]
    again = make_lm({})
    assert again.loglikelihood(requests) == [(-0.5, True), (-2.0, False)]
    assert not again.calls


def test_progress_adds_up(make_lm):
    make_lm(SCRIPT).generate_until(REQUESTS[:2])
    told = []
    counter = Counter(told.append)
    make_lm(SCRIPT, batch_size=2, counter=counter).generate_until(REQUESTS)
    assert (sum(told), counter.computed) == (len(REQUESTS), len(REQUESTS) - 2)


def test_what_is_in_the_journal_is_not_asked_again(make_lm):
    make_lm(SCRIPT).generate_until(REQUESTS[:3])
    counter = Counter()
    model = make_lm(SCRIPT, counter=counter)
    assert model.generate_until(REQUESTS) == [f"answer {i}" for i in range(5)]
    assert sorted(row[0] for _, rows in model.calls for row in rows) == ["p3", "p4"]
    assert counter.computed == 2


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


def test_what_the_limit_cut_is_remembered(make_lm):
    make_lm({"p0": "yes", "p1": "long…"}).generate_until(REQUESTS[:2])
    again = make_lm({})
    assert again.generate_until(REQUESTS[:2]) == ["yes", "long"]
    assert again.truncated == {("toy", 1)}


def test_a_failed_image_takes_no_other_with_it_and_is_tried_again(make_lm):
    model = make_lm(SCRIPT, broken={"b": "torn"})
    wanted = ["", "answer 1", "answer 2", "", "answer 4"]
    assert model.generate_until(REQUESTS) == wanted
    assert model.failed == {("toy", 0): "/b.png: torn", ("toy", 3): "/b.png: torn"}
    assert make_lm(SCRIPT).generate_until(REQUESTS)[0] == "answer 0"


def test_beams_and_limits_reach_the_decoding_and_the_key(make_lm):
    make_lm(SCRIPT).generate_until(REQUESTS[:1])
    model = make_lm({"p0": "new"})
    wide = ask("p0", "b", 0, num_beams=4, length_penalty=0.5)
    assert model.generate_until([wide]) == ["new"]
    ((_, ((_, _, decoding),)),) = model.calls
    assert (decoding.beams, decoding.length_penalty, decoding.limit) == (4, 0.5, 8)
    assert decoding.until == ("\n",)


def test_sampling_is_refused(make_lm):
    with pytest.raises(UserError, match="task 'toy' wants sampling"):
        make_lm(SCRIPT).generate_until([ask("p0", do_sample=True)])


def test_several_images_are_refused(make_lm):
    request = ask("p0")
    two = request.args[2]["visual"] * 2
    request.arguments = (*request.args[:2], {"visual": two})
    with pytest.raises(UserError, match="task 'toy': 2 images"):
        make_lm(SCRIPT).generate_until([request])


def test_perplexity_names_the_task(make_lm):
    with pytest.raises(UserError, match="task 'toy' asks for perplexity"):
        make_lm(SCRIPT).loglikelihood_rolling([ask("p0", kind="loglikelihood_rolling")])


def test_a_choice_without_tokens_is_refused(make_lm):
    """Its log-probability would be zero, the best of all."""
    reference = {"path": "/a.png", "sha256": "a"}
    request = Instance(
        request_type="loglikelihood",
        doc={},
        arguments=("what is it", " \n", {"visual": [reference]}),
        idx=0,
        metadata=("toy", 0, 1),
    )
    with pytest.raises(UserError, match=r"task 'toy': ' \\n' has no tokens to score"):
        make_lm({}).loglikelihood([request])


def test_generation_settings_that_cannot_be_followed_are_told(make_lm):
    with pytest.raises(UserError, match="task 'toy': repetition_penalty"):
        make_lm({}).generate_until([ask("p0", "b", 0, repetition_penalty=1.2)])


def test_a_question_without_image_is_told(make_lm):
    request = Instance(
        request_type="generate_until",
        doc={},
        arguments=("p0", OPTIONS),
        idx=0,
        metadata=("toy", 0, 1),
    )
    with pytest.raises(UserError, match="'toy' has no image"):
        make_lm({}).generate_until([request])


def test_one_request_twice_is_computed_once_and_fails_as_both(make_lm):
    counter = Counter()
    model = make_lm({"p0": "yes"}, counter=counter)
    assert model.generate_until([ask("p0", "b", 0)] * 3) == ["yes"] * 3
    assert counter.computed == 1


class OneOfSeveral:
    """The process that the images of REQUESTS called "a" belong to, of seven."""

    num_processes = 7
    process_index = share_of("a", num_processes)


def test_what_no_process_answers_is_a_failure_not_an_empty_answer(make_lm, monkeypatch):
    monkeypatch.setattr(lm_module, "gather_object", lambda mine: mine)  # the others are silent
    model = make_lm(SCRIPT, accelerator=OneOfSeveral())
    answers = model.generate_until(REQUESTS)
    silent = {("toy", number) for number, answer in enumerate(answers) if not answer}
    assert 0 < len(silent) < len(REQUESTS)
    assert dict.fromkeys(silent, "never answered") == model.failed
