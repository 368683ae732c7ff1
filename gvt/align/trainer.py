"""Trains a connector, and what a recipe trains with it: next-token loss on the answers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from gvt.align.aligner import Aligner
from gvt.align.batches import Batch, batches, held_out_batches, read_ahead
from gvt.align.checkpoint import Checkpoints, Position
from gvt.align.data import Item, Stream, source
from gvt.align.parts import optimisers_of
from gvt.align.statistics import statistics
from gvt.align.tuning import Encoders, FrozenEncoders, kept_state, tuned_language
from gvt.align.visuals import KeptFeatures, LivePixels, Visuals, usable
from gvt.config import Recipe, Stage
from gvt.engine.features import Features
from gvt.errors import UserError
from gvt.model.connector import Connector, ConnectorShape, build_connector
from gvt.model.language import LanguageModel
from gvt.optimisers import cosine, set_rates
from gvt.progress import Counter
from gvt.tracking import Log

_LOG_STEPS = 10
# How often a stage asks for the held-out loss, about.
_HELD_OUT_POINTS = 20


@dataclass(frozen=True)
class Trained:
    """A connector with its loss curve ``[step, loss]`` and how many images it saw.

    held_out: the same curve on images that their own stage does not train on. parts: weights of
    what was trained beside the connector, by part. parameters: how many weights were trained.
    seconds, waited: of training, and how many of them for data.
    """

    connector: Connector
    curve: list[list[float]]
    samples: int
    held_out: list[list[float]]
    parts: Mapping[str, Mapping[str, Tensor]]
    parameters: int
    seconds: float
    waited: float


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
    log: Log = lambda step, values: None,
    *,
    encoders: Encoders | FrozenEncoders | None = None,
    folder: Path | None = None,
) -> Trained:
    """Run the stages of ``recipe``; ``features`` holds those of each stage's data by its name.

    The order of images and questions depends on the seed alone, so that every tokenizer sees the
    same. Images go through ``encoders`` that are trained at every step, and through frozen ones
    where a stream shows them only once; ``features`` are then those before any training, of a
    stream's first images, whose statistics the connector takes. Checkpoints are kept in ``folder``,
    and a training that was stopped goes on from there.

    Raises:
        UserError: features or the loss are no numbers.
    """
    first = features[recipe.stages[0].data]
    connector = new_connector(recipe, llm, first, seed)
    connector.whiten(*statistics(first))
    tuned = tuned_language(recipe, llm, seed)
    model = Aligner(
        connector, tuned or llm, accelerator.mixed_precision, encoders, tuned is not None
    ).to(accelerator.device)
    run = _Training(recipe, seed, accelerator, model, counter or Counter(), log, folder)
    before = 0
    for number, stage in enumerate(recipe.stages):
        idle = stage.trains == ("tokenizer",) and model.encoders is None
        if idle and recipe.tunes("connector"):  # a control without a network keeps its connector
            run.pass_over(stage, before)
        elif run.at.step < before + stage.steps:
            run.stage(number, stage, _visuals(stage, features, encoders), before)
        before += stage.steps
    state = accelerator.get_state_dict(run.wrapped) if run.wrapped else model.state_dict()
    made = new_connector(recipe, llm, first, seed)
    if state:  # of a sharded model only the main process has it
        prefix = "connector."
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        made.load_state_dict(own)
    at, parts = run.at, kept_state(recipe, model, state)
    beside = sum(weight.numel() for part in parts.values() for weight in part.values())
    return Trained(
        made.eval(),
        at.curve,
        at.samples,
        at.held_out,
        parts,
        beside + sum(weight.numel() for weight in made.parameters()),
        at.seconds,
        at.waited,
    )


def _visuals(
    stage: Stage, features: dict[str, Features], encoders: Encoders | FrozenEncoders | None
) -> Visuals:
    data, kept = source(stage.data), features[stage.data]
    if isinstance(data, Stream):
        none = np.empty(0, dtype=int)
        return LivePixels(encoders.tokenizers, Item.image, none, data.leave_out)
    if isinstance(encoders, Encoders):
        return LivePixels(encoders.tokenizers, data.images.load, usable(kept))
    return KeptFeatures(kept)


class _Training:
    """The loop; ``at`` is where it stands."""

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        accelerator: Accelerator,
        model: Aligner,
        counter: Counter,
        log: Log,
        folder: Path | None,
    ) -> None:
        self.recipe, self.seed, self.accelerator = recipe, seed, accelerator
        self.model, self.counter, self.log = model, counter, log
        self.checkpoints = Checkpoints(folder, accelerator) if folder else None
        self.at = self.checkpoints.found() if self.checkpoints else Position()
        self.counter.skip(self.at.step)
        self.wrapped: nn.Module | None = None
        self._started = 0
        self._noted = self.at.samples, self.at.seconds

    def stage(self, number: int, stage: Stage, visuals: Visuals, before: int) -> None:
        """Train one stage from where the training stands; ``before`` steps were other stages'."""
        accelerator, at = self.accelerator, self.at
        llm = self.model.frame(stage.frame)
        made = optimisers_of(self.model, stage, accelerator)
        accelerator.free_memory()  # of what other stages and columns have prepared
        accelerator.gradient_accumulation_steps = stage.gradient_accumulation
        if self.wrapped is not None and accelerator.is_fsdp2:
            # Weights are shared out already: a second time, optimisers would lose hold of them.
            self.wrapped = accelerator.prepare_model(self.wrapped, evaluation_mode=True)
            optimisers = [accelerator.prepare_optimizer(one) for one in made]
        else:
            self.wrapped, *optimisers = accelerator.prepare(self.model, *made)
        self._started = before
        if at.step > before:
            self.checkpoints.load()
            # A step that failed in one of its parts was counted that far.
            accelerator.step = 0
        width = self.model.connector.tokens
        start = at.step - before
        ahead = read_ahead(
            batches(stage, number, llm, visuals, width, self.seed, accelerator, start, at.stream)
        )
        every = -(-stage.steps // _HELD_OUT_POINTS // _LOG_STEPS) * _LOG_STEPS
        for step in range(start, stage.steps):
            began = time.monotonic()
            parts = next(ahead)
            at.waited += time.monotonic() - began
            factor = cosine(step, stage.steps, stage.warmup_steps)
            loss = self._step(parts, optimisers, factor, stage)
            at.step += 1
            at.samples += stage.batch_size
            at.recent.append(loss)
            at.stream = parts[-1].after
            at.seconds += time.monotonic() - began
            self.counter.advance(1)
            if len(at.recent) == _LOG_STEPS:
                self._note(optimisers)
            if stage.held_out and ((step + 1) % every == 0 or step + 1 == stage.steps):
                held = held_out_batches(stage, llm, visuals, width, accelerator)
                self._held_out(held)
            # At its end a stage's optimisers are of no use to the next.
            if self.checkpoints and step + 1 < stage.steps:
                self.checkpoints.save_if_due(at)
        at.recent.clear()
        at.stream = None

    def pass_over(self, stage: Stage, before: int) -> None:
        """Leave out a stage that has nothing to train; its steps count as done."""
        end = before + stage.steps
        self.counter.skip(max(0, end - self.at.step))
        self.at.step = max(self.at.step, end)

    def _step(
        self,
        parts: list[Batch],
        optimisers: list[torch.optim.Optimizer],
        factor: float,
        stage: Stage,
    ) -> float:
        """One optimiser step; the loss of the whole batch, over all processes."""
        accelerator = self.accelerator
        total = 0.0
        set_rates(optimisers, factor)
        for batch in parts:
            with accelerator.accumulate(self.wrapped):
                loss = self._loss(batch)
                value = accelerator.reduce(loss.detach(), "mean").item()
                if not math.isfinite(value):
                    self._stop(f"the loss became {value}", batch.names, loss)
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    moving = [p for p in self.wrapped.parameters() if p.requires_grad]
                    norm = accelerator.clip_grad_norm_(moving, stage.clip_norm)
                    # A scaler (fp16) leaves such steps out itself.
                    if norm is not None and accelerator.scaler is None:
                        self._check_gradient(norm, parts)
                for optimiser in optimisers:
                    optimiser.step()
                    optimiser.zero_grad()
            total += value / len(parts)
        return total

    def _loss(self, batch: Batch) -> Tensor:
        batch = batch.to(self.accelerator.device)
        with self.accelerator.autocast():
            return self.wrapped(batch.visual, batch.texts)

    def _check_gradient(self, norm: Tensor, parts: list[Batch]) -> None:
        if not math.isfinite(float(norm)):
            names = [name for batch in parts for name in batch.names]
            self._stop(f"a gradient became {float(norm)}", names, norm)

    def _stop(self, what: str, names: list[str], value: Tensor) -> None:
        """Nothing was changed by the step that failed: what came before is kept."""
        mine = [] if math.isfinite(value.detach().item()) else list(names)
        named = gather_object(mine)
        shown = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
        hint = None
        begun = self.at.step > self._started
        if self.checkpoints and begun and all(map(_finite, self.model.parameters())):
            self.checkpoints.save(self.at)
            hint = f"What it was at step {self.at.step} is kept in {self.checkpoints.folder}."
        step = self.at.step + 1
        raise UserError(f"alignment: {what} at step {step}, in a batch of {shown}", hint)

    def _held_out(self, held: Iterator[Batch]) -> None:
        total = asked = 0.0
        with torch.no_grad():
            for batch in held:
                loss = self.accelerator.reduce(self._loss(batch), "mean").item()
                total, asked = total + loss * batch.asked, asked + batch.asked
        if self.accelerator.is_fsdp2:
            # Without a backward pass weights stay whole, and the next optimisers would take those.
            self.wrapped.reshard()
        if asked:
            loss = round(total / asked, 4)
            self.at.held_out.append([self.at.step, loss])
            self.log(self.at.step, {"held_out_loss": loss})

    def _note(self, optimisers: list[torch.optim.Optimizer]) -> None:
        at = self.at
        loss = round(sum(at.recent) / len(at.recent), 4)
        at.curve.append([at.step, loss])
        at.recent.clear()
        samples, seconds = self._noted
        self._noted = at.samples, at.seconds
        speed = (at.samples - samples) / (at.seconds - seconds)
        rate = optimisers[0].param_groups[0]["lr"]
        self.log(at.step, {"loss": loss, "lr": rate, "samples_per_second": speed})


def _finite(weight: Tensor) -> bool:
    return bool(torch.isfinite(weight).all())
