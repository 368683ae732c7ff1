"""`--log_with`: what trackers are told of alignment and scores, where they write, and when not."""

import os
import re

import pytest
from accelerate import PartialState
from accelerate.state import AcceleratorState

from gvt import tracking
from gvt.cli import main
from gvt.columns import align_columns
from gvt.config import RunOptions, load_recipe, load_suite
from gvt.errors import UserError
from gvt.recipes import Recipes
from gvt.run import execute
from gvt.tracking import FOLDER, Tracking, accelerator, mlflow_name, need, trackers
from leaderboard import schema
from leaderboard.results import load_results
from tests.heard import Heard

STEPS = 20
RECIPE = """\
connector: {latents: 2, depth: 1, heads: 2, head_dim: 8, ffn_mult: 1}
stages: [{name: s, data: mini-questions, steps: 20, batch_size: 4, warmup_steps: 5, lr: 1e-3}]
"""


@pytest.fixture
def plan(world, llm_folder):
    """plan(tracker): suite, recipe and options of a run of one toy and blind."""
    (world.mine / "toy.yaml").write_text(RECIPE)
    (world.mine / "short.yaml").write_text(
        f"tokenizers: {{one: toy-one}}\ncontrols: [blind]\ntasks: [mini_mci]\n"
        f"recipe: toy\nllm: {llm_folder}\nlimit: 4\n"
    )

    def plan(*trackers):
        AcceleratorState._reset_state(True)
        suite = load_suite(world.mine / "short.yaml")
        recipes = Recipes(load_recipe(world.mine / "toy.yaml"))
        options = RunOptions(
            world.folder, include_path=(world.mine,), device="cpu", limit=4, log_with=trackers
        )
        return suite, recipes, options

    return plan


def test_a_tracker_is_told_losses_and_scores(world, plan):
    heard = Heard()
    execute(*plan(heard))
    assert heard.finished
    assert heard.facts["columns"] == "one, blind" and heard.facts["steps"] == STEPS
    for entry in schema.read_run(world.folder)["alignment"]:
        series = f"alignment/{entry['column']}/seed0"
        losses = [[step, value] for _, step, value in heard.of(f"{series}/loss")]
        assert losses == entry["curve"] and len(losses) == STEPS // 10
        rates = [value for _, _, value in heard.of(f"{series}/lr")]
        assert 0 < rates[1] < rates[0] < 1e-3  # behind the warm-up, downhill
        speeds = [value for _, _, value in heard.of(f"{series}/samples_per_second")]
        assert len(speeds) == len(losses) and min(speeds) > 0
    results = load_results(world.folder)
    for column in ("one", "blind"):
        estimate = results.cell(column, "mini_mci").estimate
        told = {name: value for name, _, value in heard.of(f"scores/mini_mci/{column}/")}
        wanted = {"mean": estimate.mean, "low": estimate.low, "high": estimate.high}
        assert told == {f"scores/mini_mci/{column}/{k}": 100 * v for k, v in wanted.items()}


def test_connectors_of_the_cache_tell_their_losses_too(world, computed, plan):
    first, second = Heard(), Heard()
    align_columns(*plan(first))
    assert computed["train"] == 2
    align_columns(*plan(second))
    assert computed["train"] == 2
    assert [one for one in first.told if one[0].endswith("/loss")] == second.told
    assert not first.of("scores/") and first.finished and second.finished


def test_only_the_main_process_logs(tmp_path, monkeypatch):
    heard = Heard()
    logger = accelerator([heard], tmp_path, cpu=True)
    monkeypatch.setattr(PartialState(), "process_index", 1)
    tracking = Tracking(logger, {})
    tracking.series("x")(1, {"loss": 1.0})
    assert not tracking.on and heard.told == []
    monkeypatch.setattr(PartialState(), "process_index", 0)
    tracking.series("x")(1, {"loss": 1.0})
    assert heard.told == [("x/loss", 1, 1.0)]


def test_a_tracker_that_is_not_installed_stops_before_anything_runs(world, computed, monkeypatch):
    monkeypatch.setattr("gvt.tracking._installed", lambda name: False)
    code, output = world.run("--log_with", "wandb")
    assert code == 2 and not computed and not world.folder.exists()
    assert "gvt: error: --log_with wandb: wandb is not installed\n  pip install wandb" in output.err
    code, output = world.run("--log_with", "tensorbord")
    assert code == 2 and "Nearest: tensorboard." in output.err
    code, output = world.run("--log_with", "all")
    assert code == 2 and "no tracker is installed" in output.err
    command = "pretrain --objective deit --output out --samples 1 --log_with mlflow"
    assert main(command.split()) == 2


def test_all_are_those_that_are_installed(monkeypatch):
    monkeypatch.setattr("gvt.tracking._installed", lambda name: name in ("wandb", "aim"))
    assert need(["all"]) == ("wandb", "aim")
    assert need(["aim", "all", "aim"]) == ("aim", "wandb")
    assert need([]) == ()
    with pytest.raises(UserError, match="mlflow is not installed"):
        need(["wandb", "mlflow"])


def test_a_folder_of_its_name_is_not_a_tracker(tmp_path, monkeypatch):
    """Python imports any folder; accelerate would then leave the tracker out without a word."""
    monkeypatch.setitem(tracking._TABLE, "ghost", {"package": "ghost"})
    (tmp_path / "ghost").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="ghost is not installed"):
        need(["ghost"])


def test_a_tracker_that_accelerate_leaves_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.accelerator.filter_trackers", lambda *_: [])
    with pytest.raises(UserError, match="log_with aim: accelerate does not take"):
        accelerator(["aim"], tmp_path, cpu=True)


def test_mlflow_takes_the_names_of_all_columns():
    names = ["clip@layer=-2", "clip+dino", "clip++dino", "clip_dino", "a@tokens=9@res=96", "a~b"]
    told = [mlflow_name(f"alignment/{name}/seed0/loss") for name in names]
    assert told[0] == "alignment/clip layer:-2/seed0/loss"
    assert len(set(told)) == len(names)
    # what mlflow's own validation takes
    assert all(re.fullmatch(r"[/\w.\- :]*", one) for one in told)


def test_accelerate_knows_every_tracker_that_is_offered():
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    assert set(trackers()) <= set(LOGGER_TYPE_TO_CLASS)


def test_wandb_stays_offline_unless_the_user_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("accelerate.accelerator.filter_trackers", lambda names, *_: names)
    monkeypatch.setenv("WANDB_MODE", "")  # so that it is put back in the end
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_DIR", "mine")
    accelerator(["wandb"], tmp_path, cpu=True)
    assert (os.environ["WANDB_MODE"], os.environ["WANDB_DIR"]) == ("offline", "mine")
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.delenv("WANDB_DIR")
    accelerator(["wandb"], tmp_path, cpu=True)
    assert os.environ["WANDB_MODE"] == "online"
    assert os.environ["WANDB_DIR"] == str(tmp_path / FOLDER)


def test_tensorboard_gets_a_curve_for_each_column(world, plan):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    execute(*plan("tensorboard"))
    events = EventAccumulator(str(world.folder / FOLDER / "gvt"))
    events.Reload()
    for entry in schema.read_run(world.folder)["alignment"]:
        curve = events.Scalars(f"alignment/{entry['column']}/seed0/loss")
        assert [[one.step, one.value] for one in curve] == [
            [step, pytest.approx(loss)] for step, loss in entry["curve"]
        ]
    mean = load_results(world.folder).cell("one", "mini_mci").estimate.mean
    (score,) = events.Scalars("scores/mini_mci/one/mean")
    assert score.value == pytest.approx(100 * mean)
