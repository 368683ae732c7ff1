"""Rows from local copies of hub data sets, in the hub's layout; official rows are the oracle."""

import json
from pathlib import Path

import pytest

from gvt.data.official import hub, load
from gvt.data.official.sources import sources
from gvt.data.reach import reaching
from gvt.errors import UserError

JOINED = ("gqa", "coco_caption_val", "coco_caption_test")


@pytest.fixture(autouse=True)
def _fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    hub._load.cache_clear()
    yield
    hub._load.cache_clear()


def image(path):
    return {"bytes": Path(path).read_bytes(), "path": None}


def save(root, name, config, split, rows):
    """Write rows as the hub keeps them: parquet, and a card that names configurations."""
    from datasets import Dataset, Image

    folder = root / "hub" / name
    part = f"{config or 'data'}/{split}-00000-of-00001.parquet"
    (folder / part).parent.mkdir(parents=True, exist_ok=True)
    data = Dataset.from_list(rows)
    if "image" in rows[0]:
        data = data.cast_column("image", Image())
    data.to_parquet(folder / part)
    card = folder / "README.md"
    lines = card.read_text().splitlines()[2:-1] if card.exists() else []
    lines += [f"- config_name: {config or 'default'}", "  data_files:"]
    lines += [f"  - split: {split}", f"    path: {part}"]
    card.write_text("\n".join(["---", "configs:", *lines, "---"]) + "\n")


def records(root, name):
    """The benchmark's entries with hub columns and images: what its card describes."""
    if name.startswith("vqav2"):
        path = root / "vqav2" / "v2_mscoco_val2014_annotations.json"
        answers = {one["question_id"]: one for one in json.loads(path.read_text())["annotations"]}
        path = root / "vqav2" / "v2_OpenEnded_mscoco_val2014_questions.json"
        for one in json.loads(path.read_text())["questions"]:
            picture = root / f"coco/val2014/COCO_val2014_{one['image_id']:012d}.jpg"
            more = answers[one["question_id"]] if name == "vqav2_val" else {"answers": None}
            yield {**more, **one, "image": image(picture)}
    elif name.startswith("pope"):
        for number, line in enumerate((root / f"pope/coco_{name}.json").read_text().splitlines()):
            one = json.loads(line)
            yield {
                "id": str(number),
                "question_id": str(one["question_id"]),  # text there, a number in the file
                "question": one["text"],
                "answer": one["label"],
                "image_source": one["image"].removesuffix(".jpg"),
                "image": image(root / "coco/val2014" / one["image"]),
            }
    elif name == "gqa":
        asked = json.loads((root / "gqa/testdev_balanced_questions.json").read_text())
        yield from ({"id": number, **one} for number, one in asked.items())
    elif name == "textvqa":
        for one in json.loads((root / "textvqa/TextVQA_0.5.1_val.json").read_text())["data"]:
            yield {**one, "image": image(root / f"textvqa/train_images/{one['image_id']}.jpg")}
    elif name == "mmvp":
        import csv

        with (root / "mmvp/Questions.csv").open(newline="") as file:
            for one in csv.DictReader(file):
                picture = root / f"mmvp/MMVP Images/{one['Index']}.jpg"
                yield {**one, "Index": int(one["Index"]), "image": image(picture)}
    else:
        split = name.removeprefix("coco_caption_")
        for one in json.loads((root / "coco/dataset_coco.json").read_text())["images"]:
            if one["split"] == split:
                yield {**one, "sentences": [sentence["raw"] for sentence in one["sentences"]]}


def save_hub(root, name):
    """Write the copies of a source's hub data sets below ``hub/``."""
    one = sources()[name].hub
    save(root, one.id, one.config, one.split, list(records(root, name)))
    if one.images:
        folder = root / ("gqa/images" if name == "gqa" else "coco/val2014")
        rows = [
            {
                one.images.key: path.stem if name == "gqa" else path.name,
                "image": image(path),
            }
            for path in sorted(folder.iterdir(), reverse=True)
        ]
        save(root, one.images.id, one.images.config, one.images.split, rows)


def without(row, *keys):
    return {key: value for key, value in row.items() if key not in keys}


def take_away(root, name):
    for path in sources()[name].files.values():
        (root / path).unlink()


@pytest.mark.parametrize("name", [name for name, one in sources().items() if one.hub])
def test_hub_rows_are_the_official_ones(name, data_root):
    official = load.rows(name)
    save_hub(data_root, name)
    take_away(data_root, name)
    found = load.rows(name)
    same = ("image",) if not name.startswith("pope") else ("image", "image_id")
    if name == "vqav2_testdev":
        same = ("image", "image_sha256")  # the copy holds images of val2014
    assert [without(row, *same) for row in found] == [without(row, *same) for row in official]
    for row in found:
        assert Path(row["image"]).is_file()
        assert row["image_sha256"] in row["image"]


def test_images_are_written_once_and_only_in_reach(data_root, tmp_path, monkeypatch):
    save_hub(data_root, "textvqa")
    take_away(data_root, "textvqa")
    with reaching(3):
        rows = load.rows("textvqa")
    folder = tmp_path / "cache" / "images"
    assert len(list(folder.rglob("*.jpg"))) == 1
    assert [bool(row["image_sha256"]) for row in rows] == [True] * 3 + [False] * 33
    whole = load.rows("textvqa")
    assert len(list(folder.rglob("*.jpg"))) == 12
    assert {row["image_sha256"] for row in whole} == {path.stem for path in folder.rglob("*.jpg")}
    monkeypatch.setattr(hub._Stored, "_write", None)  # nothing is read again
    hub._load.cache_clear()
    assert load.rows("textvqa") == whole


def test_a_data_set_that_lacks_a_column(data_root):
    rows = [without(row, "answers") for row in records(data_root, "textvqa")]
    one = sources()["textvqa"].hub
    save(data_root, one.id, one.config, one.split, rows)
    take_away(data_root, "textvqa")
    with pytest.raises(UserError, match="textvqa has no column 'answers'") as caught:
        load.rows("textvqa")
    assert "image_id" in caught.value.message


def test_a_data_set_with_a_wrong_value_or_without_an_image(data_root):
    one = sources()["textvqa"].hub
    rows = list(records(data_root, "textvqa"))
    rows[5]["image"] = None
    save(data_root, one.id, one.config, one.split, rows)
    take_away(data_root, "textvqa")
    with pytest.raises(UserError, match="textvqa: row 5: has no image"):
        load.rows("textvqa")
    rows[4]["answers"] = []
    save(data_root, one.id, "data", one.split, rows)
    hub._load.cache_clear()
    with pytest.raises(UserError, match="textvqa: row 4: 'answers' must hold 10 texts"):
        load.rows("textvqa")


def test_an_image_that_the_joined_data_set_lacks(data_root):
    (data_root / "gqa" / "images" / "100003.jpg").unlink()
    save_hub(data_root, "gqa")
    take_away(data_root, "gqa")
    with pytest.raises(UserError, match=r"row 6: image '100003' is not in .*/GQA"):
        load.rows("gqa")
