"""The parts of an alignment that a stage trains, and their optimisers."""

from __future__ import annotations

import torch
from accelerate import Accelerator, DistributedType
from torch import nn

from gvt.align.aligner import Aligner
from gvt.config import Stage
from gvt.errors import UserError
from gvt.optimisers import optimisers

_SHARDED = (DistributedType.FSDP, DistributedType.DEEPSPEED)


def optimisers_of(
    model: Aligner, stage: Stage, accelerator: Accelerator
) -> list[torch.optim.Optimizer]:
    """Optimisers of what ``stage`` trains; everything else in ``model`` stands still.

    The connector's linear layers go to Muon where the stage has a rate for it. Biases and norms
    of a tuned tokenizer or language model do not decay.

    Raises:
        UserError: nothing moves; Muon, which needs whole matrices, on weights that are shared out.
    """
    model.requires_grad_(False)
    groups, matrices = [], []
    if "connector" in stage.trains:
        matrices = [m.weight for m in model.connector.modules() if isinstance(m, nn.Linear)]
        own = {id(weight) for weight in matrices}
        groups.append({"params": [p for p in model.connector.parameters() if id(p) not in own]})
    if "tokenizer" in stage.trains and model.encoders is not None:
        groups += _decayed(model.encoders.used(), stage.tokenizer_lr or stage.lr)
    if "llm" in stage.trains:
        groups += _decayed(list(model.language.parameters()), stage.llm_lr or stage.lr)
    if "lora" in stage.trains:
        groups += _decayed(model.adapters(), stage.llm_lr or stage.lr)
    moving = [p for group in groups for p in group["params"]] + matrices
    if not moving:
        raise UserError(f"stage '{stage.name}': this tokenizer has no weights to train")
    for weight in moving:
        weight.requires_grad_(True)
    if stage.muon_lr is not None and accelerator.distributed_type in _SHARDED:
        raise UserError(
            f"stage '{stage.name}': Muon cannot train weights that FSDP or DeepSpeed share out",
            "Set muon_lr to null in the recipe, or launch without them.",
        )
    return optimisers(
        groups,
        matrices,
        lr=stage.lr,
        muon_lr=stage.muon_lr,
        weight_decay=stage.weight_decay,
        betas=stage.betas,
    )


def _decayed(parameters: list[nn.Parameter], lr: float) -> list[dict]:
    flat = [p for p in parameters if p.ndim < 2]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "lr": lr},
        {"params": flat, "lr": lr, "weight_decay": 0.0},
    ]
