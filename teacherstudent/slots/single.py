"""A batch of one slot as a gymnasium environment."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import gymnasium as gym
import numpy as np

from teacherstudent.contract.types import Array
from teacherstudent.slots.batch import BatchSlots

Slots = TypeVar("Slots", bound=BatchSlots)


class OneSlotEnv(gym.Env[Any, Any], Generic[Slots]):
    """A batch of one: agrees with any slot of a larger one step for step, starts included.

    A family's class says how it is rendered.

    Attributes:
        task_space: the task space.
        task: of the episode in flight; None before the first.

    Args:
        slot: the batch.
        render_mode: one of the class's, or None.
    """

    def __init__(self, slot: Slots, *, render_mode: str | None) -> None:
        self._slot = slot
        self.task_space = slot.task_space
        self.observation_space = slot.single_observation_space
        self.action_space = slot.single_action_space
        self.render_mode = render_mode
        self.task: Array | None = None
        self._seeded = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode on ``options["task"]``, or on a task drawn at random if there is none.

        Raises:
            ValueError: if the task is not in the task space.
        """
        super().reset(seed=seed)
        # The slot needs gymnasium's generator once; later episodes follow from the slot's own seed.
        if seed is None and not self._seeded:
            seed = int(self.np_random.integers(2**63))
        self._seeded = True
        task = (options or {}).get("task")
        handed: dict[str, Any] | None = None
        # ``[None]`` makes a batch of one, and ``[0]`` takes it apart again.
        if task is not None:
            handed = {"task": np.asarray(task)[None]}
        observations, infos = self._slot.reset(seed=[seed], options=handed)
        self.task = infos["task"][0]
        if self.render_mode == "human":
            self.render()
        return _first(observations), {"task": self.task}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one step; the info holds what the batch says of its slot."""
        observations, rewards, terminated, truncated, infos = self._slot.step(np.asarray(action)[None])
        if self.render_mode == "human":
            self.render()
        info = {name: values[0].item() for name, values in infos.items()}
        return _first(observations), float(rewards[0]), bool(terminated[0]), bool(truncated[0]), info


def _first(observations: Any) -> Any:
    if isinstance(observations, dict):
        return {name: values[0] for name, values in observations.items()}
    return observations[0]
