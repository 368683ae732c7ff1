"""Questions made from COCO instances: true, balanced, and the same at every call."""

import json
from collections import Counter

import pytest

from gvt.data.official import load
from gvt.data.official.readers import instances
from gvt.errors import UserError

FILE = "coco/annotations/instances_val2017.json"


@pytest.fixture
def content(data_root):
    return json.loads((data_root / FILE).read_text())


def truth(content):
    """Image and noun → how many there are."""
    names = {one["id"]: one["name"] for one in content["categories"]}
    return Counter(
        (str(one["image_id"]), names[one["category_id"]])
        for one in content["annotations"]
        if not one["iscrowd"]
    )


def nouns(content):
    return {instances.plural(one["name"]): one["name"] for one in content["categories"]}


def test_counts_are_true_and_equally_frequent(content):
    counts, plurals = truth(content), nouns(content)
    rows = load.rows("oc_coco_balanced")
    for row in rows:
        noun = plurals[row["text_in"].split()[2]]
        assert counts[row["image_id"], noun] == int(row["text_out"])
    frequent = Counter(row["text_out"] for row in rows)
    assert len(set(frequent.values())) == 1
    least = min(Counter(counts.values()).values())
    assert frequent == dict.fromkeys(map(str, set(counts.values())), least)


def test_every_noun_is_there_as_often_as_not(content):
    counts = truth(content)
    rows = load.rows("mci_coco_balanced")
    asked = Counter()
    for row in rows:
        noun = row["text_in"].split()[1]
        assert (counts[row["image_id"], noun] > 0) == (row["text_out"] == "Yes.")
        asked[noun, row["text_out"]] += 1
    for noun in {noun for noun, _ in asked}:
        there = len([image for image, name in counts if name == noun])
        wanted = min(there, 12 - there, instances.PER_NOUN)
        assert asked[noun, "Yes."] == asked[noun, "No."] == wanted
    assert rows == load.rows("mci_coco_balanced")


def test_a_crowd_is_not_asked_about(content, data_root):
    (image, noun), _ = truth(content).most_common(1)[0]
    number = next(one["id"] for one in content["categories"] if one["name"] == noun)
    crowd = {"image_id": int(image), "category_id": number, "iscrowd": 1}
    content["annotations"].append(crowd)
    (data_root / FILE).write_text(json.dumps(content))
    for name, word in (("oc_coco_balanced", instances.plural(noun)), ("mci_coco_balanced", noun)):
        rows = load.rows(name)
        assert rows
        assert not [r for r in rows if r["image_id"] == image and word in r["text_in"].split()]


def test_plurals():
    words = "person,bus,wine glass,baseball bat,knife,mouse,sheep,skis,scissors,bench,toothbrush"
    wanted = (
        "people,buses,wine glasses,baseball bats,knives,mice,sheep,skis,scissors,benches,"
        "toothbrushes"
    )
    assert [instances.plural(word) for word in words.split(",")] == wanted.split(",")


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("annotations", {"image_id": 5}, "annotations[3]: image_id 5 is none of the images"),
        ("annotations", {"category_id": 99}, "annotations[3]: category_id 99 is none of the cat"),
        ("annotations", {"iscrowd": "0"}, "annotations[3]: 'iscrowd' must be a whole number"),
        ("images", {"id": 100001}, "images[3]: id 100001 appears twice, first in images[0]"),
        ("categories", {"name": None}, "categories[3]: 'name' must be text, not None"),
    ],
)
def test_a_broken_entry_is_named(content, data_root, part, change, told):
    content[part][3].update(change)
    (data_root / FILE).write_text(json.dumps(content))
    with pytest.raises(UserError) as caught:
        load.rows("oc_coco_balanced")
    assert f"{data_root / FILE}: {told}" in caught.value.message
