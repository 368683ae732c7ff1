"""The frozen teacher of a feature distillation: its features read from disk, or made as asked."""

from __future__ import annotations

import sys
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from gvt.data.images import Chosen
from gvt.engine.combined import CombinedStore
from gvt.errors import UserError
from gvt.pretrain.plan import Plan
from gvt.progress import Counter
from tokenizers_zoo import combine, load_tokenizer

# Share of unreadable images above which something is wrong with the folder.
_UNREADABLE = 0.1


class Teacher(Protocol):
    """Gives features; it is never trained."""

    def readable(self, index: np.ndarray) -> np.ndarray:
        """The images to take where those of ``index`` are asked for."""
        ...

    def prepare(self, image: Image.Image) -> Any:
        """What is needed of one image, made while earlier batches are trained on."""
        ...

    def targets(self, index: np.ndarray, prepared: tuple) -> Tensor:
        """Patch features float[B, N, D] of the images."""
        ...


class KeptTeacher:
    """Features of the ``chosen`` images, computed once, kept in the cache and memory-mapped."""

    def __init__(self, plan: Plan, chosen: np.ndarray, accelerator: Accelerator) -> None:
        store = CombinedStore(plan.teacher, accelerator.device, accelerator.mixed_precision)
        with tqdm(
            total=len(chosen) * len(store.stores),
            unit="images",
            desc=f"features of {plan.teacher.name}",
            disable=not accelerator.is_local_main_process,
            mininterval=2.0,
        ) as bar:
            images, counter = Chosen(plan.images, chosen), Counter(bar.update)
            features = store.join([part.get(images, counter, accelerator) for part in store.stores])
        self._values, self._prefix = features.values, features.prefix
        failed = list(features.failed)
        self._index = np.delete(chosen, failed)
        self._row = np.delete(np.arange(len(chosen)), failed)
        if failed:
            told = (
                f"{len(failed):,} of {len(chosen):,} images cannot be read and are left out; first:"
                f" {plan.named(chosen[failed[0]])}: {features.failed[failed[0]]}"
            )
            if len(failed) > _UNREADABLE * len(chosen):
                raise UserError(told)
            if accelerator.is_main_process:
                print(told, file=sys.stderr)

    def readable(self, index: np.ndarray) -> np.ndarray:
        # In place of one that cannot be read the next is taken, so that batches keep their size.
        return self._index[np.searchsorted(self._index, index) % len(self._index)]

    def prepare(self, image: Image.Image) -> None:
        return None

    def targets(self, index: np.ndarray, prepared: tuple) -> Tensor:
        row = self._row[np.searchsorted(self._index, index)]
        return torch.from_numpy(self._values[row][:, self._prefix :])


class LiveTeacher:
    """The teacher itself, at every step."""

    def __init__(self, plan: Plan, chosen: np.ndarray, accelerator: Accelerator) -> None:
        self._card, self._accelerator = plan.teacher, accelerator
        self._encoders = {
            one: load_tokenizer(one, device=accelerator.device) for one in plan.teacher.encoders
        }

    def readable(self, index: np.ndarray) -> np.ndarray:
        return index

    def prepare(self, image: Image.Image) -> list[Tensor]:
        return [encoder.preprocess([image]) for encoder in self._encoders.values()]

    def targets(self, index: np.ndarray, prepared: tuple) -> Tensor:
        encoded = {}
        with self._accelerator.autocast():
            for i, (one, encoder) in enumerate(self._encoders.items()):
                encoded[one] = encoder.encode(torch.cat([pixels[i] for pixels in prepared]))
        tokens = combine(self._card, encoded)
        return tokens.features[:, tokens.prefix :].float()
