"""Inputs on the device, beside it or in files, and how a batch of them becomes the network's input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from teacherstudent.contract.types import FloatArray
from teacherstudent.envs.datasets.parts import Part
from teacherstudent.envs.images.data import Images
from teacherstudent.networks.knobs.augmentation import RandomAugmentation
from teacherstudent.networks.knobs.resampling import low_frequency_crop, resize

MOST_MEASURED = 10_000
"""Examples, evenly drawn, of which mean and deviation are computed where data are read by row."""

Transform = Callable[[Tensor], Tensor]


class Inputs:
    """A split as bytes or numbers; batches are drawn by index, and made floating point on the device.

    Order of images as bytes: to [0, 1], transform, augmentation, normalisation, then the crop or the resize.
    Other inputs are as they are at first.

    Args:
        split: images, or any part of a data set. One that does not lie in memory is read batch by batch.
        mean: ``(channels,)`` of the training split, of images as bytes in [0, 1]; of vectors ``(d,)``.
        std: as ``mean``.
        device: where batches are wanted.
        place: where the images lie; the device if it is None. From elsewhere a batch is copied as bytes, and
            indices that lie on a GPU wait for it.
        channels_last: memory layout of the batches.
    """

    def __init__(
        self,
        split: Images | Part,
        *,
        mean: FloatArray,
        std: FloatArray,
        device: torch.device,
        place: torch.device | None = None,
        channels_last: bool = False,
    ) -> None:
        if place is None:
            place = device
        self.shape: tuple[int, ...]
        self.images: Tensor | None = None
        self._part: Part | None = None
        if isinstance(split, Images):
            self.shape = tuple(split.images.shape[1:])
            self.images = torch.from_numpy(split.images).to(place)
        else:
            self.shape = split.shape
            if split.source.held:
                self.images = torch.from_numpy(np.ascontiguousarray(split.read(np.arange(len(split))))).to(
                    place
                )
            else:
                self._part = split
        self._bytes = isinstance(split, Images) or split.dtype == np.uint8
        self.place = place
        self._device = device
        self.labels = torch.from_numpy(split.labels).to(device)
        # Channels, or the columns of a table, are the first axis of an example.
        sides = (1, -1, *(1 for _ in self.shape[1:]))
        whole = 1.0
        if self._bytes:
            whole = 255.0

        def column(values: FloatArray) -> Tensor:
            return torch.as_tensor(values, dtype=torch.float32, device=device).view(*sides)

        # Folded into two numbers for each channel, normalising is one multiplication and one addition.
        self._scale = column(1 / (whole * std))
        self._shift = column(-mean / std)
        self._mean = column(mean)
        self._std = column(std)
        self._channels_last = channels_last

    def __len__(self) -> int:
        return len(self.labels)

    def batch(
        self,
        rows: Tensor | slice,
        *,
        size: int | None = None,
        by: Literal["bandwidth", "resize"] = "bandwidth",
        augment: RandomAugmentation | None = None,
        magnitude: float = 0.0,
        transform: Transform | None = None,
    ) -> Tensor:
        """Return normalised inputs, ``(n, *shape)`` float32; images at a size, or without one at their own.

        Raises:
            TypeError, ValueError: if a transform returns no tensor, or one of another shape.
            DataFileError: if an example cannot be read.
        """
        # Bytes are copied and converted on the device: a quarter of the traffic.
        images = self._raw(rows).to(self._device).float()
        augments = augment is not None and magnitude > 0
        if augments or transform is not None:
            # Both work on pixels in [0, 1], so they come before normalisation.
            if self._bytes:
                images = images * (1 / 255)
            if transform is not None:
                images = _transformed(transform, images)
            if augments and augment is not None:
                images = augment(images, magnitude)
            images = (images - self._mean) / self._std
        else:
            images = torch.addcmul(self._shift, images, self._scale)
        if size is not None and images.ndim == 4 and size != images.shape[-1]:
            images = low_frequency_crop(images, size) if by == "bandwidth" else resize(images, size)
        if self._channels_last and images.ndim == 4:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def _raw(self, rows: Tensor | slice) -> Tensor:
        """Return inputs as they are kept."""
        if self.images is not None:
            # Inputs and their indices must lie on the same device.
            if isinstance(rows, Tensor):
                rows = rows.to(self.images.device)
            return self.images[rows]
        if isinstance(rows, slice):
            rows = torch.arange(len(self))[rows]
        assert self._part is not None
        return torch.from_numpy(self._part.read(rows.cpu().numpy()))


def _transformed(transform: Transform, images: Tensor) -> Tensor:
    """Return what a user's transform makes of a batch."""
    found: Any = transform(images)
    if not isinstance(found, Tensor):
        raise TypeError(f"transform: expected a tensor for a batch, got {type(found).__name__}")
    # Sizes are a knob's affair, and tests see the inputs' own.
    if found.shape != images.shape:
        raise ValueError(
            f"transform: expected a batch of the same shape, {tuple(images.shape)}, got {tuple(found.shape)}"
        )
    return found


def moments(split: Images | Part, *, normalise: bool = True) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each channel or column; a constant one has deviation 1.

    Args:
        split: of images as bytes they are in [0, 1]. Of data that are read by row at most `MOST_MEASURED`
            examples are looked at, evenly drawn.
        normalise: whether inputs are to be normalised; else mean 0 and deviation 1.
    """
    if isinstance(split, Part):
        return _moments(split, normalise)
    pixels = split.images.astype("float32") / 255
    mean = pixels.mean(axis=(0, 2, 3), dtype="float64")
    std = pixels.std(axis=(0, 2, 3), dtype="float64")
    # A constant channel would divide by 0.
    std[std == 0] = 1.0
    return mean, std


def _moments(part: Part, normalise: bool) -> tuple[FloatArray, FloatArray]:
    if not normalise:
        return np.zeros(part.shape[0]), np.ones(part.shape[0])
    # All axes but that of channels or columns, which comes after the one of examples.
    others = (0, *range(2, 1 + len(part.shape)))
    rows = np.arange(len(part))
    if len(part) > MOST_MEASURED:
        rows = np.linspace(0, len(part) - 1, MOST_MEASURED).astype(np.int64)
    count = 0
    mean = np.zeros(part.shape[0])
    # The sum of squared distances from the mean.
    spread = np.zeros(part.shape[0])
    # In slices, as the examples need not fit into memory together, and each is read once (Chan et al. 1979).
    for own in np.array_split(rows, -(-len(rows) // 256)):
        values = _scaled(part.read(own))
        n = values.size // part.shape[0]
        step = values.mean(axis=others) - mean
        spread += n * values.var(axis=others) + step**2 * count * n / (count + n)
        mean += step * n / (count + n)
        count += n
    std = np.sqrt(spread / count)
    std[std == 0] = 1.0
    return mean, std


def _scaled(values: FloatArray) -> FloatArray:
    """Return numbers in double precision, bytes from 0 to 1."""
    if values.dtype == np.uint8:
        return values / 255.0
    return values.astype(np.float64)
