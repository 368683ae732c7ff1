"""Mean and covariance of patch features, for the whitening in front of a connector."""

from __future__ import annotations

import numpy as np
import torch

from gvt.align.visuals import usable
from gvt.engine.features import Features
from gvt.errors import UserError

# Images for the statistics of features, and how many of them are held at once.
_STATISTICS, _CHUNK = 2000, 64


def statistics(features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean float[D] and covariance float[D, D] over the patches of a sample of the images.

    Raises UserError where they are no finite numbers, or none at all.
    """
    index = usable(features)
    if not len(index):
        raise UserError(f"alignment: none of {len(features.values)} images can be read")
    places = np.linspace(0, len(index) - 1, min(len(index), _STATISTICS)).astype(int)
    shift, count, total, products = None, 0, 0.0, 0.0
    for part in np.array_split(index[places], -(-len(places) // _CHUNK)):
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
