"""Curriculum by smoothing: a Gaussian blur after every convolution of any network."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from teacherstudent.contract.types import FloatArray

IDENTITY_BELOW = 0.3
"""Pixels: under this a 3 x 3 kernel has over 98 % of its mass in the centre, and nothing is computed."""


def gaussian_kernel(sigma: float, width: int = 3) -> FloatArray:
    """Return a normalised Gaussian ``(width, width)``, sampled at whole pixels.

    Raises:
        ValueError: if the width is even or below 1, or sigma not above 0.
    """
    if width < 1 or width % 2 == 0:
        raise ValueError(f"smoothing: expected an odd kernel width of at least 1, got {width}")
    if not (np.isfinite(sigma) and sigma > 0):
        raise ValueError(f"smoothing: expected a standard deviation above 0, got {sigma}")
    x = np.arange(width) - width // 2
    line = np.exp(-0.5 * (x / sigma) ** 2)
    line /= line.sum()
    # A two-dimensional Gaussian is the product of two lines.
    return np.outer(line, line)


class Smoothing:
    """Blurs the output of a network's convolutions, before whatever follows them.

    Curriculum by Smoothing: Sinha et al. 2020, https://arxiv.org/abs/2003.01367. Touched are two-dimensional
    convolutions with kernels above 1 x 1, so shortcuts stay as they are. The blur stays on in evaluation, as
    the authors have it: it is part of the network until the knob is back at 0.

    Deviations: the blur is a grouped convolution in a forward hook instead of a new module, so state dicts do
    not change; below `IDENTITY_BELOW` it is left out.

    Args:
        network: gets the hooks.
        width: of the kernel, odd.

    Attributes:
        touched: how many convolutions are blurred.
        sigma: standard deviation in pixels; 0 is no blur.

    Raises:
        ValueError: if the network has no such convolution, or the width is even.
    """

    def __init__(self, network: nn.Module, *, width: int = 3) -> None:
        # Called for its checks alone.
        gaussian_kernel(1.0, width)
        convolutions = _convolutions(network)
        self.touched = 0
        self.sigma = 0.0
        self._width = width
        self._kernels: dict[tuple[float, torch.device, torch.dtype], Tensor] = {}
        self._join(convolutions)

    def _join(self, convolutions: list[nn.Conv2d]) -> None:
        """Set the hooks of convolutions that have no blur yet."""
        for module in convolutions:
            if _blur_of(module) is None:
                module.register_forward_hook(self._blur)
                self.touched += 1

    def __deepcopy__(self, memo: dict[int, Any]) -> Smoothing:
        """Return this object: copies of the network, averaged weights say, share the blur."""
        return self

    @property
    def active(self) -> bool:
        """Whether anything is computed at the present sigma."""
        return self.sigma >= IDENTITY_BELOW

    @contextlib.contextmanager
    def at(self, sigma: float) -> Iterator[None]:
        """Blur by ``sigma`` pixels within a block; the standard deviation before it is put back."""
        before = self.sigma
        self.sigma = sigma
        try:
            yield
        finally:
            self.sigma = before

    def _blur(self, module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if not self.active:
            # None tells torch to keep the output as it is.
            return None
        channels = output.shape[1]
        key = (self.sigma, output.device, output.dtype)
        if key not in self._kernels:
            # A run moves from one blur to the next, so older kernels are not needed again.
            self._kernels.clear()
            kernel = torch.as_tensor(gaussian_kernel(self.sigma, self._width))
            self._kernels[key] = kernel.to(output.device, output.dtype)
        # One kernel for all channels, expanded without a copy.
        kernel = self._kernels[key].expand(channels, 1, -1, -1)
        return functional.conv2d(output, kernel, padding=self._width // 2, groups=channels)


_SMOOTHED: weakref.WeakKeyDictionary[nn.Module, Smoothing] = weakref.WeakKeyDictionary()


def smoothing_of(network: nn.Module) -> Smoothing:
    """Return the blur of a network; its hooks are set the first time (raises as `Smoothing`).

    A copy or a part of a network that has a blur shares it: another one would blur twice.
    """
    if network not in _SMOOTHED:
        convolutions = _convolutions(network)
        found = [blur for blur in map(_blur_of, convolutions) if blur is not None]
        if found:
            found[0]._join(convolutions)
        else:
            found = [Smoothing(network)]
        _SMOOTHED[network] = found[0]
    return _SMOOTHED[network]


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Return the convolutions with overlapping kernels above 1 x 1."""
    found = [m for m in network.modules() if isinstance(m, nn.Conv2d) and max(m.kernel_size) > 1]
    # Kernels that do not overlap cut patches, whose outputs are no neighbouring pixels.
    patches = [m for m in found if tuple(m.stride) == tuple(m.kernel_size)]
    convolutions = [m for m in found if m not in patches]
    if not convolutions:
        raise ValueError(
            f"smoothing: touches nothing: expected convolutions with overlapping kernels above 1 x 1 in "
            f"{type(network).__name__}, found none ({len(patches)} patch embeddings)"
        )
    return convolutions


def _blur_of(module: nn.Module) -> Smoothing | None:
    """Return the blur whose hook a convolution has, as those of copies have."""
    for hook in module._forward_hooks.values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, Smoothing):
            return owner
    return None


def smooth(network: nn.Module, sigma: float) -> None:
    """Blur the output of a network's convolutions from now on.

    Args:
        network: with convolutions.
        sigma: standard deviation in pixels; 0 for no blur.

    Raises:
        ValueError: if the network has no convolutions that could be blurred, or sigma is negative.
    """
    if not (np.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"smoothing: expected a standard deviation of at least 0, got {sigma}")
    smoothing_of(network).sigma = float(sigma)
