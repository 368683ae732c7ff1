"""For all tests: offline, an empty cache, and marks that skip what this machine lacks."""

import os
import shutil

import pytest

# Before anything imports transformers or torch. One thread: toy tensors gain nothing from more,
# and two threads beside another busy process can be ten times slower.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """No test reads or fills the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GVT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_runtest_setup(item):
    """Skip, with the reason, what a mark says this machine must have."""
    if item.get_closest_marker("browser"):
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
    if item.get_closest_marker("java") and not shutil.which("java"):
        pytest.skip("java is not installed")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no GPU")
