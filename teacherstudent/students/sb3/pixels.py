"""Images among the observations of a stable-baselines3 algorithm: how they are read, and not normalised."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecNormalize
from torch import Tensor

from teacherstudent.networks.pixels import LARGE, Part, PixelEncoder, parts_of


class PixelExtractor(BaseFeaturesExtractor):
    """Features of observations of any shape: images of any size by convolutions, all else as it is.

    Where the library's own would fail or be silent: its convolutions take no sides below 36, and arrays of
    three axes that are no bytes are flattened for a network without convolutions.

    Args:
        observation_space: an image, or a dictionary with one.
        width: features of each image.
    """

    def __init__(self, observation_space: gym.Space[Any], width: int = 128) -> None:
        encoder = PixelEncoder(parts_of(observation_space), width)
        super().__init__(observation_space, encoder.features)
        self.encoder = encoder
        self._names: list[str] = []
        if isinstance(observation_space, gym.spaces.Dict):
            self._names = list(observation_space.spaces)

    def forward(self, observations: Any) -> Tensor:
        """Return the features ``(n, features_dim)`` of a batch, as the library has prepared it."""
        if self._names:
            # In the order of the space, whatever that of the dictionary is.
            observations = torch.cat([observations[name].flatten(1) for name in self._names], 1)
        found: Tensor = self.encoder(observations.flatten(1))
        return found


def images_of(space: gym.Space[Any]) -> list[Part]:
    """Return the images among observations; none of spaces that no network takes."""
    try:
        return [part for part in parts_of(space) if part.image is not None]
    except TypeError:
        # The algorithm refuses these in its own words.
        return []


def extractor_options(space: gym.Space[Any]) -> dict[str, Any]:
    """Return what a policy must be told of images that the library's own networks would not read."""
    images = images_of(space)
    if all(is_image_space(part.space) and min(part.image[1:]) >= LARGE for part in images if part.image):
        return {}
    # The network scales images by their own ends, so that the library must not divide them by 255.
    return {"features_extractor_class": PixelExtractor, "normalize_images": False}


def normalized(envs: VecEnv, gamma: float) -> VecNormalize:
    """Return running normalisation of rewards, and of observations that are real numbers and no images."""
    space = envs.observation_space
    if not isinstance(space, gym.spaces.Dict):
        return VecNormalize(envs, gamma=gamma, norm_obs=not images_of(space))
    keys = [
        name
        for name, part in space.spaces.items()
        if isinstance(part, gym.spaces.Box) and not images_of(part)
    ]
    return VecNormalize(envs, gamma=gamma, norm_obs=bool(keys), norm_obs_keys=keys or None)
