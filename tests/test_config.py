"""Suites and recipes as files: includes, merging, and complaints that name file and line."""

import hashlib
import json

import pytest

from gvt import catalog
from gvt.config import CONTROLS, Recipe, Suite, load_recipe, load_suite
from gvt.errors import UserError

PARENT = """\
title: Parent
tokenizers: {clip: mini-clip, dino: mini-dino}
tasks: [a, b]
seeds: [0, 1]
"""
RECIPE = """\
connector: {latents: 16, depth: 2}
stages:
  - {name: captions, data: x, steps: 10, batch_size: 4, lr: 1e-3}
  - {name: questions, data: y, steps: 20, batch_size: 4, lr: 2.0e-3}
"""


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return path

    return write


def test_a_suite_has_defaults_and_a_plain_form(write):
    suite = load_suite(write("parent", PARENT))
    assert suite.name == "parent"
    assert suite.controls == CONTROLS
    assert suite.limit is None
    assert json.loads(json.dumps(suite.to_dict())) == suite.to_dict()
    plain = {**suite.to_dict(), "tasks": ("a", "b"), "seeds": (0, 1), "claims": ()}
    assert Suite(**plain) == suite


def test_a_list_of_tokenizers_names_columns_by_card(write):
    suite = load_suite(write("s", "tokenizers: [mini-clip]\ntasks: [a]\ncontrols: [random]\n"))
    assert suite.tokenizers == {"mini-clip": "mini-clip"}
    assert suite.controls == {"random": "mini-random"}


def test_a_child_wins_and_null_takes_away(write):
    write("parent", PARENT)
    text = "include: parent\ntokenizers: {dino: null, mae: mini-mae}\nseeds: [7]\nlimit: 5\n"
    child = load_suite(write("child", text))
    assert child.tokenizers == {"clip": "mini-clip", "mae": "mini-mae"}
    assert child.tasks == ("a", "b")
    assert child.seeds == (7,)
    assert child.limit == 5
    assert child.title == ""  # a description of the parent is not one of the child


def test_include_by_name_goes_elsewhere(write, tmp_path):
    parent = write("parent", PARENT)
    (tmp_path / "sub").mkdir()
    child = tmp_path / "sub" / "child.yaml"
    child.write_text("include: parent\n")
    assert load_suite(child, {"parent": parent}).tasks == ("a", "b")
    child.write_text("include: ../parent.yaml\n")
    assert load_suite(child).tasks == ("a", "b")


def test_stages_merge_by_name(write):
    write("parent", RECIPE)
    text = "include: parent\nstages:\n  - {name: questions, steps: 5}\nconnector: {depth: 1}\n"
    recipe = load_recipe(write("child", text))
    assert [(stage.name, stage.steps, stage.lr) for stage in recipe.stages] == [
        ("questions", 5, 2e-3)
    ]
    assert (recipe.connector.latents, recipe.connector.depth) == (16, 1)


def test_the_hash_is_of_what_matters(write):
    one = load_recipe(write("one", RECIPE))
    two = load_recipe(write("two", "title: Other\n" + RECIPE))
    three = load_recipe(write("three", RECIPE.replace("20", "21")))
    assert one.hash() == two.hash() != three.hash()
    assert isinstance(one, Recipe)
    assert one.stages[0].lr == 1e-3  # which YAML takes for text


@pytest.mark.parametrize("name", catalog.recipes())
def test_a_recipe_comes_back_from_its_plain_form(name):
    recipe = catalog.get_recipe(name)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_plain_form_may_be_older_than_some_fields(write):
    path = write(
        "files",
        "lora: {rank: 3}\n"
        "stages: [{name: s, steps: 1, batch_size: 1, lr: 1, trains: [lora],"
        " data: {format: parquet, path: shards, images_from: [coco/train2017]}}]\n",
    )
    recipe = load_recipe(path)
    values = recipe.to_dict()
    assert Recipe.from_dict(values) == recipe
    del values["lora"], values["stages"][0]["trains"]
    older = Recipe.from_dict(values)
    assert not older.tunes("lora") and older.stages[0].data == recipe.stages[0].data


