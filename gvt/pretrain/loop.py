"""The pre-training loop: accelerate, a progress bar, checkpoints, a log and a provenance file."""

from __future__ import annotations

import json
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import set_seed
from torch import nn
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from gvt import tracking
from gvt.errors import UserError
from gvt.hardware import mixed_precision
from gvt.optimisers import cosine, optimisers
from gvt.pretrain.checkpoint import Checkpoint, Position

_WARMUP = 0.05
_WEIGHT_DECAY = 0.05
_BETAS = (0.9, 0.98)
_CLIP_NORM = 3.0
_SAVE_SECONDS = 300.0
_LOG_STEPS = 20


class Objective(Protocol):
    """What the loop trains: a module whose forward returns the loss of a batch.

    recipe: what the result depends on beside the loop's own settings; it goes into the provenance,
        and a training goes on only with the same.
    """

    name: str
    batch_size: int
    lr: float
    recipe: dict[str, Any]

    def batches(self, start: int, batch_size: int, rank: int, world: int) -> Iterator: ...

    def after_step(self, progress: float) -> None: ...

    def save(self, folder: Path) -> None: ...


def train(
    build: Callable[[Accelerator], nn.Module],
    output: Path,
    samples: int,
    *,
    batch_size: int | None = None,
    seed: int = 0,
    lr: float | None = None,
    threads: int | None = None,
    compiled: bool = False,
    init: Path | None = None,
    resume: bool = False,
    log_with: Sequence[str] = (),
) -> Path:
    """Train the Objective that ``build`` makes on ``samples`` samples and save it to ``output``.

    It is built after the seed is set. The folder also gets ``provenance.json`` (recipe, seed,
    samples, seconds, loss) and ``log.jsonl``. A checkpoint is kept beside it while training;
    ``resume`` continues from it. ``compiled`` compiles the transformers models in it for their
    fixed shapes. ``init`` is an earlier output of the same objective: its weights are trained
    further, with a schedule of their own, on the samples that follow those it has seen.
    ``log_with`` names trackers (``gvt.tracking``) that get the loss as well.

    Raises:
        UserError: a loss that is no number; a checkpoint of another recipe; no such ``init``; fewer
            samples in a batch than processes.
    """
    if threads:
        torch.set_num_threads(threads)
    cpu = not torch.cuda.is_available()
    output = Path(output)
    # A student may be read before its last layer, and DINO's prototypes stand still at first.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = tracking.accelerator(
        log_with,
        output,
        cpu=cpu,
        mixed_precision=mixed_precision(cpu),
        kwargs_handlers=[unused],
    )
    set_seed(seed)
    module = build(accelerator)
    if compiled:
        for part in module.modules():
            if isinstance(part, PreTrainedModel):
                part.compile(dynamic=False)
    before = _restore(module, Path(init)) if init else None
    first = before["samples_seen"] if before else 0
    size = batch_size or module.batch_size
    if size < accelerator.num_processes:
        raise UserError(
            f"{module.name}: a batch of {size} samples cannot be shared among"
            f" {accelerator.num_processes} processes"
        )
    steps = max(1, math.ceil(samples / size))
    rate = lr or module.lr
    wrapped, *optimizers = accelerator.prepare(module, *_optimizers(module, rate))
    warmup = max(1, int(_WARMUP * steps))
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimizer.optimizer, lambda step: cosine(step, steps, warmup)
        )
        for optimizer in optimizers
    ]
    recipe = {
        "batch_size": size,
        "lr": rate,
        "muon_lr": _muon_rate(module, rate),
        "weight_decay": _WEIGHT_DECAY,
        "betas": list(_BETAS),
        "optimizers": [type(part.optimizer).__name__ for part in optimizers],
        "schedule": "cosine",
        "warmup": _WARMUP,
        "precision": accelerator.mixed_precision,
        "processes": accelerator.num_processes,
        "compiled": compiled,
        **module.recipe,
    }

    output.mkdir(parents=True, exist_ok=True)
    facts = {"objective": module.name, "batch_size": size, "lr": rate, "seed": seed, "steps": steps}
    note = tracking.Tracking(accelerator, facts).series(f"pretrain/{module.name}")
    asked = {"objective": module.name, "samples": samples, "seed": seed, "init": before, **recipe}
    parts = [module, *optimizers, *schedules]
    checkpoint = Checkpoint(output / "checkpoint.pt", asked, parts)
    at = checkpoint.load() if resume else Position()

    world, rank = accelerator.num_processes, accelerator.process_index
    batches = module.batches(first + at.step * size, size, rank, world)
    bar = tqdm(
        total=steps * size,
        initial=at.step * size,
        unit="samples",
        desc=module.name,
        disable=not accelerator.is_local_main_process,
        mininterval=2.0,
    )
    started, saved = time.monotonic() - at.seconds, time.monotonic()
    noted, unnoted = time.monotonic(), 0
    while at.step < steps:
        batch = _to(next(batches), accelerator.device)
        torch.manual_seed(_step_seed(seed, at.step, rank))
        with accelerator.autocast():
            loss = wrapped(batch)
        value = accelerator.reduce(loss.detach(), "mean").item()
        if not math.isfinite(value):
            raise UserError(
                f"{module.name}: the loss became {value} at step {at.step}; try a lower --lr"
            )
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(wrapped.parameters(), _CLIP_NORM)
        used = schedules[0].get_last_lr()[0]
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        at.step += 1
        unnoted += 1
        module.after_step(at.step / steps)
        at.loss = value if at.loss is None else 0.95 * at.loss + 0.05 * value
        at.seconds = time.monotonic() - started
        bar.update(size)
        if at.step % _LOG_STEPS == 0 or at.step == steps:
            at.log.append({"samples": at.step * size, "loss": round(at.loss, 5)})
            bar.set_postfix(loss=f"{at.loss:.3f}")
            speed = unnoted * size / (time.monotonic() - noted)
            note(at.step * size, {"loss": at.loss, "lr": used, "samples_per_second": speed})
            noted, unnoted = time.monotonic(), 0
        if accelerator.is_main_process and time.monotonic() - saved > _SAVE_SECONDS:
            saved = time.monotonic()
            checkpoint.save(at)
    bar.close()
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        module.save(output)
        provenance = {
            "objective": module.name,
            "recipe": recipe,
            "seed": seed,
            "samples_seen": first + steps * size,
            "seconds": round(at.seconds, 1),
            "threads": torch.get_num_threads(),
            "loss": at.log[-1]["loss"],
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
            **({"init": before} if before else {}),
        }
        (output / "provenance.json").write_text(json.dumps(provenance, indent=1) + "\n")
        (output / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in at.log))
        checkpoint.remove()
    if log_with:
        accelerator.end_training()
    return output


