"""`--sweep`: which columns it makes, in which order, and what it refuses in one line."""

import pytest

from gvt.cli import main
from gvt.cli.sweep import combinations, swept

SUITE = "tokenizers: {small: mini-clip, mid: 'mini-dino[layer=2]', both: mini-clip+mini-mae}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SUITE)


def planned(capsys, *argv):
    """Columns and expressions of the tokenizers that a dry run shows, and its other lines."""
    code = main(["align", "--dry_run", *argv])
    out, err = capsys.readouterr()
    assert code == 0, err
    lines = [line.split() for line in out.splitlines()]
    return {line[0]: line[2] for line in lines if line[1:2] == ["tokenizer"]}, out


def test_every_tokenizer_at_every_combination_the_last_option_fastest(capsys):
    flags = ("--sweep", "layer=-1,-2", "--sweep", "tokens=4,9+cls")
    columns, out = planned(capsys, "--suite", "s.yaml", "--tokenizers", "small", "mini-mae", *flags)
    options = [f"layer={layer},tokens={kept}" for layer in (-1, -2) for kept in ("4", "9+cls")]
    assert columns == {
        f"{column}@{one}": f"{card}[{one}]"
        for column, card in (("small", "mini-clip"), ("mini-mae", "mini-mae"))
        for one in options
    }
    assert [*columns][:2] == ["small@layer=-1,tokens=4", "small@layer=-1,tokens=9+cls"]
    assert "sweep      layer=-1,-2 x tokens=4,9+cls: 8 columns" in out
    assert planned(capsys, "--suite", "s.yaml", *flags)[1].count(" tokenizer ") == 12


def test_what_a_suite_says_gives_way_and_all_parts_of_a_fusion_are_swept(capsys):
    columns, _ = planned(capsys, "--suite", "s.yaml", "--sweep", "layer=1")
    assert columns == {
        "small@layer=1": "mini-clip[layer=1]",
        "mid@layer=1": "mini-dino[layer=1]",
        "mini-clip@layer=1+mini-mae@layer=1": "mini-clip[layer=1]+mini-mae[layer=1]",
    }
    columns, _ = planned(capsys, "--suite", "s.yaml", "--tokenizers", "mid", "--sweep", "tokens=4")
    assert columns == {"mid@tokens=4": "mini-dino[layer=2,tokens=4]"}
    typed = swept(["a[res=8]++b", "local:x/y"], {}, combinations(["norm=yes,no"]))
    assert typed == [
        "a[res=8,norm=yes]++b[norm=yes]",
        "a[res=8,norm=no]++b[norm=no]",
        "local:x/y[norm=yes]",
        "local:x/y[norm=no]",
    ]


def test_every_column_by_every_recipe(capsys):
    flags = ("--sweep", "recipe=mini,mini-tuned", "--tokenizers", "small", "both")
    columns, out = planned(capsys, "--suite", "s.yaml", *flags)
    assert columns == {
        f"{column}@recipe={recipe}": card
        for column, card in (("small", "mini-clip"), ("both", "mini-clip+mini-mae"))
        for recipe in ("mini", "mini-tuned")
    }
    assert "mini-tuned, connector perceiver, for small@recipe=mini-tuned, both@recipe=mini" in out
    assert "sweep      recipe=mini,mini-tuned: 4 columns" in out
    columns, _ = planned(capsys, "--suite", "s.yaml", *flags[:2], "--sweep", "layer=1,2")
    assert [*columns][:3] == [
        "small@layer=1,recipe=mini",
        "small@layer=1,recipe=mini-tuned",
        "small@layer=2,recipe=mini",
    ]


def test_a_sweep_is_a_run_of_its_own(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr("gvt.run.execute", lambda *args: seen.append(args[2].output_path.name))
    for sweep in ("layer=1,2", "layer=1,2", "layer=1", "recipe=mini", "recipe=gvt"):
        main(["run", "--suite", "mini", "--sweep", sweep, "--output_path", "here"])
        main(["run", "--suite", "mini", "--sweep", sweep])
    named = [name for name in seen if name != "here"]
    assert named[0] == named[1] and len({*named}) == 4
    assert "mini" not in named


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("layr=1", "--sweep layr=1: unknown option 'layr'; did you mean 'layer'?"),
        ("layer", "--sweep layer: expected KEY=VALUE,VALUE"),
        ("layer=", "layer must be a whole number, not ''"),
        ("layer=1,x", "layer must be a whole number, not 'x'"),
        ("layer=1][norm=no", "expected KEY=VALUE,VALUE"),
        ("layer=1,01", "'layer=1' stands twice"),
        ("layer=1 --sweep layer=2", "option 'layer' is swept twice"),
        ("seed=0,1", "'seed' is no option of tokenizers\n  Seeds are given by --seed"),
        ("connector.latents=8", "'connector.latents' is no option of tokenizers"),
        ("recipe=mini --sweep recipe=gvt", "recipes are swept twice"),
        ("recipe=mini,mini", "two recipes of one name"),
        ("recipe=", "expected names\n  'gvt ls recipes' lists all."),
        ("recipe=minni", "unknown recipe 'minni'\n  Nearest: mini"),
        ("tokens=9 --tokenizers mini-clip[tokens=4]", "'mini-clip[tokens=4]' says its tokens"),
        ("tokens=10", "cannot be averaged to a grid of 10; nearest: 9 or 16"),
        ("layer=9", "hidden states -5 to 4"),
        ("layer=1 --tokenizers blind", "'blind' looks at no image, so it takes no options"),
    ],
)
def test_what_cannot_be_swept_is_one_clear_complaint_and_code_2(capsys, flags, words):
    given = flags if "--tokenizers" in flags else f"{flags} --tokenizers mini-clip"
    argv = ["run", "--tasks", "mini_vqa", "--limit", "2", "--dry_run", "--sweep", *given.split()]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("gvt: error: ") and words in error
    assert "Traceback" not in error and len(error.splitlines()) <= 2


def test_published_models_alone_have_nothing_to_sweep(capsys):
    assert main(["run", "--model", "some/llava", "--tasks", "mini_vqa", "--sweep", "layer=1"]) == 2
    assert "no tokenizers to vary" in capsys.readouterr().err
