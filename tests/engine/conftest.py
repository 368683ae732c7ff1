"""Rows, a task file and a scripted language model for the tests of lm-eval's side."""

import json

import pytest
import torch

from gvt.engine import lm as lm_module
from gvt.engine.generate import Generation
from gvt.engine.journal import Journal
from gvt.engine.lm import Cell, ImageLM

TASK = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{heldout: {rows}}}}}
test_split: heldout
output_type: generate_until
doc_to_image: !function gvt.data.prompts.image
doc_to_text: "Q: {{{{question}}}}"
doc_to_target: "{{{{answers[0]}}}}"
process_results: !function gvt.scoring.process.{scoring}
generation_kwargs: {{until: ["\\n"], do_sample: false, max_gen_toks: {limit}}}
num_fewshot: 0
fewshot_config: {{samples: []}}
metric_list:
  - {{metric: {metric}, aggregation: {aggregation}, higher_is_better: true}}
  - {{metric: valid, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1.0, title: Toy}}
"""


@pytest.fixture
def write_task(tmp_path, monkeypatch):
    """write_task("toy", rows): a task of JSON rows; its path."""
    import datasets.config

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")

    def write(name, rows, scoring="vqa", metric="acc", aggregation="mean", limit=8):
        data = tmp_path / f"{name}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            TASK.format(
                name=name,
                rows=data,
                scoring=scoring,
                metric=metric,
                aggregation=aggregation,
                limit=limit,
            )
        )
        return path

    return write


class Scripted:
    """In the place of a language model: the 'ids' of a prompt are the prompt."""

    def encode(self, prompt):
        return prompt


@pytest.fixture
def make_lm(tmp_path, monkeypatch):
    """make_lm({prompt: answer}, broken={hash: reason}): a model whose answers are a script.

    An answer that ends in "…" was cut by the limit. ``calls`` of the model holds the prompts of
    every batch and the images it belongs to.
    """

    def make(script, broken=(), fingerprint="f", run="run", **options):
        def prefix_of(references):
            return [
                dict(broken).get(one["sha256"], torch.tensor([hash(one["sha256"])]))
                for one in references
            ]

        model = ImageLM(
            Scripted(), prefix_of, Cell("toy", 0, fingerprint), Journal(tmp_path / run), **options
        )
        model.calls = []

        def generate(llm, prefixes, owners, prompts, limit):
            seen = [int(prefixes[owner]) for owner in owners]
            model.calls.append((len(prefixes), list(zip(prompts, seen, strict=True)), limit))
            texts = [script[prompt] for prompt in prompts]
            return [Generation(text.removesuffix("…"), text.endswith("…")) for text in texts]

        monkeypatch.setattr(lm_module, "generate", generate)
        return model

    return make
