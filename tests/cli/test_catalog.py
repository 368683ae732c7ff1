"""Finding cards, tasks, suites, recipes and runs in folders, and the shipped folders themselves."""

import os
import time

import pytest

from gvt import catalog, paths, yaml_files
from gvt.claims import check_scopes
from gvt.errors import UserError
from gvt.recipes import recipes_of

TASK = "task: my_task\ndoc_to_image: !function gvt.data.prompts.image\n"


def test_a_users_folder_adds_and_replaces(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "t.yaml").write_text(TASK)
    (tmp_path / "mine.yaml").write_text("tokenizers: [mini-clip]\n")
    (tmp_path / "child.yaml").write_text("include: mini\nseeds: [3]\n")
    (tmp_path / "mini.yaml").write_text("stages: []\n")
    (tmp_path / "other.yaml").write_text("mixed_precision: bf16\n")
    assert catalog.tasks([tmp_path])["my_task"] == tmp_path / "deep" / "er" / "t.yaml"
    assert catalog.suites([tmp_path])["mine"] == tmp_path / "mine.yaml"
    assert catalog.recipes([tmp_path])["mini"] == tmp_path / "mini.yaml"
    assert catalog.recipes([tmp_path])["child"] == tmp_path / "child.yaml"
    assert "other" not in {**catalog.suites([tmp_path]), **catalog.recipes([tmp_path])}


def test_a_child_of_a_shipped_suite_is_a_suite(tmp_path):
    (tmp_path / "child.yaml").write_text("include: mini\nseeds: [3]\n")
    suite = catalog.get_suite("child", [tmp_path])
    assert suite.seeds == (3,)
    assert suite.tokenizers == catalog.get_suite("mini").tokenizers


def test_broken_yaml_is_never_skipped(tmp_path):
    (tmp_path / "bad.yaml").write_text("task: x\n  y: [\n")
    with pytest.raises(UserError, match=r"bad\.yaml:2: broken YAML"):
        catalog.tasks([tmp_path])


def test_two_tasks_of_one_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(TASK)
    with pytest.raises(UserError, match=r"b\.yaml: a second task 'my_task', beside .*a\.yaml"):
        catalog.tasks([tmp_path])


def test_a_missing_folder(tmp_path):
    for look in (catalog.tasks, catalog.tokenizers):
        with pytest.raises(UserError, match="no such folder"):
            look([tmp_path / "none"])


def test_every_shipped_task_says_its_skill():
    """TextVQA asks for neither what the paper calls semantics nor its fine-grained perception."""
    skills = {}
    for name, path in catalog.tasks().items():
        metadata = yaml_files.plain(yaml_files.compose(path))["metadata"]
        skills.setdefault(metadata.get("skill"), set()).add(name)
    assert skills[None] == {"textvqa"}
    assert set(skills) == {None, "semantics", "fine-grained"}
    assert {"mini_vqa", "mini_caption", "easy_vqa", "vqav2_val", "gqa"} <= skills["semantics"]
    assert {"mini_oc", "mini_mci", "oc_coco", "pope_random", "mmvp"} <= skills["fine-grained"]


def test_all_that_is_shipped_can_be_loaded():
    for name in catalog.suites():
        suite = catalog.get_suite(name)
        assert set(suite.tasks) <= set(catalog.tasks())
        recipes_of(suite)
        check_scopes(suite.claims, suite.tasks)
    for name in catalog.recipes():
        catalog.get_recipe(name)


def test_the_study_compares_at_equal_steps():
    suite = catalog.get_suite("study-gvt")
    recipes = recipes_of(suite)
    assert len({(r.steps, r.samples, r.connector) for r in recipes.all}) == 1 < len(recipes.all)
    for column, recipe in recipes.own.items():
        assert recipe.tunes("tokenizer") and column.endswith("-tuned")
        assert suite.tokenizers[column] == suite.tokenizers[column.removesuffix("-tuned")]
    assert {column for claim in suite.claims for column in claim.columns} <= set(suite.columns)


def test_runs_are_listed_oldest_first(tmp_path):
    assert catalog.runs(tmp_path / "none") == {}
    for age, name in enumerate(("new", "x/old")):
        (tmp_path / name).mkdir(parents=True)
        file = tmp_path / name / "run.json"
        file.write_text("{}")
        os.utime(file, (time.time() - age, time.time() - age))
    assert list(catalog.runs(tmp_path)) == ["x/old", "new"]


def test_a_checkout_comes_before_its_installed_copy(tmp_path, monkeypatch):
    package = tmp_path / "gvt"
    (package / "_data" / "tasks").mkdir(parents=True)
    (tmp_path / "tasks").mkdir()
    monkeypatch.setattr(paths, "_PACKAGE", package)
    # Somebody else's `tasks` beside us in site-packages.
    assert paths.data_dir("tasks") == package / "_data" / "tasks"
    (tmp_path / "pyproject.toml").touch()
    assert paths.data_dir("tasks") == tmp_path / "tasks"
    with pytest.raises(FileNotFoundError, match="'benchmarks' is not installed"):
        paths.data_dir("benchmarks")


def test_the_cache_follows_the_environment(monkeypatch):
    monkeypatch.setenv("GVT_CACHE", "~/elsewhere")
    assert paths.cache_dir() == paths.Path.home() / "elsewhere"
    monkeypatch.delenv("GVT_CACHE")
    assert paths.cache_dir() == paths.Path.home() / ".cache" / "gvt"


def test_a_group_stands_for_its_tasks(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(TASK.replace("my_task", name))
    (tmp_path / "both.yaml").write_text("group: both\ntask: [b, a]\n")
    (tmp_path / "more.yaml").write_text("group: more\ntask: [both, mini_vqa]\n")
    (tmp_path / "s.yaml").write_text("tokenizers: [mini-clip]\ntasks: [mini_oc, more, a]\n")
    groups = catalog.groups([tmp_path])
    assert groups["both"] == ("b", "a")
    assert groups["more"] == ("b", "a", "mini_vqa")
    assert catalog.get_suite("s", [tmp_path]).tasks == ("mini_oc", "b", "a", "mini_vqa")
    assert "both" not in catalog.tasks([tmp_path])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("group: g\ntask: [mini_vqs]\n", "group 'g': unknown task 'mini_vqs'"),
        ("group: g\ntask: mini_vqa\n", "group 'g': task: must be a list of names"),
        ("group: g\n", "group 'g': task: must be a list of names"),
        ("group: g\ntask: [{task: mini_vqa}]\n", "group 'g': task: must be a list of names"),
        ("group: g\ntask: [g]\n", "group 'g': unknown task 'g'"),
        ("group: [g]\ntask: []\n", r"g\.yaml:1: group: must be one name"),
    ],
)
def test_a_broken_group_is_named(tmp_path, text, problem):
    (tmp_path / "g.yaml").write_text(text)
    with pytest.raises(UserError, match=problem):
        catalog.groups([tmp_path])


def test_shipped_groups_are_what_lm_eval_makes_of_them():
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(paths.data_dir("tasks")), include_defaults=False)
    assert manager.all_groups == sorted(catalog.groups())
    assert manager.all_subtasks == sorted(catalog.tasks())