def _step_seed(seed: int, step: int, rank: int) -> int:
    """Every step draws its augmentations from a seed of its own, whatever was drawn before: a
    training that goes on, on any number of processes, needs no generator's state."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1)[0])


def _restore(module: Objective, folder: Path) -> dict:
    """Load an earlier output into ``module`` and return its provenance. Raises UserError."""
    if not hasattr(module, "restore"):
        raise UserError(f"{module.name}: what it saves is not all it trains, so --init cannot work")
    try:
        before = json.loads((folder / "provenance.json").read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no output of gvt pretrain ({error})") from error
    if before["objective"] != module.name:
        raise UserError(f"{folder} was trained as '{before['objective']}', not '{module.name}'")
    module.restore(folder)
    return before


def _optimizers(module: nn.Module, rate: float) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the matrices where the objective has a ``muon_lr``.

    Vectors (norms, biases) and tables of positions and tokens get AdamW without decay.
    """
    decay, plain = [], []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            flat = parameter.ndim < 2 or "embedding" in name or "token" in name
            (plain if flat else decay).append(parameter)
    return optimisers(
        [{"params": plain, "weight_decay": 0.0}],
        decay,
        lr=rate,
        muon_lr=_muon_rate(module, rate),
        weight_decay=_WEIGHT_DECAY,
        betas=_BETAS,
    )


def _muon_rate(module: nn.Module, rate: float) -> float | None:
    """Muon's learning rate where the objective wants it, scaled as AdamW's ``rate`` is."""
    own = getattr(module, "muon_lr", None)
    return None if own is None else own * rate / module.lr


def _to(batch, device: torch.device):
    if isinstance(batch, dict):
        return {key: value.to(device) for key, value in batch.items()}
    return batch.to(device)
