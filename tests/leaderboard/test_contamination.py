"""Which data sets share images is decided by name, split and a short table."""

import pytest

from gvt.align.data import IMAGES_FROM, SOURCES
from gvt.data.official.sources import sources
from leaderboard.contamination import Overlap, meeting, overlaps, unknowable
from tokenizers_zoo import BUILTIN_CARDS, Card, find_cards

MEET = [
    ("coco/val2014", "coco/val2014"),
    ("coco", "coco/val2014"),
    ("coco/train2017", "coco/val2014"),
    ("coco/train2017", "coco/train2014"),
    ("coco/val2017", "coco/val2014"),
    ("visual-genome", "coco/val2014"),
    ("imagenet-22k", "imagenet-1k"),
]
APART = [
    ("coco/train2014", "coco/val2014"),
    ("coco/train2017", "coco/val2017"),
    ("mini-world/pretrain", "mini-world/heldout"),
    ("imagenet-1k", "coco/val2014"),
    ("cocoa", "coco"),
    ("visual-genome", "openimages"),
    ("web/laion-2b", "coco/val2014"),
    ("web/laion-2b", "web/laion-400m"),
]


@pytest.mark.parametrize("pair", MEET)
def test_shared_images_are_found_both_ways(pair):
    assert meeting(*pair) and meeting(*pair) == meeting(*reversed(pair))


@pytest.mark.parametrize("pair", APART)
def test_other_splits_and_sets_are_apart(pair):
    assert not meeting(*pair) and not meeting(*reversed(pair))


def run_of(columns, tasks, alignment=()):
    return {
        "columns": [{"name": name, "trained_on": seen} for name, seen in columns.items()],
        "tasks": [{"name": name, "images_from": asked} for name, asked in tasks.items()],
        "alignment": [
            {"column": column, "images_from": [seen], "seed": seed}
            for seed, (column, seen) in enumerate(alignment)
        ],
    }


def test_pre_training_and_alignment_are_told_apart_and_seeds_counted_once():
    run = run_of(
        {"eva": ["coco/train2017", "objects365"], "dino": ["imagenet-1k"]},
        {"vqa": ["coco/val2014"], "gqa": ["visual-genome"]},
        [("dino", "coco/train2014"), ("dino", "coco/train2014")],
    )
    found = {(o.column, o.task, o.stage, o.seen) for o in overlaps(run)}
    assert found == {
        ("eva", "vqa", "pre-training", "coco/train2017"),
        ("eva", "gqa", "pre-training", "coco/train2017"),
        ("dino", "gqa", "alignment", "coco/train2014"),
    }
    assert len(overlaps(run)) == 3
    assert all(isinstance(o, Overlap) and o.why for o in overlaps(run))


def test_what_was_crawled_is_unknowable_only_for_photographs():
    columns = {"clip": ["web/wit-400m"], "dino": ["imagenet-1k"]}
    assert unknowable(run_of(columns, {"vqa": ["coco/val2014"]})) == [("clip", "web/wit-400m")]
    assert unknowable(run_of(columns, {"mini": ["mini-world/heldout"]})) == []
    assert unknowable(run_of(columns, {})) == []


def test_a_run_that_tells_nothing_has_no_overlap():
    run = {"columns": [{"name": "a"}], "tasks": [{"name": "t"}], "alignment": [{"column": "a"}]}
    assert overlaps(run) == [] and unknowable(run) == []


def test_shipped_files_speak_the_same_names():
    """A family that nothing else names is a slip of the pen: it could never meet."""
    known = {
        *("imagenet-1k", "imagenet-22k", "coco", "visual-genome", "openimages", "objects365"),
        *("ade20k", "vcr", "mini-world", "easy-vqa", "web"),
    }
    told = set(IMAGES_FROM.values())
    assert IMAGES_FROM.keys() == SOURCES.keys()
    for source in sources().values():
        assert source.images_from
        told |= set(source.images_from)
    for path in find_cards([BUILTIN_CARDS]).values():
        card = Card.load(path)
        assert bool(card.pretraining_data) == (card.init == "pretrained" and bool(card.checkpoint))
        told |= set(card.pretraining_data)
    assert {name.partition("/")[0] for name in told} <= known
