"""Operations on batches of images that mean what Pillow's do, with another amount for each image."""

from __future__ import annotations

import torch
import torch.nn.functional as functional
from torch import Tensor

GREY = (0.299, 0.587, 0.114)
"""What red, green and blue weigh in grey (ITU-R 601), as in Pillow's mode "L"."""
SMOOTH = ((1.0, 1.0, 1.0), (1.0, 5.0, 1.0), (1.0, 1.0, 1.0))
"""Pillow's ``ImageFilter.SMOOTH``; its weights are divided by 13."""

# In what follows images are ``(n, channels, h, w)`` in [0, 1], with one or three channels, and so are the
# results; the amount is ``(n,)``, one for each image.


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply pixels: 0 is black, 1 the image, as ``ImageEnhance.Brightness``."""
    return _blend(torch.zeros_like(images), images, factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey of each image: 0 is that grey, 1 the image, as ``ImageEnhance.Contrast``."""
    return _blend(grey(images).mean((1, 2, 3), keepdim=True), images, factor)


def colour(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the grey image: 0 is without colour, 1 the image, as ``ImageEnhance.Color``."""
    return _blend(grey(images), images, factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Blend with the smoothed image: 0 is smooth, 1 the image, 2 sharper, as ``ImageEnhance.Sharpness``.

    Pixels of the border stay, and so do images of less than three pixels a side.
    """
    if min(images.shape[-2:]) < 3:
        return images
    channels = images.shape[1]
    # The border has no full neighbourhood; Pillow leaves it as it is.
    kernel = torch.tensor(SMOOTH, dtype=images.dtype, device=images.device) / 13
    smooth = images.clone()
    smooth[..., 1:-1, 1:-1] = functional.conv2d(images, kernel.expand(channels, 1, 3, 3), groups=channels)
    return _blend(smooth, images, factor)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert pixels from a threshold on, in grey levels from 0 to 256, as ``ImageOps.solarize``."""
    return torch.where(images * 255 >= _spread(threshold), 1 - images, images)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the highest bits of each of the 256 grey levels, 1 to 8 of them, as ``ImageOps.posterize``."""
    step = 2.0 ** (8 - _spread(bits))
    # Round first: floats only nearly hit the grey levels that they stand for.
    return (images * 255).round().div(step).floor() * step / 255


def rotate(images: Tensor, degrees: Tensor) -> Tensor:
    """Turn about the centre, anticlockwise, as ``Image.rotate``."""
    height, width = images.shape[-2:]
    angle = torch.deg2rad(degrees)
    cos = angle.cos()
    sin = angle.sin()
    zero = torch.zeros_like(angle)
    # the output pixel (x, y) shows the input at (cos x - sin y, sin x + cos y), from the centre, y downwards;
    # grid units are half a width and half a height, so that mixed terms take the ratio of the sides
    rows = [cos, -sin * (height / width), zero, sin * (width / height), cos, zero]
    return _warp(images, torch.stack(rows, 1))


def shear_x(images: Tensor, factor: Tensor) -> Tensor:
    """Shift each row by ``factor`` times its distance from the top, as Pillow's matrix (1, factor, 0...)."""
    return _shear(images, factor)


def shear_y(images: Tensor, factor: Tensor) -> Tensor:
    """Shift each column by ``factor`` times its distance from the left side, as `shear_x` does with rows."""
    # Columns are the rows of the transposed image.
    return _shear(images.transpose(2, 3), factor).transpose(2, 3)


def _shear(images: Tensor, factor: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    one = torch.ones_like(factor)
    zero = torch.zeros_like(factor)
    # x + factor y from the upper left corner is, in grid units, x + factor (y + 1) height / width
    mixed = factor * (height / width)
    return _warp(images, torch.stack([one, mixed, mixed, zero, one, zero], 1))


def translate_x(images: Tensor, share: Tensor) -> Tensor:
    """Show what lies a share of the width further right, as Pillow's matrix (1, 0, share * width...)."""
    return _translate(images, share)


def translate_y(images: Tensor, share: Tensor) -> Tensor:
    """Show what lies a share of the height further down, as `translate_x` does sideways."""
    return _translate(images.transpose(2, 3), share).transpose(2, 3)


def _translate(images: Tensor, share: Tensor) -> Tensor:
    one = torch.ones_like(share)
    zero = torch.zeros_like(share)
    # The grid is 2 wide.
    return _warp(images, torch.stack([one, zero, 2 * share, zero, one, zero], 1))


def grey(images: Tensor) -> Tensor:
    """Return the grey images, ``(n, 1, h, w)``; images of one channel are grey."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(GREY, dtype=images.dtype, device=images.device)
    return (images * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)


def _blend(at_zero: Tensor, at_one: Tensor, factor: Tensor) -> Tensor:
    """Return what lies on the line through both, cut to [0, 1], as ``Image.blend``."""
    return (at_zero + (at_one - at_zero) * _spread(factor)).clamp(0, 1)


def _warp(images: Tensor, matrix: Tensor) -> Tensor:
    """Return images that show the input at the place that ``matrix (n, 6)`` gives, in units of the grid.

    Bilinear as in Pillow: the pixels of the border reach out to the image's edge, beyond it is black.
    """
    # Torch refuses to sample from an empty batch.
    if len(images) == 0:
        return images
    grid = functional.affine_grid(matrix.view(-1, 2, 3), list(images.shape), align_corners=False)
    found = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    # Beyond the edge Pillow shows black, while the sampling repeats the border.
    inside = ((grid >= -1) & (grid < 1)).all(-1)
    return found * inside.unsqueeze(1)


def _spread(amount: Tensor) -> Tensor:
    return amount.view(-1, 1, 1, 1)
