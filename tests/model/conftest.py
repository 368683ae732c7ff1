"""A copy of the toy language model that a test may spoil."""

import shutil

import pytest


@pytest.fixture
def copy(llm_folder, tmp_path):
    """Its folder."""
    return shutil.copytree(llm_folder, tmp_path / "copy")
