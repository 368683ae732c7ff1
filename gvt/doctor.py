"""What `gvt doctor` looks at: Python, packages, the machine, and what is shipped."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from gvt.paths import cache_dir, data_dir

# Least versions are pyproject.toml's; here is what a run cannot do without.
_PACKAGES = ("torch", "transformers", "accelerate", "datasets", "lm-eval", "pillow", "easy-vqa")
_LEAST_PYTHON = (3, 10)
_LEAST_BYTES = 500 * 2**20


@dataclass(frozen=True)
class Check:
    """One line: ``fail`` means that a run cannot work, ``note`` is for information."""

    name: str
    state: Literal["ok", "note", "fail"]
    detail: str


def examine() -> list[Check]:
    """Look at everything; a check that raises has failed, and the others go on."""
    checks = [_python(), *map(_package, _PACKAGES)]
    for name, look in _LOOKS.items():
        try:
            checks.append(look(name))
        except Exception as exc:
            checks.append(Check(name, "fail", " ".join(str(exc).split()) or type(exc).__name__))
    return checks


def _python() -> Check:
    state = "ok" if sys.version_info >= _LEAST_PYTHON else "fail"
    return Check("python", state, f"{sys.version.split()[0]} ({sys.executable})")


def _package(name: str) -> Check:
    try:
        return Check(name, "ok", metadata.version(name))
    except metadata.PackageNotFoundError:
        return Check(name, "fail", "not installed; pip install -r requirements.lock")


def _cores(name: str) -> Check:
    affinity = getattr(os, "sched_getaffinity", None)
    usable = len(affinity(0)) if affinity else os.cpu_count()
    import torch

    return Check(name, "ok", f"{usable} usable, torch takes {torch.get_num_threads()} threads")


def _gpu(name: str) -> Check:
    import torch

    if not torch.cuda.is_available():
        return Check(name, "note", "none; the mini suite needs none")
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return Check(name, "ok", ", ".join(names))


def _precision(name: str) -> Check:
    from gvt.hardware import mixed_precision, on_cpu

    precision = mixed_precision(on_cpu(None))
    if precision == "no":
        return Check(name, "note", "float32; no bfloat16 instructions, expect twice the time")
    return Check(name, "ok", f"{precision} autocast")


def _cache(name: str) -> Check:
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
    return Check(name, "ok", f"{folder} is writable; {_free(folder)}")


def _disk(name: str) -> Check:
    here = Path.cwd()
    enough = shutil.disk_usage(here).free >= _LEAST_BYTES
    return Check(name, "ok" if enough else "fail", f"{here}: {_free(here)}")


def _free(folder: Path) -> str:
    return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB free"


def _catalog(name: str) -> Check:
    from gvt import catalog

    kinds = {
        "tokenizers": catalog.tokenizers(),
        "tasks": catalog.tasks(),
        "suites": catalog.suites(),
        "recipes": catalog.recipes(),
    }
    counts = ", ".join(f"{len(names)} {kind}" for kind, names in kinds.items())
    state = "ok" if all(kinds.values()) else "fail"
    return Check(name, state, f"{counts} (in {data_dir('tasks').parent})")


def _encoders(name: str) -> Check:
    from gvt import catalog
    from tokenizers_zoo import Card

    cards = [Card.load(path) for path in catalog.tokenizers().values()]
    files = {file for card in cards for file in card.weight_files()}
    size = sum(file.stat().st_size for file in files) / 2**20
    return Check(name, "ok", f"weights of all shipped cards are there, {size:.1f} MiB")


def _language_models(name: str) -> Check:
    from gvt import catalog
    from gvt.model.load import SHIPPED, resolve

    shipped = sorted(path.name for path in SHIPPED.iterdir() if (path / "config.json").is_file())
    for suite in catalog.suites():
        resolve(catalog.get_suite(suite).llm)
    return Check(name, "ok" if shipped else "fail", ", ".join(shipped) or "none is shipped")


def _hub(name: str) -> Check:
    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
    detail = "HF_HUB_OFFLINE is set" if offline else "not contacted"
    return Check(name, "note", f"{detail}; only checkpoints that are not shipped need it")


_LOOKS: dict[str, Callable[[str], Check]] = {
    "cores": _cores,
    "gpu": _gpu,
    "precision": _precision,
    "cache": _cache,
    "disk": _disk,
    "catalog": _catalog,
    "encoders": _encoders,
    "language models": _language_models,
    "hub": _hub,
}
