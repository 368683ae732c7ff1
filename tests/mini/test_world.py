"""The mini world: seeded, disjoint splits, right answers, priors that gain little."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from gvt.data import mini
from gvt.mini.draw import draw
from gvt.mini.questions import VQA, multi_class, object_count, vqa
from gvt.mini.scenes import (
    CANVAS,
    MAX_OBJECTS,
    PLURALS,
    SHAPES,
    SPLITS,
    generator,
    sample_scene,
)
from gvt.mini.texts import REFERENCES, captions, describe

SCENES = [sample_scene("heldout", index) for index in range(300)]


def test_a_seed_fixes_scene_and_pixels():
    again = sample_scene("heldout", 7)
    assert again == SCENES[7]
    assert np.array_equal(np.asarray(draw(again)), np.asarray(draw(SCENES[7])))
    assert sample_scene("heldout", 7, seed=1) != again
    assert draw(again).size == (CANVAS, CANVAS)


def test_splits_share_no_scene():
    seen = [sample_scene(split, index).hash() for split in SPLITS for index in range(400)]
    assert len(set(seen)) == len(seen)


def test_scenes_hold_one_to_nine_objects_inside_the_canvas():
    sizes = Counter(len(scene.things) for scene in SCENES)
    assert set(sizes) == set(range(1, MAX_OBJECTS + 1))
    for thing in (thing for scene in SCENES for thing in scene.things):
        assert thing.radius <= thing.x <= CANVAS - thing.radius
        assert thing.radius <= thing.y <= CANVAS - thing.radius


def test_no_object_is_hidden():
    """Brute force: of every object's disc at least a third is covered by no later disc."""
    ys, xs = np.mgrid[0:CANVAS, 0:CANVAS] + 0.5
    for scene in SCENES[:100]:
        discs = [(xs - t.x) ** 2 + (ys - t.y) ** 2 <= t.radius**2 for t in scene.things]
        for index, disc in enumerate(discs):
            later = np.any(discs[index + 1 :], axis=0) if discs[index + 1 :] else False
            assert (disc & ~later).sum() >= disc.sum() / 3


def _parse(scene_text):
    """The scene from its text alone: the oracle knows no Thing."""
    things = []
    for part in scene_text.split(" , "):
        shape, colour, again, size, third, texture, last, column, row = part.split()
        assert shape == again == third == last
        things.append((size, colour, texture, shape, column, row))
    return things


def _answer(text, things):
    """An independent reading of every question form against the parsed description."""
    words = text.rstrip("?").split()
    shape_of = {plural: shape for shape, plural in PLURALS.items()}

    def count(shape):
        return sum(thing[3] == shape for thing in things)

    if text.startswith("How many"):
        return str(count(shape_of[words[2]]))
    if text.startswith("Does"):
        return "Yes." if count(words[1]) else "No."
    if text.startswith("What shape"):
        (thing,) = [t for t in things if t[1] == words[-2]]
        return thing[3]
    if text.startswith("What"):
        (thing,) = [t for t in things if t[3] == words[-1]]
        return thing[{"size": 0, "color": 1, "texture": 2}[words[1]]]
    if text.startswith("Is there"):
        return "yes" if any(t[1] == words[3] and t[3] == words[4] for t in things) else "no"
    if text.startswith("Are there more"):
        return "yes" if count(shape_of[words[3]]) > count(shape_of[words[5]]) else "no"
    (first,) = [t for t in things if t[3] == words[2]]
    (second,) = [t for t in things if t[3] == words[-1]]
    axis = 4 if words[3] in ("left", "right") else 5
    less = int(first[axis]) < int(second[axis])
    return "yes" if less == (words[3] in ("left", "above")) else "no"


def test_every_answer_follows_from_the_description():
    asked = Counter()
    for index, scene in enumerate(SCENES):
        rng, things = generator("heldout", index, purpose=9), _parse(describe(scene))
        questions = [*vqa(scene, rng, list(VQA)), object_count(scene)]
        questions += [multi_class(scene, rng, yes) for yes in (True, False)]
        for question in questions:
            asked[question.category] += 1
            assert question.answer == _answer(question.text, things), (question, things)
    assert min(asked.values()) > 50 and len(asked) == len(VQA) + 2


def test_captions_are_true():
    for scene in SCENES:
        found = captions(scene)
        assert len(found) == REFERENCES
        if len(scene.things) > 1:
            counted = found[0].replace(" and ", " , ").split(" , ")
            expected = {
                f"a {shape}" if n == 1 else f"{n} {PLURALS[shape]}"
                for shape, n in scene.counts().items()
            }
            assert set(counted) == expected
            assert f"and {len(scene.things) - 1} other object" in found[3]


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("GVT_CACHE", str(tmp_path_factory.mktemp("cache")))
    mini._images.cache_clear()
    yield {
        name: make()["heldout"].to_list()
        for name, make in {
            "vqa": mini.vqa_rows,
            "oc": mini.oc_rows,
            "mci": mini.mci_rows,
            "caption": mini.caption_rows,
        }.items()
    }
    mini._images.cache_clear()
    patch.undo()


def _constant(pairs):
    """Accuracy of the best constant answer."""
    return Counter(answer for _, answer in pairs).most_common(1)[0][1] / len(pairs)


def _noun_prior(pairs):
    """Accuracy of the best answer per noun or question, fitted on the scored rows themselves."""
    groups = defaultdict(Counter)
    for key, answer in pairs:
        groups[key][answer] += 1
    return sum(counts.most_common(1)[0][1] for counts in groups.values()) / len(pairs)


def test_priors_gain_little(rows):
    """The figures the README states; the prior is fitted on the very rows: it is a bound."""
    oc = [(row["text_in"], row["text_out"]) for row in rows["oc"]]
    mci = [(row["text_in"], row["text_out"]) for row in rows["mci"]]
    assert _constant(oc) == pytest.approx(1 / 9, abs=1e-3)
    assert _noun_prior(oc) < 0.22
    assert _constant(mci) == 0.5
    assert _noun_prior(mci) < 0.56
    assert _constant([("", row["answers"][0]) for row in rows["vqa"]]) < 0.30


def test_rows_have_gvtbench_format(rows):
    for row in rows["oc"]:
        assert row["text_in"].startswith("How many ") and row["text_in"].endswith(
            " are there in the image?"
        )
        assert row["text_out"] in "123456789" and 1 <= row["n_obj_exist"] <= 9
    for row in rows["mci"]:
        noun = row["text_in"].removeprefix("Does ").removesuffix(" exist in the image?")
        assert noun in SHAPES and row["text_out"] in ("Yes.", "No.")
    assert Counter(row["category"] for row in rows["vqa"]) == dict.fromkeys(VQA, 150)
    assert all(len(row["answers"]) == REFERENCES for row in rows["caption"])


def test_rows_point_to_image_files_with_their_hash(rows):
    from gvt.files import sha256

    row = rows["mci"][0]
    assert sha256(row["image"]) == row["image_sha256"]
