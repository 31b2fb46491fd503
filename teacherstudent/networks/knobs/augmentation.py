"""Random augmentation of a strength from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from teacherstudent.contract.checks import check_whole
from teacherstudent.networks.knobs import operations as operate

Operation: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From images and amounts ``(n,)`` to images; amounts lie in [-1, 1], and 0 is the image as it is."""

FAINTEST = 1 / 255
"""Below this strength images stay as they are: no operation would move a pixel by a grey level."""

OPERATIONS: dict[str, Operation] = {
    "rotate": lambda images, a: operate.rotate(images, 30 * a),
    "shear_x": lambda images, a: operate.shear_x(images, 0.3 * a),
    "shear_y": lambda images, a: operate.shear_y(images, 0.3 * a),
    "translate_x": lambda images, a: operate.translate_x(images, 150 / 331 * a),
    "translate_y": lambda images, a: operate.translate_y(images, 150 / 331 * a),
    "brightness": lambda images, a: operate.brightness(images, 1 + 0.9 * a),
    "contrast": lambda images, a: operate.contrast(images, 1 + 0.9 * a),
    "sharpness": lambda images, a: operate.sharpness(images, 1 + 0.9 * a),
    "solarize": lambda images, a: operate.solarize(images, 256 * (1 - a.abs())),
    "posterize": lambda images, a: operate.posterize(images, 8 - (4 * a.abs()).round()),
}
"""What is drawn from for every image; the ranges are RandAugment's."""
COLOUR: dict[str, Operation] = {"colour": lambda images, a: operate.colour(images, 1 + 0.9 * a)}
"""What is drawn from too where there are three channels."""


class RandomAugmentation:
    """Two random operations on every batch, of a random amount up to the strength on every image.

    After RandAugment, Cubuk et al. 2019, https://arxiv.org/abs/1909.13719, with its ranges at strength 1:
    rotation 30 degrees, shear 0.3, translation 150 / 331 of the side, factors of brightness, contrast, colour
    and sharpness from 0.1 to 1.9, solarisation of all pixels, posterisation down to 4 bits. Operations mean
    what Pillow's do (`teacherstudent.networks.knobs.operations`): brightness multiplies pixels,
    contrast blends with the mean grey, colour with the grey image, sharpness with the smoothed one. What
    comes in from outside is black. EfficientTrain's last stage, timm's magnitude 9 of 10, is 0.9.

    Deviations: the operations are drawn for a batch, not for each image; amounts are uniform up to the
    strength instead of equal to it; operations without an amount (equalise, invert, automatic contrast) are
    left out, and every operation goes to the identity with the strength. So 0 is none and small strengths
    change little; timm's level 0 still inverts. Random numbers come from torch's global generators.

    Args:
        operations: random operations on each batch, from 1 to the number of kinds.

    Raises:
        ValueError: if ``operations`` is out of range.
    """

    def __init__(self, operations: int = 2) -> None:
        if check_whole("magnitude: operations", operations) > len(OPERATIONS):
            raise ValueError(f"magnitude: expected 1 to {len(OPERATIONS)} operations, got {operations}")
        self._count = operations

    def __call__(self, images: Tensor, magnitude: float) -> Tensor:
        """Return the images, ``(n, channels, h, w)`` in [0, 1], augmented.

        Raises:
            ValueError: if the strength is not in [0, 1] or the images have neither one nor three channels.
        """
        if not 0 <= magnitude <= 1:
            raise ValueError(f"magnitude: expected a strength in [0, 1], got {magnitude}")
        if images.shape[1] not in (1, 3):
            raise ValueError(f"magnitude: expected images of one or three channels, got {images.shape[1]}")
        if magnitude < FAINTEST:
            return images
        # Grey images have no colour to change, so that operation would be wasted on them.
        kinds = list(OPERATIONS.values())
        if images.shape[1] == 3:
            kinds += COLOUR.values()
        # The start of a permutation draws operations that differ.
        for k in torch.randperm(len(kinds))[: self._count].tolist():
            amounts = magnitude * (2 * torch.rand(len(images), device=images.device) - 1)
            images = kinds[k](images, amounts)
        return images


_USUAL = RandomAugmentation()


def augment(images: Tensor, magnitude: float) -> Tensor:
    """Return images with two random operations of a strength (see `RandomAugmentation`, which raises).

    Args:
        images: ``(n, channels, h, w)`` in [0, 1], before they are normalised.
        magnitude: from 0, which changes nothing, to 1.
    """
    return _USUAL(images, magnitude)
