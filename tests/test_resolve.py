"""What may be written for a tokenizer: names, expressions, card files, folders and hub ids."""

import shutil
from pathlib import Path

import pytest

from gvt.cli import main
from gvt.config import load_suite
from gvt.errors import UserError
from gvt.resolve import resolve, spell_out
from tokenizers_zoo import BUILTIN_CARDS, Card, auto
from tokenizers_zoo.auto import automatic_card

WEIGHTS = BUILTIN_CARDS.parent / "weights"
SUITE = "tokenizers: {small: mini-clip, mid: 'mini-dino[layer=2]', both: mini-clip+mini-mae}\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """No automatic card has been written yet."""
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))


def test_a_card_by_name_and_by_file(tmp_path):
    card = Card.load(BUILTIN_CARDS / "mini-clip.yaml")
    assert resolve("mini-clip") == card
    assert resolve(str(card.path)) == card
    shutil.copytree(WEIGHTS / "mini-dino", tmp_path / "c++ [x]" / "weights")
    text = (BUILTIN_CARDS / "mini-dino.yaml").read_text()
    text = text.replace("local:../weights/mini-dino", "local:weights")
    (tmp_path / "c++ [x]" / "mini-dino.yaml").write_text(text)
    # A path that is there is taken as it is, whatever signs of an expression it holds.
    assert resolve("c++ [x]/mini-dino.yaml").hash() == resolve("mini-dino").hash()
    assert resolve("local:c++ [x]/weights").checkpoint == f"local:{tmp_path}/c++ [x]/weights"


def test_an_expression_is_titled_as_it_was_typed():
    for text in ("mini-clip[layer=-2]", "mini-clip[layer=-1]", "mini-clip[tokens=9]+mini-dino"):
        assert resolve(text).title == text
    assert resolve("mini-clip").title == "Mini CLIP"


@pytest.mark.usefixtures("empty_cache")
def test_a_folder_in_two_spellings_is_one_automatic_card(capsys):
    folder = WEIGHTS / "mini-mae"
    first = resolve(f"local:{folder}")
    assert first.path.parent.name == "cards"
    said = capsys.readouterr()
    assert said.err.startswith(f"automatic card of local:{folder}: {first.path}\n")
    assert said.out == ""
    assert resolve(str(folder)) == first
    assert resolve(f"{folder}[layer=-2]").checkpoint == first.checkpoint
    assert capsys.readouterr().err == ""


def test_a_hub_id_means_the_card_that_describes_it(monkeypatch):
    monkeypatch.setattr(auto, "download_config", None)  # nothing is looked up
    card = resolve("facebook/dinov2-large")
    assert card.name == "dinov2-l14"
    assert resolve(f"facebook/dinov2-large@{card.revision}") == card


@pytest.mark.usefixtures("empty_cache")
def test_another_hub_id_gets_an_automatic_card(tmp_path, monkeypatch):
    asked = []

    def download(repo, revision):
        asked.append((repo, revision))
        return str(WEIGHTS / "mini-clip")

    monkeypatch.setattr(auto, "download_config", download)
    card = resolve("some/clip@v2[tokens=9]+mini-dino")
    assert asked == [("some/clip", "v2")]
    assert (card.encoders[0].checkpoint, card.encoders[0].revision) == ("some/clip", "v2")
    assert card.encoders[0] == automatic_card("some/clip@v2", tmp_path / "cache" / "cards", print)


def test_several_cards_of_one_checkpoint_are_told_apart(tmp_path):
    text = (BUILTIN_CARDS / "dinov2-l14.yaml").read_text()
    (tmp_path / "second.yaml").write_text(text.replace("name: dinov2-l14", "name: second"))
    with pytest.raises(UserError, match="several cards") as caught:
        resolve("facebook/dinov2-large", [tmp_path])
    assert "dinov2-l14, second" in caught.value.hint


def test_short_names_of_a_suite_are_spelt_out():
    columns = {"small": "mini-clip", "mid": "mini-dino[layer=2,norm=no]", "both": "a+b"}
    for text, wanted in (
        ("small[layer=-2]+mid", "mini-clip[layer=-2]+mini-dino[layer=2,norm=no]"),
        ("mid[layer=1]++other", "mini-dino[layer=1,norm=no]++other"),
        ("other[layer=1]", "other[layer=1]"),
        ("broken[", "broken["),
    ):
        assert spell_out(text, columns) == wanted
    with pytest.raises(UserError, match=r"column 'both' is 'a\+b' already"):
        spell_out("both[layer=1]", columns)


def dry_run(capsys, *argv):
    """Columns and expressions that a dry run shows."""
    code = main(["align", "--dry_run", *argv])  # asks for no data
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    return {line.split()[0]: line.split()[2] for line in lines if " tokenizer " in line}


def test_suites_hold_expressions_and_flags_build_on_them(capsys, tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE)
    (tmp_path / "l.yaml").write_text("tokenizers:\n- mini-clip[layer=-2]\n- mini-clip++mini-mae\n")
    assert load_suite(tmp_path / "l.yaml").tokenizers == {
        "mini-clip@layer=-2": "mini-clip[layer=-2]",
        "mini-clip++mini-mae": "mini-clip++mini-mae",
    }
    flags = ("--suite", "s.yaml")
    assert dry_run(capsys, *flags) == {
        "small": "mini-clip",
        "mid": "mini-dino[layer=2]",
        "both": "mini-clip+mini-mae",
    }
    chosen = ("mid", "mini-clip", "small+mid", "mini-dino[layer=2]", "mini-clip[res=96,tokens=16]")
    assert dry_run(capsys, *flags, "--tokenizers", *chosen) == {
        "mid": "mini-dino[layer=2]",
        "small": "mini-clip",
        "small+mid": "mini-clip+mini-dino[layer=2]",
        "mini-clip@res=96,tokens=16": "mini-clip[res=96,tokens=16]",
    }


def test_columns_that_would_share_a_name_are_kept_apart(capsys, tmp_path):
    for folder in ("x", "y", "z"):
        shutil.copytree(WEIGHTS / "mini-dino", tmp_path / folder / "blind")
    found = dry_run(capsys, "--tokenizers", "local:x/blind", "local:y/blind[layer=1]")
    assert len(found) == 2 and all(name.startswith("blind") and name != "blind" for name in found)
    (tmp_path / "x" / "blind").rename(tmp_path / "x" / "vit")
    (tmp_path / "y" / "blind").rename(tmp_path / "y" / "vit")
    names = list(dry_run(capsys, "--tokenizers", "local:x/vit", "local:y/vit"))
    assert names[0] == "vit" and names[1].startswith("vit-")


def test_a_plan_counts_a_shared_encoder_once(capsys):
    names = ("mini-clip[tokens=1]", "mini-clip[tokens=9]", "mini-clip", "mini-clip+mini-dino")
    main(["run", "--suite", "mini", "--dry_run", "--limit", "2", "--tokenizers", *names])
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("  features:"))
    todo, units = (int(n.replace(",", "")) for n in line.split()[1:4:2])
    # Read by clip, clip, clip, clip and dino, blind, random; encoded by clip, dino, blind, random.
    assert todo / 4 == units / 7


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mini-clap", "unknown tokenizer 'mini-clap'\n  Nearest: mini-clip"),
        ("mini-clip+mini-dinno", "unknown tokenizer 'mini-dinno'\n  Nearest: mini-dino"),
        ("mini-clip[layr=-2]", "character 11: unknown option 'layr'; did you mean 'layer'?"),
        ("mini-clip[layer=9]", "hidden states -5 to 4"),
        ("mini-clip[res=80]", "take 72 or 84"),
        ("mini-clip[tokens=10]", "cannot be averaged to a grid of 10; nearest: 9 or 16"),
        ("mini-clip[tokens=registers]", "has no token 'registers'"),
        ("mini-clip+blind", "'blind' has no grid"),
        ("text", "unknown tokenizer 'text'"),
        ("nowhere/card.yaml", "there is no such card file"),
        ("./nowhere", "there is no such folder"),
        ("local:nowhere", "there is no folder"),
        ("some/model", "tokenizer 'some/model' is no card here, and the hub gives no config.json"),
    ],
)
def test_a_wrong_name_is_one_clear_complaint_and_code_2(capsys, name, words):
    argv = ["run", "--tasks", "mini_vqa", "--limit", "2", "--dry_run", "--tokenizers", name]
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith("gvt: error: ") and words in error
    assert "Traceback" not in error and len(error.splitlines()) <= 2


def test_show_takes_what_a_run_takes(capsys):
    assert main(["show", "mini-clip[tokens=9]+mini-dino"]) == 0
    shown = capsys.readouterr().out
    assert "encoders:\n- mini-clip\n- mini-dino\n" in shown and "parameters: 2142000" in shown
    assert main(["show", "mini-clip[layer=-2]"]) == 0
    assert "layer: -2" in capsys.readouterr().out
    assert main(["show", str(WEIGHTS / "mini-mae")]) == 0
    assert "family: mae" in capsys.readouterr().out
    assert main(["show", "mini-clip[layer"]) == 2


def test_files_of_a_card_lie_below_names_that_shells_leave_alone(tmp_path):
    import torch

    from gvt.engine.features import FeatureStore

    store = FeatureStore(resolve("mini-clip[layer=-2]"), torch.device("cpu"), "no")
    assert store.folder.name.startswith("mini-clip@layer=-2-")
    assert not set(Path(store.folder).name) & set("[]*? ")
