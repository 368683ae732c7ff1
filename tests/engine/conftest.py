"""Rows, a task file and a scripted language model for the tests of lm-eval's side."""

import json
import zlib

import pytest
import torch
from transformers import LlamaConfig

from gvt.engine import lm as lm_module
from gvt.engine.generate import Generation
from gvt.engine.journal import Journal
from gvt.engine.lm import ImageLM
from gvt.engine.replay import Cell
from gvt.engine.score import Likelihood
from tests.conftest import toy_llm_size

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


class Words:
    """In the place of a language model: words are their own ids, an embedding is a hash."""

    device = torch.device("cpu")
    pad = "<pad>"
    seq2seq = False

    class model:  # noqa: N801 - stands for an attribute
        dtype = torch.float32
        config = LlamaConfig(**toy_llm_size())

    def encode(self, text):
        return tuple(text.split())

    def need_room(self, tokens, what):
        """There is room for all."""

    def embed_ids(self, words):
        return torch.tensor([[float(code(word))] for word in words]).reshape(-1, 1)


class ScriptedReader:
    """Puts one embedding, the hash of the image's name, in front of the prompt."""

    width = 1

    def __init__(self, broken):
        self.llm, self.broken, self.seen = Words(), dict(broken), []
        self.names = {}

    def split(self, context):
        return ("<Img>",), ("</Img>", *self.llm.encode(context))

    def follow(self, context, continuation):
        return self.llm.encode(continuation)

    def visual(self, references):
        names = [one["sha256"] for one in references]
        self.seen += names
        self.names |= {code(name): name for name in names}
        return [self.broken.get(name, torch.tensor([[float(code(name))]])) for name in names]


def code(word):
    """A number for a word that float32 holds exactly."""
    return zlib.crc32(word.encode()) % 2**20


@pytest.fixture
def make_lm(tmp_path, monkeypatch):
    """make_lm({prompt: answer}, broken={hash: reason}): a model whose answers are a script.

    An answer that ends in "…" was cut by the limit; a number is a log-likelihood. ``calls`` of the
    model holds, for every batch, how many prefixes it had and (prompt, image, option) per row.
    """

    def make(script, broken=(), fingerprint="f", run="run", **options):
        reader = ScriptedReader(broken)
        model = ImageLM(reader, Cell("toy", 0, fingerprint), Journal(tmp_path / run), **options)
        model.calls = []
        words = {code(word): word for key in script for word in key.split()}
        words |= {code("</Img>"): ""}

        def read(prefixes, owners, prompts, extras):
            rows = []
            for owner, prompt, extra in zip(owners, prompts, extras, strict=True):
                head, image, *shared = (int(value) for value in prefixes[owner][:, 0])
                assert head == code("<Img>")
                text = " ".join([*(words[one] for one in shared), *prompt])
                rows.append((text.replace("</Img>", "").strip(), reader.names[image], extra))
            model.calls.append((len(prefixes), rows))
            return rows

        def generate(llm, prefixes, owners, prompts, decodings):
            rows = read(prefixes, owners, prompts, decodings)
            texts = [script[prompt].partition("\n")[0].strip() for prompt, _, _ in rows]
            return [Generation(text.removesuffix("…"), text.endswith("…")) for text in texts]

        def score(llm, prefixes, owners, prompts, continuations):
            rows = read(prefixes, owners, prompts, continuations)
            values = [script[f"{prompt} {' '.join(wanted)}"] for prompt, _, wanted in rows]
            return [Likelihood(value, value > -1) for value in values]

        monkeypatch.setattr(lm_module, "generate", generate)
        monkeypatch.setattr(lm_module, "score", score)
        return model

    return make
