"""Columns of one comparison that were trained by unequal recipes are told apart."""

from __future__ import annotations

import pytest

import leaderboard
from leaderboard import schema
from leaderboard.caveats import caveats
from leaderboard.results import load_results
from leaderboard.verdict import judge_all
from leaderboard.wording import put_in_words

PLAIN = {"name": "mini", "stages": [{"name": "s", "trains": ["connector"]}]}
TUNED = {"name": "mini-tuned", "stages": [{"name": "s", "trains": ["connector", "tokenizer"]}]}


@pytest.fixture
def trained(run_dir):
    """trained(recipes): results of the run with recipes of columns' own."""

    def make(recipes, change=None):
        run = schema.read_run(run_dir)
        run["config"] |= {"recipe": PLAIN, "recipes": recipes}
        if change:
            change(run)
        schema.write_run(run_dir, run)
        return load_results(run_dir)

    return make


def unequal(results):
    return [caveat.text for caveat in caveats(results) if caveat.kind == "recipe"]


def reason(results):
    return put_in_words(results, judge_all(results)).reason


def test_one_recipe_is_no_word_worth(trained):
    results = trained({"blind": TUNED, "mae": {**PLAIN, "title": "The same, named otherwise"}})
    assert unequal(results) == [] and "aligned by" not in reason(results)


def test_who_leads_by_another_recipe_is_said_to(trained, run_dir):
    results = trained({"deit": TUNED})
    assert put_in_words(results, judge_all(results)).answer == "Use DeiT."
    assert unequal(results) == [
        "Unequal training: CLIP, MAE and DINO by mini; "
        "DeiT by mini-tuned (which trains the tokenizer too)."
    ]
    told = "It was aligned by mini-tuned (which trains the tokenizer too); 3 others were not."
    assert told in reason(results)
    assert told in leaderboard.write_report(run_dir).read_text()
    assert "It was aligned by mini; one other was not." in reason(trained({"mae": TUNED}))


@pytest.mark.parametrize("stages", [None, 3, "tokenizer", [3], [{"trains": 3}], [{"trains": [3]}]])
def test_recipes_of_any_form_are_read(trained, stages):
    hostile = "<b>\x1b\n" + "x" * 1000
    (text,) = unequal(trained({"deit": {"name": hostile, "stages": stages}}))
    assert len(text) < 200 and "\x1b" not in text and "\n" not in text and "trains" not in text


def test_columns_of_one_card_have_titles_of_their_own(trained):
    """As those of runs from before recipes stood in titles."""

    def twice(run):
        for column in run["columns"]:
            if column["name"] in ("deit", "clip"):
                column["title"] = "Mini"

    results = trained({"deit": TUNED}, twice)
    titles = ["Mini (deit)", "Mini (clip)", "MAE", "DINO"]
    assert [column["title"] for column in results.columns("tokenizer")] == titles
    assert results.cell("deit", "vqa").column["title"] == "Mini (deit)"


def test_models_that_came_whole_have_no_recipe(trained):
    def whole(run):
        run["alignment"] = [one for one in run["alignment"] if one["column"] != "clip"]

    assert unequal(trained({"clip": TUNED}, whole)) == []
