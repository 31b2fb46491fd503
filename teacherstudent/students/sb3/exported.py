"""Policies of stable-baselines3 for programs without this package: one module, or the library's own file."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor, nn

from teacherstudent.contract.student import Act
from teacherstudent.contract.types import Array, BoolArray


class GreedyPolicy(nn.Module):
    """What ``model.predict(obs, deterministic=True)`` does, as one module; normalisation included.

    It takes observations ``(n, ...)`` in float32 and returns actions ``(n, ...)`` inside their space.

    Args:
        model: whose policy is copied.

    Raises:
        ValueError: if the policy is recurrent, or takes dictionaries of observations.
    """

    low: Tensor
    high: Tensor
    mean: Tensor
    spread: Tensor

    def __init__(self, model: BaseAlgorithm) -> None:
        super().__init__()
        if hasattr(model, "_last_lstm_states"):
            raise ValueError(
                "export: expected a policy without a memory, got a recurrent one: export it as a .zip"
            )
        if isinstance(model.observation_space, gym.spaces.Dict):
            raise ValueError(
                "export: expected observations in one array, got dictionaries: export the policy as a .zip"
            )
        self.policy = copy.deepcopy(model.policy).cpu()
        self.policy.set_training_mode(False)
        space = model.action_space
        self._box = isinstance(space, gym.spaces.Box)
        if isinstance(space, gym.spaces.Box):
            self.register_buffer("low", torch.from_numpy(space.low.copy()))
            self.register_buffer("high", torch.from_numpy(space.high.copy()))
        normalize = model.get_vec_normalize_env()
        self._normalized = normalize is not None and normalize.norm_obs
        if normalize is not None and normalize.norm_obs:
            self._take_moments(normalize)

    def _take_moments(self, normalize: VecNormalize) -> None:
        moments: Any = normalize.obs_rms
        self.register_buffer("mean", torch.from_numpy(np.asarray(moments.mean, np.float64)))
        spread = np.sqrt(np.asarray(moments.var, np.float64) + normalize.epsilon)
        self.register_buffer("spread", torch.from_numpy(spread))
        self._clip = float(normalize.clip_obs)

    def forward(self, obs: Tensor) -> Tensor:
        """Return actions ``(n, ...)`` for observations ``(n, ...)``."""
        if self._normalized:
            # In the library's order and precision: normalised in float64, cut, and made float32.
            whole = (obs.double() - self.mean) / self.spread
            obs = whole.clamp(-self._clip, self._clip).float()
        actions: Tensor = self.policy._predict(obs, deterministic=True)
        if not self._box:
            return actions
        if self.policy.squash_output:
            # Such policies answer within -1 and 1.
            return self.low + 0.5 * (actions + 1.0) * (self.high - self.low)
        return torch.clamp(actions, self.low, self.high)


def archive(model: BaseAlgorithm, path: Path) -> Act:
    """Write an algorithm as stable-baselines3 does, and return what the file does when it is read again.

    Raises:
        ValueError: if observations are normalised: the library keeps the moments in another file.
    """
    normalize = model.get_vec_normalize_env()
    if normalize is not None and normalize.norm_obs:
        raise ValueError(
            f"{path.name}: expected a policy of plain observations, got one whose observations are "
            "normalised, which stable-baselines3's file does not hold: export it as .pt or .onnx, which do"
        )
    # The file handle keeps the library from adding an ending of its own.
    with open(path, "wb") as file:
        model.save(file)
    loaded = type(model).load(path, device="cpu")
    hidden: Any = None

    def act(obs: Any, first: BoolArray) -> Array:
        nonlocal hidden
        actions, hidden = loaded.predict(obs, hidden, first, deterministic=True)
        return actions

    return act
