"""What counts as success: a name in the infos of an environment, or a function of a user's."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np

from teacherstudent.contract.types import Array

Success: TypeAlias = str | Callable[[Any, dict[str, Any]], Any]
"""A name in the info of an episode's last step, or a function of environment and that info."""

SAID = "is_success"
"""Where students look for it."""
MOST_STEPS = 1000
MOST_SECONDS = 1.0
"""An episode in which the name is looked for takes no longer than this."""


class UnknownSuccessError(ValueError):
    """An episode is over, and nothing says whether it succeeded."""


class SaysSuccess(gym.Wrapper[Any, Any, Any, Any]):
    """Says at the end of each episode, as ``info["is_success"]``, whether it succeeded.

    Args:
        env: an environment.
        success: a name in the info of the last step, or a function of environment and that info.

    Raises:
        TypeError: if it is neither.
        UnknownSuccessError: from `step`, if an episode ends without that name, or with something that is
            neither true nor false.
    """

    def __init__(self, env: gym.Env[Any, Any], success: Success) -> None:
        check_success(success)
        super().__init__(env)
        self._success = success

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step; the last step of an episode says more."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            info = {**info, SAID: self._told(info)}
        return observation, reward, terminated, truncated, info

    def _told(self, info: dict[str, Any]) -> bool:
        success = self._success
        if not isinstance(success, str):
            return _flag(success(self.env, info), "what the function of environment and info returns")
        if success not in info:
            raise UnknownSuccessError(
                f"success: expected {success!r} in the info of an episode's last step, got {sorted(info)}: "
                "give a name that is always there, or a function, success=lambda env, info: "
                f"info.get({success!r}, False)"
            )
        return _flag(info[success], f"info[{success!r}]")


def check_success(success: Any) -> None:
    """Raise TypeError unless it is a name or a function."""
    if not (callable(success) or (isinstance(success, str) and success)):
        raise TypeError(
            "success: expected a name in the info of an episode's last step, or a function of environment "
            f"and info, got {success!r}"
        )


def _flag(value: Any, what: str) -> bool:
    """Return a yes or no, however it is written: True, 1.0, an array of one."""
    number = np.asarray(value)
    if number.size != 1 or number.dtype.kind not in "biuf" or not np.isfinite(number).all():
        raise UnknownSuccessError(f"success: expected {what} to be true or false, got {value!r}")
    return bool(number.item())


def probe_success(env: gym.Env[Any, Any], name: str, success: Success, task: Array) -> None:
    """Play an episode by random actions, to see whether its end says that it succeeded or failed.

    Raises:
        ValueError: if it does not.
    """
    # Seeding a space changes it, so the environment's own is left alone.
    actions = copy.deepcopy(env.action_space)
    actions.seed(0)
    end = time.perf_counter() + MOST_SECONDS
    info: dict[str, Any] = {}
    steps = 0
    try:
        env.reset(seed=0, options={"task": task.copy()})
        while steps < MOST_STEPS and time.perf_counter() < end:
            _, _, terminated, truncated, info = env.step(actions.sample())
            steps += 1
            if terminated or truncated:
                return
    except UnknownSuccessError as error:
        raise ValueError(f"environment: {name}: {error}") from error
    except Exception:
        # What fails on a task is named when that task is played.
        return
    if isinstance(success, str) and success not in info:
        warnings.warn(
            f"success: expected {success!r} in the infos of {name}, got {sorted(info)} after {steps} steps "
            "of an episode that is not over: if its last step has not that name either, the run stops there",
            stacklevel=4,
        )
