"""METEOR and SPICE, Java programs that pycocoevalcap runs; what they need is checked for first.

A caption task asks for them by naming `caption_meteor` or `caption_spice` as its `process_results`
and the metrics, with the aggregations of this file, in its `metric_list`. Install
`gvt[captions]` and a Java runtime. pycocoevalcap downloads SPICE's language models (about 400 MB)
from the network the first time; where they lie there already, nothing is fetched.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from gvt.errors import UserError
from gvt.scoring import process
from gvt.scoring.process import CaptionItem, Row

METRICS = ("meteor", "spice")
_MODELS = ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar")


def check(task: str, metrics: Iterable[str]) -> None:
    """Raise UserError, before anything is answered, if a metric of the task cannot be computed."""
    wanted = [metric for metric in METRICS if metric in set(metrics)]
    if not wanted:
        return
    lacking = []
    package = importlib.util.find_spec("pycocoevalcap")
    if package is None:
        lacking.append("the package pycocoevalcap (pip install 'gvt[captions]')")
    if shutil.which("java") is None:
        lacking.append("a Java runtime on PATH (Debian: apt-get install default-jre-headless)")
    if package is not None and "spice" in wanted:
        folder = Path(package.submodule_search_locations[0]) / "spice" / "lib"
        if not all((folder / name).is_file() for name in _MODELS):
            lacking.append(
                f"SPICE's language models in {folder} (with a network connection: python -c 'from "
                "pycocoevalcap.spice.get_stanford_models import *; get_stanford_models()')"
            )
    if lacking:
        asked = " and ".join(metric.upper() for metric in wanted)
        raise UserError(f"task '{task}' asks for {asked}; not here: {'; '.join(lacking)}")


def caption_meteor(doc: Row, results: Sequence[str]) -> dict[str, Any]:
    """As `process.caption_full`, with an item for `meteor_mean` under "meteor"."""
    scores = process.caption_full(doc, results)
    return scores | {"meteor": scores["cider"]}


def caption_spice(doc: Row, results: Sequence[str]) -> dict[str, Any]:
    """As `caption_meteor`, with an item for `spice_mean` under "spice"."""
    scores = caption_meteor(doc, results)
    return scores | {"spice": scores["cider"]}


def meteor_mean(items: Sequence[CaptionItem]) -> float:
    """Return METEOR of a task, 0 to 1: of summed statistics, as pycocoevalcap prints it."""
    return float(_run("meteor", items)[0])


def spice_mean(items: Sequence[CaptionItem]) -> float:
    """Return the mean SPICE of a task, 0 to 1."""
    return float(_run("spice", items)[0])


def per_caption(metric: str, items: Sequence[CaptionItem]) -> list[float]:
    """Return METEOR or SPICE of each caption, 0 to 1."""
    scores = _run(metric, items)[1]
    if metric == "spice":
        return [float(score["All"]["f"]) for score in scores]
    return [float(score) for score in scores]


def _run(metric: str, items: Sequence[CaptionItem]) -> tuple[float, list[Any]]:
    if not items:
        return 0.0, []
    check("captions", [metric])
    if metric == "meteor":
        from pycocoevalcap.meteor.meteor import Meteor as Scorer
    else:
        from pycocoevalcap.spice.spice import Spice as Scorer
    given, wanted = {}, {}
    for number, item in enumerate(items):
        answer, references = process.caption_tokens(item)
        given[number] = [" ".join(answer)]
        wanted[number] = [" ".join(reference) for reference in references]
    return Scorer().compute_score(wanted, given)
