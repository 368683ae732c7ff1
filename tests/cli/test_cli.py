"""The command line: quick and without torch where it can be, and one clear line where it cannot."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gvt.cli import main, run
from gvt.cli.arguments import split_names
from gvt.config import RunOptions

ROOT = Path(__file__).resolve().parents[2]
SUITE = "tokenizers: {one: mini-clip, two: mini-dino}\ntasks: [easy_vqa]\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def executed(monkeypatch):
    """What `gvt run` hands to the engine, which is not started."""
    calls = []
    module = type(sys)("gvt.run")
    module.execute = lambda *args: calls.append(args)
    monkeypatch.setitem(sys.modules, "gvt.run", module)
    return calls


def fails(capsys, *argv):
    """Standard error of a command that must end with code 2."""
    assert main(argv) == 2
    output = capsys.readouterr()
    assert "Traceback" not in output.err
    return output.err


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "run --help",
        "ls tokenizers",
        "ls tasks",
        "ls suites",
        "ls recipes",
        "ls runs",
        "show mini-clip",
        "report nowhere",
        "compare one two",
        "score nowhere",
        "explain nowhere --sample 1",
    ],
)
def test_no_torch_and_no_waiting(command):
    script = (
        "import sys, time\n"
        "from gvt.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'datasets', 'lm_eval', 'accelerate'}\n"
        "print(*heavy & set(sys.modules), time.process_time(), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command.split()],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    *heavy, seconds = done.stderr.splitlines()[-1].split()
    assert not heavy
    assert float(seconds) < 0.5


def test_python_dash_m_is_the_same_command():
    done = subprocess.run(
        [sys.executable, "-m", "gvt", "run"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("gvt: error: nothing to do")


@pytest.mark.parametrize(
    ("argv", "line", "hint"),
    [
        ("run --suite minni", "unknown suite 'minni'", "Nearest: mini, mini-full. 'gvt ls suites'"),
        ("run -S mini -T clap", "unknown tokenizer 'clap'", "clip"),
        ("run -T clip -t easy_vqa", "unknown tokenizer 'clip'", "Nearest: clip-l14, "),
        ("run -S mini -t easy_vqs", "unknown task 'easy_vqs'", "Nearest: easy_vqa. 'gvt ls tasks'"),
        ("run -S mini --recipe mimi", "unknown recipe 'mimi'", "mini"),
        ("run -T mini-clip", "no tasks to run", "gvt ls tasks"),
        ("run", "nothing to do", "gvt ls suites"),
        ("show mini-clap", "unknown name 'mini-clap'", "mini-clip"),
        ("ls tasks --include_path nowhere", "--include_path nowhere: no such folder", ""),
        ("report nowhere", "nowhere/run.json: not found", ""),
    ],
)
def test_a_wrong_name_gets_the_nearest_and_a_way_out(capsys, argv, line, hint):
    first, *rest = fails(capsys, *argv.split()).splitlines()
    assert first.startswith("gvt: error: ") and line in first
    assert hint in " ".join(rest)


def test_a_listed_tokenizer_says_what_it_costs_and_allows(capsys):
    assert main(["ls", "tokenizers"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert len(lines) >= 45
    for words in ("CLIP L/14 336", " clip ", "303.5 M", "576 × 1024", "336 px", "MIT"):
        assert words in lines["clip-l14-336"]
    assert "CC-BY-NC-4.0" in lines["mae-b16"]
    assert lines["blind"].split() == ["blind", "Blind", "blind", "0.0", "M", "–", "–", "Apache-2.0"]


def test_a_shown_tokenizer_says_what_nobody_has_checked(capsys):
    assert main(["show", "clip-l14-336"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert "pytorch_model.bin alone" in shown["unverified"]["revision"]
    assert shown["citation"].startswith("@inproceedings{radford2021clip,")
    assert "resize_to" not in shown["image"] and "revision" not in shown


def test_debug_shows_the_traceback(capsys):
    assert main(["run", "--suite", "minni", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "argv", "place"),
    [
        ("s", "tokenizers: {a: [\n", "ls suites", "s.yaml:2: broken YAML"),
        ("s", "tokenizers: [mini-clip]\nseed: [1]\n", "run -S s", "s.yaml:2: unknown key 'seed'"),
        ("t", "task: t\n\n- x\n", "run -S mini -t t", "t.yaml:3: broken YAML"),
        ("c", "name: c\nfamily: clap\n", "ls tokenizers", "c.yaml:"),
        ("c", "family: clip\n image: [\n", "ls tokenizers", "c.yaml:2: broken YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(capsys, tmp_path, name, text, argv, place):
    (tmp_path / f"{name}.yaml").write_text(text)
    assert place in fails(capsys, *argv.split(), "--include_path", ".")


def test_a_suite_that_names_what_is_not_there(capsys, tmp_path):
    (tmp_path / "s.yaml").write_text(SUITE.replace("mini-dino", "mini-dinno"))
    error = fails(capsys, "run", "--suite", "s", "--include_path", ".")
    assert "unknown tokenizer 'mini-dinno'" in error and "mini-dino" in error


def test_the_output_folder_must_be_writable(capsys, tmp_path, executed):
    (tmp_path / "file").touch()
    error = fails(capsys, "run", "--suite", "mini", "-o", "file/run")
    assert "cannot write to file/run" in error and "--output_path" in error
    assert not executed


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x"), 2, "No space left on device: x"),
        (PermissionError(errno.EACCES, "Permission denied", "y"), 2, "Permission denied: y"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_goes_wrong_on_the_way_is_one_line(capsys, monkeypatch, error, code, line):
    def fail(args):
        raise error

    monkeypatch.setattr(run, "run", fail)
    assert main(["run"]) == code
    assert capsys.readouterr().err.startswith(f"gvt: error: {line}")


def test_a_bug_is_not_hidden(monkeypatch):
    def fail(args):
        raise ValueError("a bug")

    monkeypatch.setattr(run, "run", fail)
    with pytest.raises(ValueError, match="a bug"):
        main(["run"])


def test_flags_choose_columns_tasks_and_seeds(tmp_path, executed):
    (tmp_path / "s.yaml").write_text(SUITE)
    argv = (
        "run --suite s.yaml --tokenizers two,mini-clip mini-mae -t easy_* -L 5 -b auto -s "
        "--seed 1,2 --connector mlp --llm some/model --device cpu"
    )
    main(argv.split())
    ((suite, recipes, options),) = executed
    assert suite.tokenizers == {"two": "mini-dino", "one": "mini-clip", "mini-mae": "mini-mae"}
    assert suite.tasks == ("easy_vqa",)
    assert (suite.seeds, suite.limit, suite.llm) == ((1, 2), 5, "some/model")
    assert recipes.default.connector.type == "mlp"
    assert options == RunOptions(
        output_path=options.output_path,
        batch_size=None,
        limit=5,
        log_samples=True,
        device="cpu",
        argv=("gvt", *argv.split()),
    )
    assert options.output_path.name.startswith("s-")


def test_a_group_is_a_name_for_tasks(capsys, executed):
    main(["run", "-T", "mini-clip", "-t", "pope,gvtbench_legac*,pope_random"])
    ((suite, _, _),) = executed
    pope = ("pope_random", "pope_popular", "pope_adversarial")
    legacy = tuple(f"{kind}_{data}_legacy" for data in ("coco", "vcr") for kind in ("oc", "mci"))
    assert set(suite.tasks) == {*pope, *legacy}
    assert len(suite.tasks) == 7
    main(["ls", "tasks"])
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["pope"].split(None, 2)[1:] == ["group", ", ".join(pope)]
    main(["show", "pope"])
    assert "# group pope:" in capsys.readouterr().out


def test_without_a_suite_the_usual_controls_frame_the_scores(executed):
    argv = "run -T mini-clip -t easy_vqa -L 0.5 --batch_size 8 -o here"
    main(argv.split())
    ((suite, _, options),) = executed
    assert suite.tokenizers == {"mini-clip": "mini-clip"}
    assert set(suite.controls) == {"blind", "random", "text"}
    assert (suite.limit, options.batch_size, options.output_path.name) == (0.5, 8, "here")


def test_the_same_flags_give_the_same_folder_and_others_another(executed):
    for argv in ("", "", "-L 5", "-L 5", "-L 6", "--connector mlp"):
        main(["run", "--suite", "mini", *argv.split()])
    names = [options.output_path.name for _, _, options in executed]
    assert names[0] == names[1] == "mini"
    assert names[2] == names[3]
    assert len(set(names)) == 4


def test_a_dry_run_leaves_nothing(capsys, tmp_path, executed):
    assert main(["run", "--suite", "mini", "--tokenizers", "clip,dino", "--dry_run"]) == 0
    output = capsys.readouterr().out
    assert "mini-clip" in output and "mini-deit" not in output
    assert not executed and not list(tmp_path.iterdir())


def test_brackets_keep_their_commas():
    assert split_names("a[x=1,y=2], b,,c") == ["a[x=1,y=2]", "b", "c"]


@pytest.mark.parametrize(
    "flag", ["--limit 0", "--limit 1.5", "--limit inf", "--batch_size 0", "--seed x"]
)
def test_numbers_that_make_no_sense(capsys, flag):
    with pytest.raises(SystemExit) as caught:
        main(["run", *flag.split()])
    assert caught.value.code == 2
    assert f"argument {flag.split()[0]}" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--lr 0", "--lr nan", "--lr -1", "--seed=-1"])
def test_numbers_that_make_no_sense_in_a_distillation(capsys, flag):
    with pytest.raises(SystemExit) as caught:
        main(["distill", "--teacher", "x", "--output", "y", "--samples", "1", *flag.split()])
    assert caught.value.code == 2
    assert f"argument {flag.split('=')[0].split()[0]}" in capsys.readouterr().err


def test_nobody_s_home_is_told(capsys):
    assert main(["align", "--include_path", "~no-one/x"]) == 2
    assert "'~no-one/x': there is no such user" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m gvt ls tasks | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_doctor_says_what_is_missing(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "file" / "cache"))
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    # Where everything is installed nothing else is wrong.
    assert [line.split()[1] for line in lines if line.startswith("FAIL")] == ["cache"]
    assert [line for line in lines if line.startswith("ok    torch")]