CLAIM = "{name: n, statement: One is above., scope: a, higher: [clip], lower: [dino]}"


def test_recipes_of_columns_count_and_claims_do_not(write):
    plain = load_suite(write("plain", PARENT))
    own = load_suite(write("own", PARENT + "recipes: {dino: mini-tuned}\n"))
    claiming = load_suite(write("claiming", PARENT + f"claims: [{CLAIM}]\n"))
    assert own.recipes == {"dino": "mini-tuned"} and own.hash() != plain.hash()
    assert claiming.claims[0].columns == ("clip", "dino") and claiming.hash() == plain.hash()
    inherits = "include: {}\ntokenizers: {{clip: null}}\n"
    assert load_suite(write("child", inherits.format("claiming"))).claims == ()
    assert load_suite(write("other", inherits.format("own"))).recipes == own.recipes


def test_a_suite_of_one_recipe_has_the_hash_it_had_before_there_could_be_more(write):
    content = {
        "tokenizers": {"clip": "mini-clip", "dino": "mini-dino"},
        "models": {},
        "tasks": ["a", "b"],
        "controls": dict(CONTROLS),
        "llm": "mini-lm",
        "apply_chat_template": False,
        "recipe": "mini",
        "seeds": [0, 1],
        "limit": None,
    }
    text = json.dumps(content, sort_keys=True).encode()
    assert load_suite(write("s", PARENT)).hash() == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("recipes: {dinno: mini}", r"5: recipes: unknown column 'dinno'\nNearest: dino\."),
        ("recipes: {text: mini}", r"5: recipes: unknown column 'text'"),
        (CLAIM.replace("clip", "clp"), r"5: claims: unknown column 'clp' of 'n'\nNearest: clip\."),
        (CLAIM.replace("clip", ""), r"5: higher: is empty"),
        (CLAIM.replace("clip", "dino"), r"5: lower: column 'dino' stands twice in 'n'"),
        (CLAIM.replace("scope: a, ", ""), r"5: key 'scope' is missing"),
        (f"{CLAIM}, {CLAIM}", r"5: claims: 'n' stands twice"),
    ],
)
def test_complaints_about_recipes_of_columns_and_claims(write, line, message):
    line = line if line.startswith("recipes") else f"claims: [{line}]"
    with pytest.raises(UserError, match=rf"s\.yaml:{message}"):
        load_suite(write("s", f"{PARENT}{line}\n"))


def test_includes_in_a_circle(write):
    write("a", "include: b\n")
    write("b", "include: a\n")
    path = write("itself", "include: itself\n")
    with pytest.raises(UserError, match=r"circle \(itself.yaml → itself.yaml\)"):
        load_suite(path)
    with pytest.raises(UserError, match=r"a\.yaml:1: include: .*circle"):
        load_suite(path.parent / "b.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tasks: [a]\ntokenizer: {}\n", r"s\.yaml:2: unknown key 'tokenizer'"),
        ("tokenizers: {a: b\n", r"s\.yaml:2: broken YAML"),
        ("tasks: [a]\n", r"s\.yaml:1: tokenizers: is empty"),
        ("", r"s\.yaml: tokenizers: is empty"),
        ("- a\n", r"s\.yaml:1: must hold"),
        ("tokenizers: [a]\ntokenizers: [b]\n", r"s\.yaml:2: key 'tokenizers' stands twice"),
        ("tokenizers: [a, a]\n", r"s\.yaml:1: 'a' stands twice"),
        ("tokenizers: [a]\nseeds: 3\n", r"s\.yaml:2: expected a list"),
        ("tokenizers: [a]\nseeds: [1, x]\n", r"s\.yaml:2: expected a whole number, not 'x'"),
        ("tokenizers: [a]\nlimit: yes\n", r"s\.yaml:2: expected a number, not 'yes'"),
        ("tokenizers: [a]\nlimit: 0\n", r"s\.yaml:2: limit: must be above 0"),
        ("tokenizers: [a]\nlimit: .nan\n", r"s\.yaml:2: limit: must be above 0"),
        ("tokenizers: [a]\nlimit: .inf\n", r"s\.yaml:2: limit: must be a whole number"),
        ("tokenizers: [a]\nlimit: 1.5\n", r"s\.yaml:2: limit: must be a whole number"),
        ("tokenizers: &x [*x]\n", r"s\.yaml:1: an anchor stands within itself"),
        ("include: [a]\n", r"s\.yaml:1: include: expected one name, not a list"),
        ("tokenizers: [a]\ncontrols: [blnd]\n", r"s\.yaml:2: controls: 'blnd' is none of"),
        ("tokenizers: {../x: a}\n", r"s\.yaml:1: tokenizers: '../x' cannot be part"),
        ("tokenizers: {}\n", r"s\.yaml:1: tokenizers: is empty"),
        ("tokenizers: [a]\nname: t\n", r"s\.yaml:2: name is 't', but the file is called"),
        ("tokenizers: [a]\n\ninclude: nowhere\n", r"s\.yaml:3: include: there is no 'nowhere'"),
    ],
)
def test_complaints_name_file_and_line(write, text, message):
    with pytest.raises(UserError, match=message):
        load_suite(write("s", text))


