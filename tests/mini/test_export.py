"""The mini world in official formats: what the files hold, and the command that writes them."""

import json
import sys

from PIL import Image

from gvt.data.official.sources import sources
from gvt.mini import export
from gvt.mini.scenes import CANVAS, SHAPES, sample_scene


def test_every_official_file_and_image_is_there(tmp_path):
    export.write(tmp_path, 3)
    for one in sources().values():
        assert all((tmp_path / path).is_file() for path in one.files.values())
        folder = (tmp_path / one.images.split("{")[0]).parent
        images = list(folder.parent.rglob("*.jpg"))
        assert len(images) >= 3
        with Image.open(images[0]) as image:
            assert image.size == (CANVAS, CANVAS)


def test_instances_are_those_of_the_scenes(tmp_path):
    export.write(tmp_path, 3)
    path = tmp_path / "coco" / "annotations" / "instances_val2017.json"
    content = json.loads(path.read_text())
    names = {one["id"]: one["name"] for one in content["categories"]}
    for index, image in enumerate(content["images"]):
        assert (tmp_path / "coco" / "val2017" / image["file_name"]).is_file()
        found = [one for one in content["annotations"] if one["image_id"] == image["id"]]
        things = sample_scene("heldout", index).things
        assert [names[one["category_id"]] for one in found] == [thing.shape for thing in things]
    assert tuple(names.values()) == SHAPES


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["export", str(tmp_path), "--images", "2"])
    export.main()
    assert f"--data_root {tmp_path}" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "gvtbench" / "coco_oc.json").read_text())) == 2
