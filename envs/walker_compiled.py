"""One compiled walker as a gymnasium environment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from teacherstudent.envs.walker_picture import WalkerPicture
from teacherstudent.envs.walker_slots import WalkerSlots
from teacherstudent.types import Array


class CompiledWalkerEnv(gym.Env[Array, Array]):
    """A batch of one of `WalkerSlots`: agrees with any slot of it step for step, starts included.

    It has no cap on steps of its own.

    Args:
        render_mode: "human", "rgb_array" or None.
        slots: further arguments of `WalkerSlots`.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 50}

    def __init__(self, *, render_mode: str | None = None, **slots: Any) -> None:
        self._slot = WalkerSlots(1, threads=1, **slots)
        self.task_space = self._slot.task_space
        self.observation_space = self._slot.single_observation_space
        self.action_space = self._slot.single_action_space
        self.render_mode = render_mode
        self.task: Array | None = None
        self._seeded = False
        self._picture: WalkerPicture | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode on ``options["task"]``, or on a task drawn uniformly if there is none.

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
        if self.render_mode == "human":
            self.render()
        return observations[0], {"task": self.task}

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Drive the motors for one fiftieth of a second."""
        observations, rewards, terminated, truncated, _ = self._slot.step(np.asarray(action)[None])
        if self.render_mode == "human":
            self.render()
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> Any:
        """Return or show a frame, drawn by gymnasium's BipedalWalker."""
        if self.render_mode is None:
            return None
        if self._picture is None:
            self._picture = WalkerPicture(self.render_mode)
        return self._picture.draw(self._slot.view(0))

    def close(self) -> None:
        """Close the window."""
        if self._picture is not None:
            self._picture.close()  # type: ignore[no-untyped-call]  # gymnasium's
