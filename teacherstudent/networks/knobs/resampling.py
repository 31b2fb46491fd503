"""Smaller images for early stages: EfficientTrain's low-frequency crop, and an antialiased resize.

Both are linear and separable, so each is a pair of small matrix products ``A x A^T`` instead of a Fourier
transform or a library's resize: any device, any floating type, part of a compiled graph, and on small images
many times cheaper than `torch.fft`. The matrices are kept for each size.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.checks import is_whole
from teacherstudent.contract.types import FloatArray

LOBES = 3
"""Half width of the Lanczos window, in output pixels."""


def low_frequency_crop(images: Tensor, size: int) -> Tensor:
    """Return the low frequencies of square images as smaller images, ``(..., size, size)``.

    EfficientTrain: Wang et al. 2023, "EfficientTrain: Exploring generalized curriculum learning for training
    visual backbones", https://arxiv.org/abs/2211.09703, section 4.1. With ``b = size // 2``: the
    two-dimensional Fourier transform's rows and columns of the frequencies -b to b - 1 are packed into a
    ``size x size`` transform, multiplied by ``(size / H)^2``, which keeps the pixels' mean, and transformed
    back; the real part is the result. Nothing is clamped. A signal of frequencies below b gives exact samples
    of the continuous signal; the frequency -b has no partner +b, so its part is not exact.

    Deviation: the authors take an odd size as the even one below it and a size above H reads memory that
    nobody wrote; both are errors here. Floating types narrower than float32 work on the CPU too.

    Args:
        images: floating point, ``(..., H, H)``.
        size: side of the result in pixels, even, from 2 to H; H (even or odd) returns the images unchanged.

    Raises:
        TypeError: if the images are not of a floating type.
        ValueError: if they are not square, or the size is odd or out of range.
    """
    side = _check(images, size, "low_frequency_crop")
    if size == side:
        return images
    if size % 2:
        raise ValueError(f"low_frequency_crop: expected an even size, got {size}")
    real, imaginary = _on(_frequency_matrices(side, size), images)
    # The real part of a complex product: real times real less imaginary times imaginary.
    return _both_sides(real, images) - _both_sides(imaginary, images)


def resize(images: Tensor, size: int) -> Tensor:
    """Return square images at a smaller side, ``(..., size, size)``, by an antialiased Lanczos filter.

    EfficientTrain++ (Wang et al. 2024, https://arxiv.org/abs/2405.08768) resizes so instead of cropping
    frequencies; the filter is PIL's ``LANCZOS`` on floating-point pixels, without its rounding to bytes.

    Raises:
        TypeError: if the images are not of a floating type.
        ValueError: if they are not square, or the size is out of range.
    """
    side = _check(images, size, "resize")
    if size == side:
        return images
    (matrix,) = _on((_lanczos_matrix(side, size),), images)
    return _both_sides(matrix, images)


def _check(images: Tensor, size: int, where: str) -> int:
    if not images.is_floating_point():
        raise TypeError(f"{where}: expected images of a floating type, got {images.dtype}")
    if images.ndim < 2 or images.shape[-1] != images.shape[-2]:
        raise ValueError(f"{where}: expected square images (..., H, H), got shape {tuple(images.shape)}")
    side = int(images.shape[-1])
    if not is_whole(size) or not 2 <= size <= side:
        raise ValueError(f"{where}: expected a whole size from 2 to the image's side {side}, got {size!r}")
    return side


def _both_sides(matrix: Tensor, images: Tensor) -> Tensor:
    # From the left the matrix works on columns of pixels, from the right on rows.
    return matrix @ images @ matrix.T


_ON: dict[tuple[int, torch.device, torch.dtype], tuple[Tensor, ...]] = {}


def _on(matrices: tuple[FloatArray, ...], like: Tensor) -> tuple[Tensor, ...]:
    """Return the matrices as tensors of the images' type and device, kept for the next batch."""
    # The arrays live as long as the process.
    key = (id(matrices[0]), like.device, like.dtype)
    if key not in _ON:
        _ON[key] = tuple(torch.as_tensor(m, dtype=like.dtype, device=like.device) for m in matrices)
    return _ON[key]


@functools.cache
def _frequency_matrices(side: int, size: int) -> tuple[FloatArray, FloatArray]:
    """Return real and imaginary part of the crop along one axis, each ``(size, side)``.

    Row m, column n: the sum over the frequencies k = -b .. b - 1 of exp(2 pi i k (m / size - n / side)),
    divided by ``side``: forward transform, crop, scale by size / side, transform back.
    """
    half = size // 2
    # The frequencies run along a third axis and are summed out.
    k = np.arange(-half, half)
    shift = np.arange(size)[:, None] / size - np.arange(side)[None] / side
    whole = np.exp(2j * np.pi * k * shift[..., None]).sum(-1) / side
    return np.ascontiguousarray(whole.real), np.ascontiguousarray(whole.imag)


@functools.cache
def _lanczos_matrix(side: int, size: int) -> FloatArray:
    """Return the filter's weights ``(size, side)``; every row sums to 1."""
    scale = side / size
    # The centre of a pixel lies half a pixel beyond its number.
    centre = (np.arange(size)[:, None] + 0.5) * scale
    distance = (np.arange(side)[None] + 0.5 - centre) / scale
    # A sinc windowed by a wider sinc, which is 0 from the third lobe on.
    weights = np.where(np.abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0.0)
    # The image's edge cuts weights off, so each row is brought back to a sum of 1.
    found: FloatArray = weights / weights.sum(1, keepdims=True)
    return found
