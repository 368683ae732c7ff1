"""What columns cost: the encoder's pace is its own, not that of what it waited for."""

import pytest

from leaderboard import schema
from leaderboard.page.cost import costs
from leaderboard.results import load_results


def test_images_a_second_are_the_encoders_own(run_dir):
    run = schema.read_run(run_dir)
    stage = {"seed": 1, "stage": "features", "cached": False, "samples": 900, "peak_memory": None}
    run["stages"] = [
        stage | {"column": "deit", "seconds": 90.0, "computed": 900, "worked": 3.0},
        stage | {"column": "deit", "seconds": 0.1, "computed": 0, "cached": True},
        stage | {"column": "clip", "seconds": 9.0, "computed": 900},  # of an earlier version
    ]
    schema.write_run(run_dir, run)
    found = {row["column"]["name"]: row for row in costs(load_results(run_dir))}
    assert found["deit"]["images_per_second"] == pytest.approx(300)
    assert found["deit"]["total"] == 90
    assert found["clip"]["images_per_second"] == pytest.approx(100)
    assert found["mae"]["images_per_second"] is None
