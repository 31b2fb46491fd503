"""One maze as a gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.envs.maze_slots import MazeSlots
from teacherstudent.types import Array


class MazeEnv(gym.Env[Any, np.int64]):
    """A batch of one of `MazeSlots`: agrees with any slot of it step for step.

    Args:
        render_mode: "rgb_array" or None.
        slots: further arguments of `MazeSlots`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, *, render_mode: str | None = None, **slots: Any) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected 'rgb_array' or None, got {render_mode!r}")
        self._slot = MazeSlots(1, threads=1, **slots)
        self.task_space = self._slot.task_space
        self.observation_space = self._slot.single_observation_space
        self.action_space = self._slot.single_action_space
        self.render_mode = render_mode
        self.task: Array | None = None
        self._seeded = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode on ``options["task"]``, or on a level drawn at random if there is none.

        Raises:
            ValueError: if the task is not in the task space.
        """
        super().reset(seed=seed)
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        self._seeded = True
        task = (options or {}).get("task")
        observations, infos = self._slot.reset(
            seed=[seed], options=None if task is None else {"task": np.asarray(task)[None]}
        )
        self.task = infos["task"][0]
        return _first(observations), {"task": self.task}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Turn, or go forward."""
        observations, rewards, terminated, truncated, info = self._slot.step(np.asarray(action)[None])
        success = {"is_success": bool(info["is_success"][0])}
        return _first(observations), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), success

    def render(self) -> Any:
        """Return a frame, ``(height, width, 3)`` uint8."""
        frames = None if self.render_mode is None else self._slot.render()
        return None if frames is None else frames[0]


def _first(observations: Any) -> Any:
    if isinstance(observations, dict):
        return {name: values[0] for name, values in observations.items()}
    return observations[0]