def test_a_complaint_about_a_parent_names_the_parent(write):
    write("parent", PARENT + "sedes: [1]\n")
    with pytest.raises(UserError, match=r"parent\.yaml:5: unknown key 'sedes'") as caught:
        load_suite(write("child", "include: parent\n"))
    assert caught.value.hint.startswith("Nearest: seeds")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("depth: 2", "deep: 2", r"r\.yaml:1: unknown key 'deep'"),
        ("steps: 10", "steps: ten", r"r\.yaml:3: expected a whole number, not 'ten'"),
        ("steps: 20", "steps: 20, betas: [0.9]", r"r\.yaml:4: expected 2 values, not 1"),
        ("steps: 20", "steps: 20, muon_lr: 0", r"r\.yaml:4: muon_lr: must be above 0"),
        ("steps: 20", "steps: 20, warmup_steps: 21", r"r\.yaml:4: warmup_steps: must be 0 to"),
        ("steps: 20", "steps: 20, trains: [conector]", r"r\.yaml:4: 'conector' is none of conn"),
        ("lr: 1e-3", "lr: .nan", r"r\.yaml:3: lr: must be above 0"),
        ("lr: 1e-3", "lr: .inf", r"r\.yaml:3: lr: must be finite"),
        ("steps: 20", "steps: 20, muon_lr: .inf", r"r\.yaml:4: muon_lr: must be finite"),
        ("steps: 20", "steps: 20, clip_norm: .nan", r"r\.yaml:4: clip_norm: must be above 0"),
        ("steps: 20", "steps: 20, weight_decay: .nan", r"r\.yaml:4: weight_decay: must be 0"),
        ("data: y", "data: {format: llava, path: 5}", r"r\.yaml:4: expected text, not '5'"),
        (
            "data: y",
            "data: {format: llava, path: ~no-one/x}",
            "'~no-one/x': there is no such",
        ),
        ("steps: 20", "steps: 20, trains: []", r"r\.yaml:4: trains: is empty"),
        (
            "steps: 20",
            "steps: 20, trains: [llm, lora]",
            r"r\.yaml:2: stages: .* both 'llm' and 'lo",
        ),
        ("steps: 20", "steps: 20, held_out: 1", r"r\.yaml:4: held_out: must be 0 or more"),
        ("steps: 20", "steps: 20, clip_norm: 0", r"r\.yaml:4: clip_norm: must be above 0"),
        ("steps: 20", "steps: 20, gradient_accumulation: 999", r"r\.yaml:4: gradient_accumulation"),
        ("depth: 2", "type: percever", r"r\.yaml:1: 'percever' is none of perceiver"),
        ("questions", "captions", r"r\.yaml:2: stages: 'captions' stands twice"),
    ],
)
def test_complaints_about_recipes(write, old, new, message):
    with pytest.raises(UserError, match=message):
        load_recipe(write("r", RECIPE.replace(old, new)))
