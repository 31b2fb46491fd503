"""A vector environment whose slots are stepped together, as arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from teacherstudent.contract.checks import check_names
from teacherstudent.contract.types import Array, FloatArray, IntArray, State
from teacherstudent.simulation.counters import uniform_array
from teacherstudent.slots.requests import UNSEEDED, SlotSeeds, check_slots, slot_mask, slot_seeds, slot_tasks


class BatchSlots(VectorEnv[Any, Any, Any], ABC):
    """``n`` slots stepped together, whose whole state is arrays with names; autoreset is disabled.

    All that is random in an episode is a function of the slot's seed, the number of episodes since it was
    seeded, and the number of the draw: a seed gives the same episode in any slot of any batch. A family's
    class adds its own arrays to the state, and steps it.

    Implements `teacherstudent.contract.family.Snapshot`.

    Attributes:
        what: the environments' name in messages.
        task_space: the task space.

    Args:
        n: number of slots.
        space: the task space.
        observations: the observations of one slot.
        actions: the actions of one slot.
        render_modes: the ways of `render`.

    Raises:
        ValueError: if there is no slot.
    """

    what: ClassVar[str]

    def __init__(
        self,
        n: int,
        *,
        space: gym.Space[Any],
        observations: gym.Space[Any],
        actions: gym.Space[Any],
        render_modes: tuple[str, ...] = (),
    ) -> None:
        check_slots(n, 1)
        self.num_envs = n
        self.task_space = space
        self.single_observation_space = observations
        self.single_action_space = actions
        self.observation_space = batch_space(observations, n)
        self.action_space = batch_space(actions, n)
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED, "render_modes": list(render_modes)}
        # The state is named arrays and nothing else, so that it can be saved and restored as it is.
        self._now: dict[str, Array] = {
            "task": np.zeros((n, *(space.shape or ())), space.dtype),
            # Fresh entropy.
            "seed": np.random.default_rng().integers(2**63, size=n),
            "episode": np.full(n, -1, np.int64),
            # Every slot counts as done, so that a step before the first reset is refused.
            "done": np.ones(n, np.bool_),
        }

    def reset(
        self, *, seed: SlotSeeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode in every slot of the mask (all without one), each on its own task.

        Without ``options["task"]`` every slot draws its own task, by its seed.
        """
        options = options or {}
        seeds = slot_seeds(seed, self.num_envs)
        mask = slot_mask(options, self.num_envs)
        tasks = slot_tasks(self.task_space, options, mask)
        now = self._now
        slots = np.flatnonzero(mask)
        # Count every start first; a slot with a new seed then begins again at episode 0.
        now["episode"][slots] += 1
        given = mask & (seeds != UNSEEDED)
        now["seed"][given] = seeds[given]
        now["episode"][given] = 0
        # A drawn task depends on seed and episode, so both must be set by now.
        if tasks is None:
            now["task"][slots] = self._draw(slots)
        else:
            now["task"][slots] = tasks[slots]
        now["done"][slots] = False
        # Slots outside the mask show zeros here: only rows where `_task` is True mean something.
        started = np.zeros_like(now["task"])
        started[slots] = now["task"][slots]
        return self._start(slots), {"task": started, "_task": mask.copy()}

    def get_state(self) -> State:
        """Return the whole state as plain data; a copy."""
        return {name: values.copy() for name, values in (self._now | self._further()).items()}

    def set_state(self, state: State) -> None:
        """Continue exactly from `get_state` of an environment made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of other slots.
        """
        # Check all names and shapes before the first assignment: a refused state changes nothing.
        further = self._further()
        own = self._now | further
        check_names(f"{self.what} state", list(own), state)
        for name, values in own.items():
            if np.shape(state[name]) != values.shape:
                raise ValueError(f"state: {name}: expected shape {values.shape}, got {np.shape(state[name])}")
        self._now = {name: np.array(state[name], v.dtype, order="C") for name, v in self._now.items()}
        # Fill these in place: they belong to the subclass and cannot be rebound from here.
        for name, values in further.items():
            values[...] = state[name]
        self._restore()

    def _rehearse(self) -> None:
        """Start and step every slot once and put all back as it was: whatever that needs is compiled then."""
        state = self.get_state()
        self.reset()
        self.step(np.zeros(self.action_space.shape, self.action_space.dtype))
        self.set_state(state)

    @abstractmethod
    def _start(self, slots: IntArray) -> Any:
        """Start an episode in the slots, whose task, seed and number are set; return all observations."""

    @abstractmethod
    def _draw(self, slots: IntArray) -> Array:
        """Return a task for each of the slots, by its seed and the number of its episode."""

    @abstractmethod
    def _restore(self) -> None:
        """Compute what follows from the state and is not a part of it."""

    def _further(self) -> dict[str, Array]:
        """Return arrays beside `_now` that are saved too, as no task tells them."""
        return {}

    def _uniform(self, slots: IntArray, draws: IntArray) -> FloatArray:
        """Return ``(slots, draws)`` numbers in [0, 1) of the slots' present episodes."""
        # Slots run down the rows and draws along the columns, so that both broadcast to a table.
        seeds = self._now["seed"][slots, None]
        episodes = self._now["episode"][slots, None]
        return uniform_array(seeds.astype(np.uint64), episodes, draws[None, :])
