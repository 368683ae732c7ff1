"""Measures alignment on kept features against the encoder in the loop of transformers' Trainer.

Run on a quiet machine: ``.venv/bin/python -m benchmarks.speed.alignment [--threads N]``. Both train
the same connector of the recipe ``mini`` through the same frozen models, from the same start, on
the same images and questions, with the same AdamW and schedule; the Trainer encodes every image
when it comes and pads a row for every question, as is usual. Prints images a second of both, their
ratio, the largest difference of the loss curves, and the share of time spent waiting for data.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import Dataset, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from benchmarks.speed import toys
from gvt import catalog
from gvt.align import trainer
from gvt.align.batches import Batch, batches
from gvt.align.data import source
from gvt.align.statistics import statistics
from gvt.align.visuals import KeptFeatures
from gvt.config import Recipe
from gvt.engine.features import Features, FeatureStore
from gvt.model.language import LanguageModel
from gvt.model.packing import IGNORE
from gvt.optimisers import cosine
from tokenizers_zoo import Card, VisualTokenizer


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=105)
    parser.add_argument("--tokenizer", default="mini-clip")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipe = catalog.get_recipe("mini")
    # The Trainer has a single optimiser. At the paper's rate rounding does not grow: at ten times
    # that, one process that sums a batch in two halves already leaves the curve of the whole.
    stage = replace(recipe.stages[-1], steps=args.steps, muon_lr=None, lr=1e-4)
    recipe = replace(recipe, stages=(stage,))
    llm = LanguageModel.load("mini-lm")
    store = FeatureStore(Card.load(catalog.tokenizers()[args.tokenizer]), llm.device, "no")
    started = time.perf_counter()
    features = store.get(source(stage.data).images)
    encoding = time.perf_counter() - started
    trainer._LOG_STEPS = 1
    ours = trainer.train(recipe, llm, {stage.data: features}, 0, Accelerator(cpu=True))
    curve, seconds = _usual(recipe, llm, features, store.tokenizer)
    images = args.steps * stage.batch_size
    apart = max(abs(a - b) for (_, a), b in zip(ours.curve, curve, strict=True))
    figures = {
        "images_per_second": {
            "kept features": round(images / ours.seconds, 1),
            "encoder in the loop": round(images / seconds, 1),
        },
        "ratio": round(seconds / ours.seconds, 2),
        "largest difference of the curves": round(apart, 5),
        "share of time waiting for data": round(ours.waited / ours.seconds, 4),
        "seconds to keep the features, once": round(encoding, 1),
    }
    for name, value in figures.items():
        print(f"{name:<36} {value}")
    toys.save("alignment", figures)


def _usual(
    recipe: Recipe, llm: LanguageModel, features: Features, tokenizer: VisualTokenizer
) -> tuple[list[float], float]:
    """Loss curve and seconds of the Trainer."""
    (stage,) = recipe.stages
    connector = trainer.new_connector(recipe, llm, features, 0)
    connector.whiten(*statistics(features))
    model = _Padded(connector, llm, tokenizer)
    optimiser = torch.optim.AdamW(
        connector.parameters(), stage.lr, stage.betas, weight_decay=stage.weight_decay
    )
    factors = [cosine(step, stage.steps, stage.warmup_steps) for step in range(stage.steps + 1)]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: factors[step])
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=stage.steps,
            per_device_train_batch_size=1,
            max_grad_norm=stage.clip_norm,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        clock = _Clock()
        _InOrder(
            model=model,
            args=arguments,
            train_dataset=_Batches(recipe, llm, features, connector.tokens),
            data_collator=lambda rows: rows[0],
            optimizers=(optimiser, schedule),
            callbacks=[clock],
        ).train()
    return model.losses, clock.seconds


class _InOrder(Trainer):
    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> SequentialSampler:
        return SequentialSampler(train_dataset or self.train_dataset)


class _Clock(TrainerCallback):
    """Seconds of the loop alone."""

    def on_train_begin(self, *_, **__) -> None:
        self._start = time.perf_counter()

    def on_train_end(self, *_, **__) -> None:
        self.seconds = time.perf_counter() - self._start


class _Batches(Dataset):
    """The images and texts of every step, as the aligner draws them; images are decoded here."""

    def __init__(self, recipe: Recipe, llm: LanguageModel, features: Features, width: int) -> None:
        (stage,) = recipe.stages
        self._images = source(stage.data).images
        given = batches(stage, 0, llm, KeptFeatures(features), width, 0, Accelerator(cpu=True))
        self._made = [batch for (batch,) in given]

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, step: int) -> dict:
        batch = self._made[step]
        index = [int(name.rsplit(" ", 1)[1]) for name in batch.names]
        return {"images": [self._images.load(i) for i in index], "batch": batch}


class _Padded(nn.Module):
    """A row for every question, its image before it, padded to the longest of the batch."""

    def __init__(
        self, connector: nn.Module, llm: LanguageModel, tokenizer: VisualTokenizer
    ) -> None:
        super().__init__()
        self.connector = connector
        self._frozen = (llm, tokenizer)
        self.losses: list[float] = []

    def forward(self, images: list, batch: Batch) -> dict[str, Tensor]:
        llm, tokenizer = self._frozen
        visual = tokenizer.encode(tokenizer.preprocess(images)).features
        prefix = llm.visual_prefix(self.connector(visual))
        rows, labels = [], []
        texts, width = batch.texts, prefix.shape[1]
        for image, group in enumerate(texts.group):
            for pair in range(1, int(group.max()) + 1):
                place = group == pair
                rows.append(torch.cat([prefix[image], llm.embed(texts.ids[image][place])]))
                labels.append(torch.cat([torch.full((width,), IGNORE), texts.labels[image][place]]))
        embeds = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        wanted = nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORE)
        there = torch.tensor([[i < len(row) for i in range(embeds.shape[1])] for row in rows])
        logits = llm.model(
            inputs_embeds=embeds, attention_mask=there.long(), use_cache=False
        ).logits
        losses = nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
        known = (wanted != IGNORE).sum(1)
        loss = (losses.sum(1) / known).mean()
        self.losses.append(loss.item())
        return {"loss": loss}


if __name__ == "__main__":
    main()
