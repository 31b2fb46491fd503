"""Images on the device or beside it, and how a batch of them becomes the network's input."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from teacherstudent.contract.types import FloatArray
from teacherstudent.envs.images.data import Images
from teacherstudent.networks.knobs.augmentation import RandomAugmentation
from teacherstudent.networks.knobs.resampling import low_frequency_crop, resize


class Inputs:
    """A split as bytes; batches are drawn by index, and made floating point on the device.

    Order: to [0, 1], augmentation, normalisation, then the crop or the resize.

    Args:
        split: the images.
        mean: ``(channels,)`` of the training split, in [0, 1].
        std: as ``mean``.
        device: where batches are wanted.
        place: where the images lie; the device if it is None. From elsewhere a batch is copied as bytes, and
            indices that lie on a GPU wait for it.
        channels_last: memory layout of the batches.
    """

    def __init__(
        self,
        split: Images,
        *,
        mean: FloatArray,
        std: FloatArray,
        device: torch.device,
        place: torch.device | None = None,
        channels_last: bool = False,
    ) -> None:
        if place is None:
            place = device
        self.images = torch.from_numpy(split.images).to(place)
        self._device = device
        self.labels = torch.from_numpy(split.labels).to(device)
        # Folded into two numbers for each channel, normalising is one multiplication and one addition.
        self._scale = torch.as_tensor(1 / (255 * std), dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self._shift = torch.as_tensor(-mean / std, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self._mean = torch.as_tensor(mean, dtype=torch.float32, device=device).view(1, -1, 1, 1)
        self._std = torch.as_tensor(std, dtype=torch.float32, device=device).view(1, -1, 1, 1)
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
    ) -> Tensor:
        """Return normalised images, ``(n, channels, size, size)`` float32; without a size at their own."""
        # Images and their indices must lie on the same device.
        if isinstance(rows, Tensor):
            rows = rows.to(self.images.device)
        # Bytes are copied and converted on the device: a quarter of the traffic.
        images = self.images[rows].to(self._device).float()
        if augment is not None and magnitude > 0:
            # Augmentation works on pixels in [0, 1], so it comes before normalisation.
            images = augment(images * (1 / 255), magnitude)
            images = (images - self._mean) / self._std
        else:
            images = torch.addcmul(self._shift, images, self._scale)
        if size is not None and size != images.shape[-1]:
            images = low_frequency_crop(images, size) if by == "bandwidth" else resize(images, size)
        if self._channels_last:
            return images.contiguous(memory_format=torch.channels_last)
        return images


def moments(split: Images) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of each channel, in [0, 1]; a constant channel has deviation 1."""
    pixels = split.images.astype("float32") / 255
    mean = pixels.mean(axis=(0, 2, 3), dtype="float64")
    std = pixels.std(axis=(0, 2, 3), dtype="float64")
    # A constant channel would divide by 0.
    std[std == 0] = 1.0
    return mean, std
