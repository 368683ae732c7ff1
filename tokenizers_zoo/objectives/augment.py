"""Augmentations of a batch of tensors: crops, shifts, flips, colour jitter; a draw per image.

Drawn on the CPU wherever the images are, so that a seed is one sequence of crops.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LUMA = (0.299, 0.587, 0.114)


def unit(pixels: Tensor) -> Tensor:
    """uint8[B, H, W, 3] → float32[B, 3, H, W] in 0…1."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def normalise(images: Tensor) -> Tensor:
    """0…1 → -1…1, the mean and deviation of 0.5 that the mini cards state."""
    return images.mul(2).sub_(1)


def crop(images: Tensor, size: int, scale: tuple[float, float], flip: bool) -> Tensor:
    """Random square crops covering ``scale`` of the area, resized to ``size``, half flipped.

    The crop stays inside the image. float32[B, 3, H, W] → float32[B, 3, size, size].
    """
    side = images.new_empty(len(images)).uniform_(*scale).sqrt_()
    shift = _signed(images) * (1 - side)[:, None]
    return _sample(images, size, side, shift, _mirror(images, flip))


def jiggle(images: Tensor, pixels: int, flip: bool) -> Tensor:
    """Shift every image by up to ``pixels``, repeating its border, and flip half of them.

    Nothing but the border can leave the image, so that labels keep holding.
    """
    size = images.shape[-1]
    shift = _signed(images) * (2 * pixels / size)
    return _sample(images, size, images.new_ones(len(images)), shift, _mirror(images, flip))


def jitter(images: Tensor, strength: float, grey: float = 0.0) -> Tensor:
    """Brightness, contrast, saturation by up to ±``strength``; a share ``grey`` loses colour."""
    count = len(images)
    factors = images.new_empty(3, count, 1, 1, 1).uniform_(1 - strength, 1 + strength)
    factors = factors.to(images.device)
    images = images * factors[0]
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = mean + (images - mean) * factors[1]
    luma = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    saturation = torch.where(images.new_empty(count, 1, 1, 1).uniform_() < grey, 0.0, factors[2])
    return (luma + (images - luma) * saturation).clamp_(0, 1)


def _signed(images: Tensor) -> Tensor:
    return images.new_empty(len(images), 2).uniform_(-1, 1)


def _mirror(images: Tensor, flip: bool) -> Tensor:
    ones = images.new_ones(len(images))
    return torch.where(ones.clone().uniform_() < 0.5, -ones, ones) if flip else ones


def _sample(images: Tensor, size: int, side: Tensor, shift: Tensor, mirror: Tensor) -> Tensor:
    zero = torch.zeros_like(side)
    theta = torch.stack(
        [
            torch.stack([side * mirror, zero, shift[:, 0]], dim=1),
            torch.stack([zero, side, shift[:, 1]], dim=1),
        ],
        dim=1,
    ).to(images.device)
    grid = functional.affine_grid(theta, [len(images), 3, size, size], align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
