"""Trains a connector on cached features: next-token loss on the answers, everything else frozen."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from gvt.align.data import source
from gvt.config import Recipe, Stage
from gvt.engine.features import Features
from gvt.errors import UserError
from gvt.model.connector import Connector, ConnectorShape, build_connector
from gvt.model.language import LanguageModel
from gvt.model.packing import IGNORE, Packed, pack
from gvt.model.pairing import Paired, pair_up
from gvt.progress import Counter
from gvt.tracking import Log

_LOG_STEPS = 10
_CLIP_NORM = 1.0
# Images for the statistics of features, and how many of them are held at once.
_STATISTICS, _CHUNK = 2000, 64


@dataclass(frozen=True)
class Trained:
    """A connector with its loss curve ``[step, loss]`` and how many images it saw."""

    connector: Connector
    curve: list[list[float]]
    samples: int


def new_connector(recipe: Recipe, llm: LanguageModel, features: Features, seed: int) -> Connector:
    """An untrained connector for these features; equal seeds give equal weights."""
    shape = ConnectorShape(
        dim=features.values.shape[-1],
        tokens=features.values.shape[1],
        grid=features.grid,
        prefix=features.prefix,
        llm_dim=llm.dim,
        scale=llm.scale,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_connector(recipe.connector, shape)


def train(
    recipe: Recipe,
    llm: LanguageModel,
    features: dict[str, Features],
    seed: int,
    accelerator: Accelerator,
    counter: Counter | None = None,
    log: Log | None = None,
) -> Trained:
    """Run the stages of ``recipe``; ``features`` holds those of each stage's data by its name.

    The order of images and questions depends on the seed alone, so that every tokenizer sees the
    same. ``log`` is told the loss, averaged over the last steps, the learning rate and the images a
    second. Raises UserError where features or the loss are no numbers.
    """
    counter = counter or Counter()
    first = features[recipe.stages[0].data]
    connector = new_connector(recipe, llm, first, seed)
    connector.whiten(*_statistics(first))
    model = Aligner(connector, llm, accelerator.mixed_precision).to(accelerator.device)
    curve: list[list[float]] = []
    step = samples = 0
    for number, stage in enumerate(recipe.stages):
        optimizers = _optimizers(connector, stage)
        schedules = [
            torch.optim.lr_scheduler.LambdaLR(optimizer, _cosine(stage)) for optimizer in optimizers
        ]
        wrapped, *optimizers = accelerator.prepare(model, *optimizers)
        recent: list[float] = []
        since = time.monotonic()
        ahead = batches(
            stage, number, llm, features[stage.data], connector.tokens, seed, accelerator
        )
        for visual, batch in ahead:
            with accelerator.autocast():
                loss = wrapped(visual, batch)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(connector.parameters(), _CLIP_NORM)
            rate = schedules[0].get_last_lr()[0]
            for optimizer, schedule in zip(optimizers, schedules, strict=True):
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            step += 1
            samples += stage.batch_size
            recent.append(loss.item())
            if not math.isfinite(recent[-1]):
                raise UserError(f"alignment: the loss became {recent[-1]} at step {step}")
            counter.advance(1)
            if len(recent) == _LOG_STEPS:
                curve.append([step, round(sum(recent) / len(recent), 4)])
                if log is not None:
                    speed = stage.batch_size * len(recent) / (time.monotonic() - since)
                    log(step, {"loss": curve[-1][1], "lr": rate, "samples_per_second": speed})
                recent.clear()
                since = time.monotonic()
    return Trained(connector.eval(), curve, samples)


class Aligner(nn.Module):
    """The loss of question–answer pairs behind visual embeddings."""

    def __init__(self, connector: Connector, llm: LanguageModel, precision: str) -> None:
        super().__init__()
        self.connector = connector
        # In a list: the frozen model is no submodule, so no wrapper syncs or saves it.
        self._frozen = [llm, llm.in_precision(precision)]

    def forward(self, visual: torch.Tensor, batch: Packed | Paired) -> torch.Tensor:
        llm, model = self._frozen
        prefix = llm.visual_prefix(self.connector(visual))
        inputs = batch.inputs(prefix, llm, model.dtype)
        labelled = batch.labels != IGNORE
        with _head_at(model, labelled):
            logits = model(**inputs, use_cache=False).logits[0]
        weights = batch.weights()
        losses = torch.zeros_like(weights)
        losses[labelled] = nn.functional.cross_entropy(
            logits.float(), batch.labels[labelled], reduction="none"
        )
        # Processes are averaged: one with fewer pairs must weigh less.
        return (losses * weights).sum() / weights.sum() * batch.share


@contextmanager
def _head_at(model: nn.Module, places: torch.Tensor) -> Iterator[None]:
    """Within, the head of ``model`` reads the places bool[B, T] only: logits [1, n, vocabulary].

    Few places have a label, and the head of a large vocabulary can cost more than the layers.
    """
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, states: (states[0][places][None],))
    try:
        yield
    finally:
        hook.remove()


def batches(
    stage: Stage,
    number: int,
    llm: LanguageModel,
    features: Features,
    width: int,
    seed: int,
    accelerator: Accelerator,
) -> Iterator[tuple[torch.Tensor, Packed | Paired]]:
    """This process's share of every global batch of a stage."""
    data = source(stage.data)
    usable = np.setdiff1d(np.arange(len(features.values)), list(features.failed))
    order = np.random.default_rng([seed, number])
    queue = np.empty(0, dtype=int)
    rank, world = accelerator.process_index, accelerator.num_processes
    for step in range(stage.steps):
        while len(queue) < stage.batch_size:
            queue = np.concatenate([queue, order.permutation(usable)])
        index, queue = queue[: stage.batch_size], queue[stage.batch_size :]
        rng = np.random.default_rng([seed, number, step])
        # Every process draws for all, so that any number of them draws the same.
        drawn = [data.pairs(int(i), stage.questions_per_image, rng) for i in index]
        total = sum(map(len, drawn))
        drawn, index = drawn[rank::world], index[rank::world]
        pairs = [[llm.pair(prompt, answer) for prompt, answer in asked] for asked in drawn]
        visual = torch.from_numpy(features.values[index].astype(np.float32))
        place = [llm.placeholder(width)] * len(index)
        longest = max(len(prompt) + len(answer) for asked in pairs for prompt, answer in asked)
        llm.need_room(len(place[0]) + longest, f"an image of {width} tokens with its question")
        batch = pair_up(pairs) if llm.seq2seq else pack(place, pairs, llm.pad)
        batch.share = sum(map(len, drawn)) * world / total
        yield visual.to(llm.device), batch.to(llm.device)


