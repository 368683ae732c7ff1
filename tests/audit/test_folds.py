"""All questions of an image lie in one fold, and folds are even."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

from gvt.audit.folds import folds_by_image, without_fold


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [f"image {i}" for i in rng.zipf(1.7, size=2000).clip(max=400)]


def test_an_image_is_in_one_fold(images):
    fold_of = folds_by_image(images, 5, seed=0)
    assert set(fold_of.tolist()) == set(range(5))
    for image in set(images):
        assert len({fold for fold, own in zip(fold_of, images, strict=True) if own == image}) == 1


def test_folds_are_as_even_as_scikit_learns(images):
    ours = np.bincount(folds_by_image(images, 5, seed=0))
    theirs = [len(test) for _, test in GroupKFold(5).split(images, groups=images)]
    assert sorted(ours) == sorted(theirs)


def test_the_seed_deals_images_otherwise_and_again(images):
    first, again, other = (folds_by_image(images, 5, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_no_more_folds_than_images():
    assert sorted(folds_by_image(["a", "b", "a"], 5, seed=0).tolist()) in ([0, 0, 1], [0, 1, 1])


def test_choosing_never_sees_the_fold_it_chooses_for():
    fold_of = np.arange(40) % 4
    seen = []

    def fit(train, test):
        seen.append((set(fold_of[train]), set(fold_of[test])))
        return np.full(len(test), len(seen))

    means = without_fold(fit, lambda rows, said: 100.0 * said + fold_of[rows], fold_of)
    assert all(not train & test and len(train | test) == 4 for train, test in seen)
    pairs = [test for _, test in seen]
    for fold, mean in enumerate(means):
        own = [(n, pair) for n, pair in enumerate(pairs, start=1) if fold in pair]
        expected = [100.0 * n + next(iter(pair - {fold})) for n, pair in own]
        assert len(own) == 3
        assert mean == pytest.approx(np.mean(expected))
