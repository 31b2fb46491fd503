"""Observations of parts as one vector, and a network that reads the images among them by convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from teacherstudent.contract.types import Array

LARGE = 36
"""From this side on, images are read by the network of Mnih et al. (2015), which takes no smaller ones."""
_STRIDED = 16
"""Images of this side and more are read in strides of 2."""


class Part(NamedTuple):
    """A part of a flattened observation.

    Attributes:
        name: where it stands in the space, as ``"camera"`` or ``"camera.0"``; empty for the whole.
        space: what it is.
        size: numbers that it takes.
        image: its shape, channels first; None if it is no image.
        last: whether channels come last in the space.
    """

    name: str
    space: gym.Space[Any]
    size: int
    image: tuple[int, int, int] | None
    last: bool


def parts_of(space: gym.Space[Any], name: str = "") -> list[Part]:
    """Return the parts of an observation in order: of dictionaries by their keys.

    A ``Box`` of three axes is an image whose shortest axis, the first or the last, holds the channels.

    Raises:
        TypeError: if a part is no array of numbers.
    """
    if isinstance(space, gym.spaces.Dict | gym.spaces.Tuple):
        inside = space.spaces.items() if isinstance(space, gym.spaces.Dict) else enumerate(space.spaces)
        found: list[Part] = []
        for key, each in inside:
            found += parts_of(each, f"{name}.{key}" if name else str(key))
        return found
    if isinstance(space, gym.spaces.Box):
        image, last = _image(space)
        return [Part(name, space, math.prod(space.shape), image, last)]
    if isinstance(space, gym.spaces.Discrete):
        return [Part(name, space, int(space.n), None, False)]
    if isinstance(space, gym.spaces.MultiDiscrete):
        return [Part(name, space, int(space.nvec.sum()), None, False)]
    if isinstance(space, gym.spaces.MultiBinary):
        return [Part(name, space, math.prod(space.shape), None, False)]
    where = f" in {name!r}" if name else ""
    raise TypeError(
        f"observations: expected arrays of numbers, or dictionaries of them, got {space}{where}: leave it "
        "out or encode it in a wrapper, gymnasium.wrappers.FilterObservation, say"
    )


def _image(space: gym.spaces.Box) -> tuple[tuple[int, int, int] | None, bool]:
    """Return the shape of an image, channels first, and whether they come last; None if it is none."""
    if len(space.shape) != 3:
        return None, False
    first, second, third = space.shape
    if third <= first:
        return (third, first, second), True
    return (first, second, third), False


def flat(parts: Sequence[Part], observations: Any, n: int) -> Array:
    """Return a batch of ``n`` observations as ``(n, d)`` float32; choices are one-hot, images in their order.

    Args:
        parts: of the space of one observation.
        observations: as a vector environment returns them.
        n: number of rows.
    """
    if len(parts) == 1 and not parts[0].name:
        return _columns(parts[0].space, observations, n)
    return np.concatenate(
        [_columns(each.space, _inside(observations, each.name), n) for each in parts], axis=1
    )


def _inside(observations: Any, name: str) -> Any:
    for key in name.split("."):
        observations = observations[int(key) if isinstance(observations, tuple) else key]
    return observations


def _columns(space: gym.Space[Any], values: Any, n: int) -> Array:
    """Return a part as float32 columns."""
    array: Array = np.asarray(values)
    if isinstance(space, gym.spaces.Discrete):
        return _one_hot(array.reshape(n, 1) - space.start, np.array([space.n]))
    if isinstance(space, gym.spaces.MultiDiscrete):
        return _one_hot((array - space.start).reshape(n, -1), space.nvec.ravel())
    return np.asarray(array, np.float32).reshape(n, -1)


def _one_hot(numbers: Array, sizes: Array) -> Array:
    """Return ``(n, sum of sizes)``: a one in the place of each number of ``(n, k)``."""
    columns = np.zeros((len(numbers), int(sizes.sum())), np.float32)
    # Each group of columns begins where the one before ends.
    places = numbers + np.append(0, np.cumsum(sizes)[:-1])
    np.put_along_axis(columns, places.astype(np.int64), 1.0, axis=1)
    return columns


def convolutions(shape: tuple[int, int, int]) -> nn.Sequential:
    """Return convolutions for images of any size, channels first, whose output is flat.

    From sides of 36 on they are those of Mnih et al., Human-level control through deep reinforcement
    learning, 2015, https://doi.org/10.1038/nature14236; smaller images have three layers of 3 x 3 with
    padding, in strides of 2 from sides of 16 on.
    """
    channels, height, width = shape
    if min(height, width) >= LARGE:
        return nn.Sequential(
            nn.Conv2d(channels, 32, 8, stride=4),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2),
            nn.ReLU(),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            nn.Flatten(),
        )
    stride = 2 if min(height, width) >= _STRIDED else 1
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=stride, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=stride, padding=1),
        nn.ReLU(),
        nn.Flatten(),
    )


def convolved(shape: tuple[int, int, int]) -> int:
    """Return how many numbers the output of `convolutions` has."""
    # Shapes alone are computed on this device.
    with torch.device("meta"):
        return int(convolutions(shape)(torch.zeros(1, *shape)).shape[1])


class PixelEncoder(nn.Module):
    """Turns flattened observations into features: of images by convolutions, all else as it is.

    Images are scaled to [0, 1] by the ends of their space, where it has them.

    Attributes:
        numbers: how many columns are no image's.
        features: numbers of an output.

    Args:
        parts: of the observations' space, at least one of them an image.
        width: features of each image.
    """

    def __init__(self, parts: Sequence[Part], width: int = 128) -> None:
        super().__init__()
        self._images: list[tuple[int, int, Part]] = []
        rest: list[int] = []
        encoders: list[nn.Module] = []
        start = 0
        for part in parts:
            if part.image is None:
                rest += range(start, start + part.size)
            else:
                self._images.append((start, start + part.size, part))
                head = nn.Sequential(nn.Linear(convolved(part.image), width), nn.ReLU())
                encoders.append(nn.Sequential(convolutions(part.image), head))
                low, span = _scale(part.space)
                self.register_buffer(f"low_{len(encoders)}", low, persistent=False)
                self.register_buffer(f"span_{len(encoders)}", span, persistent=False)
            start += part.size
        self.encoders = nn.ModuleList(encoders)
        self.register_buffer("_rest", torch.tensor(rest, dtype=torch.int64), persistent=False)
        self.numbers = len(rest)
        self.features = len(rest) + width * len(encoders)

    def others(self, observations: Tensor) -> Tensor:
        """Return the columns that are no image's."""
        return observations[..., self.get_buffer("_rest")]

    def images(self, observations: Tensor) -> Tensor:
        """Return the features of the images of ``(..., d)``."""
        rows = observations.flatten(0, -2)
        found = []
        for number, ((start, stop, part), encoder) in enumerate(
            zip(self._images, self.encoders, strict=True), start=1
        ):
            assert part.image is not None
            low = self.get_buffer(f"low_{number}")
            span = self.get_buffer(f"span_{number}")
            pixels = (rows[:, start:stop] - low) / span
            channels, height, width = part.image
            if part.last:
                pixels = pixels.view(len(rows), height, width, channels).permute(0, 3, 1, 2)
            else:
                pixels = pixels.view(len(rows), channels, height, width)
            found.append(encoder(pixels))
        features = torch.cat(found, -1)
        # There may be no row at all: the last episodes of a rollout in which none was cut.
        return features.view(*observations.shape[:-1], features.shape[1])

    def forward(self, observations: Tensor) -> Tensor:
        """Return the features of ``(..., d)``."""
        return torch.cat([self.others(observations), self.images(observations)], -1)


def _scale(space: gym.Space[Any]) -> tuple[Tensor, Tensor]:
    """Return what is subtracted from an image, and what it is divided by: nothing without finite ends."""
    assert isinstance(space, gym.spaces.Box)
    low = space.low.astype(np.float32).ravel()
    span = space.high.astype(np.float32).ravel() - low
    good = np.isfinite(low) & np.isfinite(span) & (span > 0)
    return torch.from_numpy(np.where(good, low, 0.0)), torch.from_numpy(np.where(good, span, 1.0))
