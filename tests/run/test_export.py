"""`gvt export` and `gvt chat`: a run's column kept as a model that says what the run says."""

import io
import json
import shutil

import numpy as np
import pytest
import torch

from gvt.cli import main
from gvt.data.images import FileImages
from gvt.engine.combined import CombinedStore
from gvt.model.hf import GVTForConditionalGeneration
from gvt.paths import cache_dir
from gvt.resolve import resolve
from leaderboard import schema

TOKENS = 8  # what the task leaves an answer
TUNED = """stages:
  - {{name: s, data: mini-questions, steps: 12, batch_size: 4, lr: 1.0e-3, questions_per_image: 2,
     trains: [connector, {trains}], tokenizer_lr: 1.0e-2, llm_lr: 1.0e-2}}
connector: {{latents: 3, depth: 1, heads: 2, head_dim: 8}}
lora: {{rank: 4, alpha: 8}}
"""


@pytest.fixture
def export(world, tmp_path, capfd):
    """export(flags…): the run's column as a folder; exit code and what was printed."""

    def call(*flags, output="model"):
        code = main(
            [
                *("export", str(world.folder), "--include_path", str(world.mine)),
                *("--output", str(tmp_path / output), *flags),
            ]
        )
        return code, capfd.readouterr()

    return call


@pytest.fixture
def chat(tmp_path, capfd, monkeypatch):
    """chat(image, lines, flags…): exit code and what was printed, with the lines piped in."""

    def call(image, lines, *flags, model="model"):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        where = ("--model", str(tmp_path / model), "--device", "cpu")
        code = main(["chat", str(image), *where, "--max_new_tokens", str(TOKENS), *flags])
        return code, capfd.readouterr()

    return call


def test_an_exported_column_says_in_a_chat_what_it_said_in_the_run(world, export, chat):
    world.run()
    for column, flags in (("one", ()), ("two", ("--everything",)), ("blind", ())):
        code, output = export("--column", column, *flags, output=column)
        assert (code, output.out.strip()[-len(column) :]) == (0, column)
        rows = world.rows(column)
        asked = [f"/image {row['image']}\n{row['question']}" for row in rows]
        code, output = chat(rows[0]["image"], asked, "--prompt", "{question}", model=column)
        assert (code, output.err) == (0, "")
        assert output.out.split("\n")[:-1] == [row["answer"] for row in rows]


@pytest.fixture
def tuned(world):
    """tuned(tokenizer, trains): a run with one tokenizer whose recipe trains these parts too."""

    def run(tokenizer, trains):
        (world.mine / "recipes").mkdir()
        (world.mine / "recipes" / "tuned.yaml").write_text(TUNED.format(trains=trains))
        code, output = world.run("--tokenizers", tokenizer, "--recipe", "tuned")
        assert code == 0, output.err
        return schema.read_run(world.folder)["alignment"][0]

    return run


def ask(world, chat, column, model="model"):
    """What a saved model says to the questions of a column, and what the run has said."""
    rows = world.rows(column)
    asked = [f"/image {row['image']}\n{row['question']}" for row in rows]
    code, output = chat(rows[0]["image"], asked, "--prompt", "{question}", model=model)
    assert (code, output.err) == (0, "")
    return output.out.split("\n")[:-1], [row["answer"] for row in rows]


@pytest.mark.parametrize(
    ("tokenizer", "trains"),
    [
        ("toy-one", "tokenizer"),
        ("toy-one", "llm"),
        ("toy-one", "lora"),
        ("toy-one+toy-two", "tokenizer"),
        ("toy-one[layer=0]++toy-one[tokens=4]", "tokenizer, llm"),
    ],
)
def test_a_model_keeps_what_was_trained_with_its_connector(
    world, tuned, export, chat, tmp_path, tokenizer, trains
):
    if trains == "lora":
        pytest.importorskip("peft")
    note = tuned(tokenizer, trains)
    assert export()[0] == 0
    parts = {"encoders": "tokenizer" in trains, "llm": trains != "tokenizer"}
    assert {path.name for path in (tmp_path / "model").glob("*/")} == {n for n in parts if parts[n]}
    if parts["encoders"]:
        _same_features(world, note, resolve(tokenizer, [world.mine]), tmp_path / "model")
        for weights in world.mine.glob("*-weights"):
            shutil.rmtree(weights)  # what was trained needs its origin no more
    answers, wanted = ask(world, chat, note["column"])
    assert answers == wanted
    assert len(set(wanted)) > 1


def _same_features(world, note, card, folder):
    """Those of the exported encoders are, bit for bit, what the run has stored of its own."""
    images = {row["image_sha256"]: row["image"] for row in world.rows(note["column"])}
    files = FileImages(list(images.values()), list(images))
    frozen = CombinedStore(card, torch.device("cpu"), "no")
    tuned = frozen.tuned(note["connector_hash"], list)  # could compute nothing
    encoders = GVTForConditionalGeneration.from_pretrained(folder).encoders
    for encoder, own, before in zip(encoders, tuned.stores, frozen.stores, strict=True):
        pixels = encoder.preprocess([files.load(i) for i in range(len(files))])
        features = encoder.encode(pixels).features.numpy()
        assert np.array_equal(features, own.get(files).values[:])
        assert not np.allclose(features, before.get(files).values[:], atol=1e-3)


