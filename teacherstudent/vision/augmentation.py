"""Random augmentation of a strength from 0 to 1, through kornia's operations."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from torch import Tensor

LEVELS = 30
"""The strength is rounded to this many levels, each with its own operations."""


class RandomAugmentation:
    """Two random operations on every batch, of a random amount up to the strength on every image.

    After RandAugment, Cubuk et al. 2019, https://arxiv.org/abs/1909.13719, with its ranges at strength 1:
    rotation 30 degrees, shear 17 degrees, translation a tenth of the side, brightness, contrast and colour
    0.9, sharpness, solarisation and posterisation down to 4 bits. EfficientTrain's last stage, timm's
    magnitude 9 of 10, is 0.9.

    Deviations: amounts are uniform up to the strength instead of equal to it; operations without an amount
    (equalise, invert, automatic contrast) are left out, and every operation goes to the identity with the
    strength. So 0 is none and small strengths change little; kornia's own ``RandAugment`` paints images black
    at its lowest magnitudes, and timm's level 0 still inverts. Random numbers come from torch's global
    generator.

    Args:
        operations: random operations on each batch, from 1 to the number of kinds.

    Raises:
        ImportError: if kornia is not there.
        ValueError: if ``operations`` is out of range.
    """

    def __init__(self, operations: int = 2) -> None:
        try:
            self._kornia: Any = importlib.import_module("kornia.augmentation")
        except ImportError as error:
            raise ImportError(
                "magnitude: expected the package kornia; install it with "
                f"pip install 'teacherstudent[vision]' ({error})"
            ) from error
        kinds = len(self._operations(1.0, colour=False))
        if not 1 <= operations <= kinds:
            raise ValueError(f"magnitude: expected 1 to {kinds} operations, got {operations}")
        self._count = operations
        self._made: dict[tuple[int, bool], list[Any]] = {}

    def __call__(self, images: Tensor, magnitude: float) -> Tensor:
        """Return the images, ``(n, channels, h, w)`` in [0, 1], augmented.

        Raises:
            ValueError: if the strength is not in [0, 1] or the images have neither one nor three channels.
        """
        if not 0 <= magnitude <= 1:
            raise ValueError(f"magnitude: expected a strength in [0, 1], got {magnitude}")
        if images.shape[1] not in (1, 3):
            raise ValueError(f"magnitude: expected images of one or three channels, got {images.shape[1]}")
        level, colour = round(magnitude * LEVELS), images.shape[1] == 3
        if level == 0:
            return images
        if (level, colour) not in self._made:
            self._made[level, colour] = self._operations(level / LEVELS, colour=colour)
        made = self._made[level, colour]
        for k in torch.randperm(len(made))[: self._count].tolist():
            images = made[k](images)
        return images.clamp(0, 1)

    def _operations(self, s: float, *, colour: bool) -> list[Any]:
        k = self._kornia
        around = (1 - 0.9 * s, 1 + 0.9 * s)
        made = [
            k.RandomRotation(30 * s, p=1.0),
            k.RandomShear((-17 * s, 17 * s), p=1.0),
            k.RandomShear((0.0, 0.0, -17 * s, 17 * s), p=1.0),
            k.RandomAffine(0.0, translate=(0.1 * s, 0.1 * s), p=1.0),
            k.RandomBrightness(around, p=1.0),
            k.RandomContrast(around, p=1.0),
            k.RandomSharpness((0.0, 0.9 * s), p=1.0),
            k.RandomSolarize((1 - s, 1.0), 0.0, p=1.0),
            k.RandomPosterize((8 - 4 * s, 8.0), p=1.0),
        ]
        return [*made, k.RandomSaturation(around, p=1.0)] if colour else made
