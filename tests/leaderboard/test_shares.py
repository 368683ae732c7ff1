"""What each category adds to a difference, against regression with clustered errors."""

import numpy as np
import pytest

from leaderboard import schema
from leaderboard.results import load_results
from leaderboard.shares import shares
from leaderboard.variance import unseen

from .conftest import build_run


def cells(folder, a="deit", b="clip", task="vqa"):
    results = load_results(folder)
    return results.cell(a, task), results.cell(b, task)


@pytest.fixture
def one_seed(tmp_path):
    """A run of one seed; rewrite(column, change) makes the column's rows on "mci" anew."""
    folder = build_run(tmp_path / "run", images=40, seeds=(1,))

    def rewrite(column, change):
        path = schema.rows_path(folder, column, 1, "mci")
        schema.write_rows(path, [change(dict(row)) for _, row in schema.read_rows(path)])

    return folder, rewrite


def test_the_interval_is_that_of_a_clustered_regression(one_seed):
    sm = pytest.importorskip("statsmodels.api")
    left, right = cells(one_seed[0])
    samples = left.samples
    found = shares(left, right)
    assert [own.category for own in found] == list(samples.by_category)
    for own in found:
        places = samples.by_category[own.category]
        apart = (left.scores - right.scores)[0, places]
        fit = sm.OLS(apart, np.ones(len(places))).fit(
            cov_type="cluster", cov_kwds={"groups": samples.clusters[places]}, use_t=True
        )
        assert own.difference.mean == pytest.approx(fit.params[0])
        assert [(own.difference.low, own.difference.high)] == pytest.approx(fit.conf_int())
        assert own.share == pytest.approx(apart.sum() / len(samples))


def test_only_what_both_answered_enters(one_seed):
    folder, rewrite = one_seed
    rewrite("clip", lambda row: row | {"scores": {}, "error": "lost"} if row["doc_id"] % 5 else row)
    left, right = cells(folder, task="mci")
    both = ~np.isnan(right.scores[0])
    apart = left.scores[0, both] - right.scores[0, both]
    found = shares(left, right)
    assert sum(own.difference.n for own in found) == both.sum() < len(left.samples)
    assert sum(own.share for own in found) == pytest.approx(apart.mean())


def test_where_every_image_says_the_same_the_interval_is_not_a_point(one_seed):
    folder, rewrite = one_seed
    rewrite("deit", lambda row: row | {"scores": {"acc": 1.0}})
    rewrite("clip", lambda row: row | {"scores": {"acc": 0.0}})
    for own in shares(*cells(folder, task="mci")):
        e = own.difference
        assert (e.mean, e.high) == (1, 1)
        assert e.low == pytest.approx(1 - 2 * unseen(e.images))