def _statistics(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean float[D] and covariance float[D, D] over the patches of a sample of the images."""
    usable = np.setdiff1d(np.arange(len(features.values)), list(features.failed))
    places = np.linspace(0, len(usable) - 1, min(len(usable), _STATISTICS)).astype(int)
    shift, count, total, products = None, 0, 0.0, 0.0
    for part in np.array_split(usable[places], -(-len(places) // _CHUNK)):
        values = features.values[part].astype(np.float32)
        if not np.isfinite(values).all():
            raise UserError("alignment: there are features that are no finite numbers")
        flat = torch.from_numpy(values).flatten(0, 1)
        if shift is None:  # about zero, float32 would lose the variance behind a large mean
            shift = flat.mean(0)
        flat = flat - shift
        count += len(flat)
        total += flat.sum(0).double()
        products += (flat.T @ flat).double()
    mean = total / count
    return (shift + mean).float(), (products / count - torch.outer(mean, mean)).float()


def _optimizers(connector: Connector, stage: Stage) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the weights of linear layers where the stage has a rate."""
    matrices = [m.weight for m in connector.modules() if isinstance(m, nn.Linear)]
    decay = stage.weight_decay
    if stage.muon_lr is None:
        every = connector.parameters()
        return [torch.optim.AdamW(every, stage.lr, stage.betas, weight_decay=decay)]
    own = {id(weight) for weight in matrices}
    rest = [weight for weight in connector.parameters() if id(weight) not in own]
    return [
        torch.optim.AdamW(rest, stage.lr, stage.betas, weight_decay=decay),
        torch.optim.Muon(matrices, stage.muon_lr, weight_decay=decay),
    ]


def _cosine(stage: Stage) -> Callable[[int], float]:
    def factor(step: int) -> float:
        if step < stage.warmup_steps:
            return (step + 1) / stage.warmup_steps
        left = (step - stage.warmup_steps) / max(1, stage.steps - stage.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, left)))

    return factor
