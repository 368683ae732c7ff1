"""What flags make of a suite whose columns differ in their recipe, and of its claims."""

import pytest

from gvt.cli import main

SUITE = """\
tokenizers: {small: mini-clip, tuned: mini-clip, mid: mini-dino}
controls: [blind]
tasks: [mini_vqa, mini_oc]
recipes: {tuned: mini-tuned, blind: single-stage}
claims:
  - {name: first, statement: A., scope: mini_oc, higher: [small], lower: [tuned]}
  - {name: second, statement: B., scope: overall, higher: [mid], lower: [blind]}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SUITE)


@pytest.fixture
def asked(monkeypatch):
    """asked("--flag …"): the suite and the recipes that `gvt run` over the suite carries out."""
    seen = []
    monkeypatch.setattr(
        "gvt.run.execute", lambda suite, recipes, options: seen.append((suite, recipes))
    )

    def ask(flags=""):
        assert main(["run", "--suite", "s.yaml", *flags.split()]) in (0, None)
        return seen[-1]

    return ask


def test_every_column_keeps_its_recipe(asked):
    suite, recipes = asked()
    names = {column: recipes.of(column).name for column in suite.columns}
    assert names == {"small": "mini", "tuned": "mini-tuned", "mid": "mini", "blind": "single-stage"}
    assert [recipe.name for recipe in recipes.all] == ["mini", "mini-tuned", "single-stage"]
    _, recipes = asked("--connector mlp --recipe llava")
    assert {recipe.connector.type for recipe in recipes.all} == {"mlp"}
    assert (recipes.of("mid").name, recipes.of("tuned").name) == ("llava", "mini-tuned")


@pytest.mark.parametrize(
    ("flags", "own"),
    [
        ("--tokenizers mid", {}),
        ("--tokenizers mini-clip", {}),  # the first column of that card
        ("--tokenizers tuned,mid", {"tuned": "mini-tuned"}),
        ("--tokenizers tuned[layer=1],mid[layer=1]", {"tuned@layer=1": "mini-tuned"}),
        ("--sweep layer=1 --tokenizers tuned", {"tuned@layer=1": "mini-tuned"}),
        (
            "--tokenizers tuned[layer=1]+tuned[layer=2]",
            {"tuned@layer=1+tuned@layer=2": "mini-tuned"},
        ),
    ],
)
def test_what_is_made_of_a_column_has_its_recipe(asked, flags, own):
    suite, recipes = asked(flags)
    assert suite.recipes == {**own, "blind": "single-stage"}
    assert {name: recipe.name for name, recipe in recipes.own.items()} == suite.recipes


def test_claims_that_lack_a_column_or_a_task_are_left_out_and_told(asked, capsys):
    assert [claim.name for claim in asked()[0].claims] == ["first", "second"]
    assert "left out" not in capsys.readouterr().err
    for flags in ("--tasks mini_vqa", "--tokenizers mid,small"):
        assert [claim.name for claim in asked(flags)[0].claims] == ["second"]
        assert "claims left out, for want of columns or tasks: first\n" in capsys.readouterr().err


def test_the_plan_says_who_is_aligned_how(capsys):
    assert main(["align", "--suite", "s.yaml", "--dry_run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "recipe     mini-tuned, connector perceiver, for tuned" in lines
    assert "recipe     single-stage, connector mlp, for blind" in lines
    assert lines[-1] == "claims     first, second"


@pytest.mark.parametrize(
    ("old", "new", "flags", "words"),
    [
        ("mini-tuned", "mini-tund", "", "unknown recipe 'mini-tund'\n  Nearest: mini-tuned"),
        ("scope: mini_oc", "scope: mini_mci", "", "claim 'first': unknown scope 'mini_mci'"),
        ("scope: overall", "scope: semantic", "", "Nearest: semantics. A scope is one of"),
        ("", "", "--tokenizers tuned+mid", "'tuned+mid': its columns are aligned by different"),
    ],
)
def test_a_mistake_is_one_clear_complaint_and_code_2(tmp_path, capsys, old, new, flags, words):
    (tmp_path / "s.yaml").write_text(SUITE.replace(old, new))
    assert main(["run", "--suite", "s.yaml", "--dry_run", *flags.split()]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gvt: error: ") and words in error
    assert "Traceback" not in error and len(error.splitlines()) <= 2
