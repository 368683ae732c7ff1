"""A mini world of a handful of scenes, so that every objective trains in a moment."""

import pytest
import torch
from accelerate.state import AcceleratorState

from gvt.pretrain import language, loop, objectives, plan

SCENES = 10


@pytest.fixture(autouse=True)
def _tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("GVT_CACHE", str(tmp_path / "cache"))
    for module in (objectives, plan):
        monkeypatch.setattr(module, "SCENES", SCENES)
    monkeypatch.setattr(objectives, "_TEACHER_SAMPLES", 8)
    # The same arithmetic on every machine, whatever other tests asked accelerate for.
    monkeypatch.setattr(loop, "mixed_precision", lambda *_: "no")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    small = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32}
    monkeypatch.setattr(language, "CONFIG", language.CONFIG | small)
    AcceleratorState._reset_state(True)
    yield
    AcceleratorState._reset_state(True)
