"""A tokenizer that `gvt distill` has made is a column of `gvt run` at once."""

from gvt.cli import main
from gvt.pretrain import loop, plan
from leaderboard import schema
from tokenizers_zoo import Card


def test_its_card_is_what_a_run_takes(world, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(plan, "SCENES", 10)
    monkeypatch.setattr(loop, "mixed_precision", lambda *_: "no")
    mine = ["--include_path", str(world.mine)]
    argv = ["--teacher", "toy-one", "--student", "toy-two", "--samples", "8", "--batch_size", "4"]
    assert main(["distill", *argv, *mine, "--output", str(tmp_path / "toy-gvt")]) == 0
    path = capfd.readouterr().out.strip()
    code, output = world.run("--tokenizers", f"one,{path}")
    assert code == 0, output.err
    columns = {column["name"]: column for column in schema.read_run(world.folder)["columns"]}
    made = columns["toy-gvt"]
    assert made["card_hash"] == Card.load(path).hash() != columns["one"]["card_hash"]
    assert made["encoder_parameters"] == Card.load(path).parameters
    assert [row["doc_id"] for row in world.rows("toy-gvt")] == list(range(world.limit))
