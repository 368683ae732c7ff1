"""model-index/COLUMN.yaml: a tokenizer's scores as metadata of a Hugging Face model card.

The format is that of huggingface_hub's ``model_index_to_eval_results``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .. import schema
from ..cells import Cell
from ..schema import Column, Task
from ..text import printable
from ..variance import CONFIDENCE
from .material import Material

FOLDER = "model-index"

_CAPTION_METRICS = {"cider", "meteor", "rouge_l", "spice", "bleu_1", "bleu_2", "bleu_3", "bleu_4"}
_METRICS = {"acc": "accuracy"}  # the hub's name
_NOTE = """\
# Scores of {title} on frozen-LLM tasks, to be put between the two --- of a model card.
"""


def export(material: Material, folder: Path) -> list[Path]:
    """Write one file for every tokenizer, or for the one column asked for."""
    asked = material.model_index
    chosen = [
        column
        for column in material.results.run["columns"]
        if (column["name"] == asked if asked else column["kind"] == "tokenizer")
    ]
    return [
        schema.write_text(folder / FOLDER / f"{column['name']}.yaml", _document(material, column))
        for column in chosen
    ]


def _document(material: Material, column: Column) -> str:
    import yaml

    index = [{"name": _text(column["title"]), "results": list(_results(material, column))}]
    body = yaml.safe_dump({"model-index": index}, sort_keys=False, allow_unicode=True, width=100)
    return _NOTE.format(title=_text(column["title"])) + body


def _results(material: Material, column: Column) -> list[dict[str, Any]]:
    found = []
    for task in material.results.tasks:
        cell = material.results.cell(column["name"], task["name"])
        if cell is not None and cell.estimate.n:
            found.append(
                {
                    "task": {"type": _task_type(task), "name": _text(task["title"])},
                    "dataset": {
                        "name": _text(task["title"]),
                        "type": task["name"],
                        "revision": task["dataset_hash"],
                        "args": {"version": task["version"]},
                    },
                    "metrics": [_metric(cell)],
                }
            )
            if material.source_url:
                source = {"name": "gvt report", "url": material.source_url}
                found[-1]["source"] = source
    return found


def _metric(cell: Cell) -> dict[str, Any]:
    """The mean as the report shows it: in percent with one decimal, or a score with two."""
    scale, digits = (100, 1) if cell.task["unit"] == "percent" else (1, 2)
    e = cell.estimate
    counted: dict[str, Any] = {"samples": e.n, "images": e.images, "seeds": len(cell.seeds)}
    if not math.isnan(e.low):
        counted["confidence"] = CONFIDENCE
        counted["interval"] = [round(scale * e.low, digits), round(scale * e.high, digits)]
    unit = ", %" if scale == 100 else ""
    return {
        "type": _METRICS.get(cell.task["metric"], cell.task["metric"]),
        "name": _text(f"{cell.task['metric_title']}{unit}"),
        "value": round(scale * e.mean, digits),
        "args": counted,
    }


def _task_type(task: Task) -> str:
    """The hub's name for the kind of task."""
    captions = task["metric"] in _CAPTION_METRICS
    return "image-to-text" if captions else "visual-question-answering"


def _text(text: str) -> str:
    return " ".join(printable(text).split())[:200]
