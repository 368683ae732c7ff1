"""The known leaks of GVTBench's published files; needs $GVT_DATA/gvtbench/*.json."""

import hashlib
import os
from pathlib import Path

import pytest

from gvt.audit import audit, from_file

FOLDER = Path(os.environ.get("GVT_DATA", "")) / "gvtbench"
# A second, different coco_oc.json circulates.
COCO_OC = "10f2144b1d2d79d6620af0758f6d3591cb5798eba09ba6d5c0f405c0dd3fb21b"


def found(name):
    path = FOLDER / f"{name}.json"
    if "GVT_DATA" not in os.environ or not path.is_file():
        pytest.skip(f"$GVT_DATA does not hold gvtbench/{name}.json")
    return audit(from_file(path))


def percent(figure):
    return 100 * figure.estimate.mean


def test_coco_oc_is_a_constant_one():
    done = found("coco_oc")
    if hashlib.sha256((FOLDER / "coco_oc.json").read_bytes()).hexdigest() != COCO_OC:
        pytest.skip("another coco_oc.json")
    assert percent(done.figures["constant"]) == pytest.approx(54.27, abs=0.005)
    assert done.best.name == "constant"
    assert (len(done.questions), done.images, done.defects.duplicates) == (10000, 4825, 0)


def test_coco_mci_has_a_noun_prior():
    done = found("coco_mci")
    assert percent(done.figures["noun"]) == pytest.approx(65.6, abs=0.5)
    assert percent(done.best) == pytest.approx(65.6, abs=0.5)
    assert done.best.gain.low > 0.14


def test_vcr_oc_has_a_noun_prior_duplicates_and_glued_plurals():
    done = found("vcr_oc")
    assert percent(done.figures["constant"]) == pytest.approx(36.2, abs=0.05)
    assert percent(done.figures["noun"]) == pytest.approx(47.5, abs=0.1)
    assert done.defects.duplicates == 1726
    assert {"wineglasses", "diningtables"} <= {noun for noun, _, _ in done.defects.glued}


def test_vcr_mci_prints_the_label():
    done = found("vcr_mci")
    assert percent(done.figures["words"]) == 100
    assert percent(done.figures["noun"]) == pytest.approx(85.5, abs=0.3)
    first, second = done.suspects[:2]
    assert (first.text, first.answer, first.share) == ("exis", "No.", 1)
    assert (second.text, second.answer, second.share) == ("exist", "Yes.", 1)
    assert done.defects.duplicates == 354