def test_what_the_cache_has_lost_of_a_training_is_told(world, tuned, export, tmp_path):
    note = tuned("toy-one", "tokenizer")
    (cache_dir() / "connectors" / note["connector_hash"] / "encoders.safetensors").unlink()
    code, output = export()
    assert (code, "has lost" in output.err, output.err.count("Traceback")) == (2, True, 0)
    assert not (tmp_path / "model").exists()


def test_what_cannot_be_exported_is_told_in_a_line(world, export, tmp_path):
    world.run()
    for flags, message in [
        ((), "several columns"),
        (("--column", "onne"), "unknown column 'onne'"),
        (("--column", "text"), "has no connector"),
        (("--column", "one", "--seed", "7"), "has no seed 7"),
        (("--column", "one", "--output", str(world.mine)), "is there already"),
    ]:
        code, output = export(*flags)
        assert code == 2
        assert message in output.err
        assert "Traceback" not in output.err
        assert not (tmp_path / "model").exists()
    shutil.rmtree(cache_dir() / "connectors")
    code, output = export("--column", "one")
    assert (code, "no longer in the cache" in output.err) == (2, True)


def test_parts_that_changed_since_the_run_are_refused(world, export, write_vit, save_llm):
    world.run()
    record = json.loads((world.folder / "run.json").read_text())
    other = json.loads(json.dumps(record))
    other["config"]["suite"]["llm"] = str(save_llm(seed=4))
    (world.folder / "run.json").write_text(json.dumps(other))
    code, output = export("--column", "one")
    assert (code, "has changed since this run" in output.err) == (2, True)
    (world.folder / "run.json").write_text(json.dumps(record))
    write_vit("toy-one", 8, folder=world.mine)
    code, output = export("--column", "one")
    assert (code, "'toy-one' has changed since" in output.err) == (2, True)


def test_any_answer_is_one_line_and_any_bytes_a_question(capsys, monkeypatch):
    asked = []

    class Chat:
        def __init__(self, *_):
            """A model that says what would hide or tear its lines."""

        def look(self, path):
            assert path == "photo.png"

        def ask(self, question):
            asked.append(question)
            return "one\x1b[31m\n\n two\u2028three"

    monkeypatch.setattr("gvt.model.hf.chat.Chat", Chat)
    lines = io.TextIOWrapper(io.BytesIO(b"\n \xff is it\n\n/images too"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", lines)
    assert main(["chat", "photo.png", "--model", "any"]) == 0
    assert asked == ["\ufffd is it", "/images too"]
    assert capsys.readouterr().out == 2 * "one\ufffd[31m two three\n"


def test_a_chat_remembers_as_much_as_it_is_asked_to(world, export):
    from gvt.model.hf.chat import Chat

    world.run()
    export("--column", "one")
    image = world.rows("one")[0]["image"]
    one = Chat(str(world.folder.parent / "model"), "cpu", "Q: {question} A:", 1, TOKENS)
    one.look(image)
    first, second = one.ask("is it red"), one.ask("is it blue")
    alone = Chat(str(world.folder.parent / "model"), "cpu", "{question}", 0, TOKENS)
    alone.look(image)
    assert alone.ask("Q: is it red A:") == first
    assert alone.ask(f"Q: is it red A: {first} Q: is it blue A:") == second
    one.look(image)
    assert one.ask("is it red") == first  # another image starts anew


def test_a_chat_survives_an_image_that_is_none(world, export, chat, tmp_path):
    world.run()
    export("--column", "one")
    image = world.rows("one")[0]["image"]
    (tmp_path / "torn.png").write_text("no image")
    lines = [f"/image {tmp_path / 'torn.png'}", "/image", "a <image> or <image>", "what is it"]
    code, output = chat(image, [*lines, "is it " * 2000])
    assert code == 0
    assert all(told in output.err for told in ("torn.png", "more than one <image>", "positions"))
    assert output.err.count("image '") == 2  # a command without a file is no question
    before, answer, *after = output.out.split("\n")
    assert (before, bool(answer), after) == ("", True, ["", ""])  # one line a question
    code, output = chat(tmp_path / "nowhere.png", ["what"])
    assert (code, "No such file" in output.err, output.out) == (2, True, "")
    code, output = chat(image, ["what"], "--prompt", "none")
    assert (code, "lacks {question}" in output.err) == (2, True)
    for device, reason in (("nope", "device string: nope"), ("cuda:99", "device 'cuda:99': ")):
        code, output = chat(image, ["what"], "--device", device)
        assert (code, reason in output.err, "Traceback" in output.err) == (2, True, False)
    code, output = chat(image, ["what"], model="none")
    assert (code, "no such folder" in output.err) == (2, True)
