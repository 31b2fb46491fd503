"""A batch of point masses whose gates differ from slot to slot, stepped as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from scipy.special import ndtri

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_numbers
from teacherstudent.contract.types import Array, FloatArray, IntArray
from teacherstudent.envs.point_mass.physics import (
    DECAY,
    REACHED,
    START,
    SUBSTEPS,
    Gates,
    advance,
    distance,
)
from teacherstudent.simulation.counters import uniform_array
from teacherstudent.slots.batch import BatchSlots
from teacherstudent.slots.requests import Step, check_live

# Draws 0 to 2 are the task; from here on they are the noise.
_NOISE_DRAW = 16
# Positions and velocities are divided by these in an observation.
_SCALE = np.array([4.0, 10.0, 4.0, 10.0])


class PointMassSlots(BatchSlots):
    """``n`` point masses with autoreset disabled, each before the gate of its own task.

    All that is random in an episode is a function of the slot's seed, the number of episodes since it was
    seeded, and the number of the draw: a seed gives the same episode in any slot of any batch.

    Implements `teacherstudent.contract.family.Snapshot`.

    Args:
        n: number of slots.
        space: the task space: position and width of the gate, and friction where it varies.
        sparse: whether the reward is 1 at the goal, where the episode then ends, and 0 elsewhere.
        noise: standard deviation of the noise on the acceleration, m/s^2.
        max_steps: cap that truncates an episode; None for none.
    """

    what = "point mass"
    task_space: spaces.Parameters

    def __init__(
        self,
        n: int,
        *,
        space: spaces.Parameters,
        sparse: bool = False,
        noise: float = 0.05,
        max_steps: int | None = None,
    ) -> None:
        dimensions = len(space.names)
        bound = np.concatenate([np.full(4, np.inf, np.float32), np.ones(dimensions, np.float32)])
        super().__init__(
            n,
            space=space,
            observations=Box(-bound, bound, dtype=np.float32),
            actions=Box(-1.0, 1.0, (2,), np.float32),
        )
        self._sparse = sparse
        self._noise = noise
        self._max_steps = np.iinfo(np.int64).max
        if max_steps is not None:
            self._max_steps = max_steps
        self._now |= {"state": np.zeros((n, 4)), "steps": np.zeros(n, np.int64)}
        self._scaled = np.zeros((n, dimensions), np.float32)

    def step(self, actions: npt.ArrayLike) -> Step:
        """Step every slot; every slot must have an episode in flight. Actions are clipped to [-1, 1].

        Raises:
            RuntimeError: if one has none.
            ValueError: if the actions are no two finite numbers for each slot.
        """
        now = self._now
        check_live(now["done"])
        expected = f"two finite numbers for {self.num_envs} slots"
        given = check_numbers("actions", expected, actions)
        if given.shape != (self.num_envs, 2):
            raise ValueError(f"actions: expected {expected}, got {actions!r}")
        now["state"], crashed = advance(
            now["state"], np.clip(given, -1.0, 1.0), self._gates(), self._disturbances()
        )
        now["steps"] += 1
        away = distance(now["state"])
        reached = away < REACHED
        if self._sparse:
            rewards = reached.astype(np.float64)
            terminated = crashed | reached
        else:
            rewards = np.exp(-DECAY * away)
            terminated = crashed
        truncated = (now["steps"] >= self._max_steps) & ~terminated
        now["done"] = terminated | truncated
        return self._observe(), rewards, terminated, truncated, {"is_success": reached}

    def _gates(self) -> Gates:
        tasks = self._now["task"]
        friction = np.zeros(self.num_envs)
        if tasks.shape[1] == 3:
            friction = tasks[:, 2]
        return Gates(position=tasks[:, 0], width=tasks[:, 1], friction=friction)

    def _disturbances(self) -> FloatArray:
        """Return ``(SUBSTEPS, n, 2)`` accelerations of this step, normal with the given deviation."""
        if self._noise == 0.0:
            return np.zeros((SUBSTEPS, self.num_envs, 2))
        now = self._now
        each = 2 * SUBSTEPS
        # The step numbers the draws: noise depends neither on the other slots nor on what was drawn before.
        first = _NOISE_DRAW + each * now["steps"][:, None]
        drawn = uniform_array(
            now["seed"][:, None].astype(np.uint64), now["episode"][:, None], first + np.arange(each)
        )
        # A uniform number of exactly 0 would be a disturbance without end.
        normal = ndtri(np.maximum(drawn, np.finfo(np.float64).tiny))
        return np.asarray(self._noise * np.moveaxis(normal.reshape(self.num_envs, SUBSTEPS, 2), 0, 1))

    def _start(self, slots: IntArray) -> Array:
        self._now["state"][slots] = START
        self._now["steps"][slots] = 0
        # The scaled tasks follow from the tasks: compute them as after a restored state.
        self._restore()
        return self._observe()

    def _draw(self, slots: IntArray) -> Array:
        drawn = self._uniform(slots, np.arange(len(self.task_space.names)))
        return spaces.from_unit(self.task_space, drawn)

    def _restore(self) -> None:
        self._scaled[:] = 2 * spaces.to_unit(self.task_space, self._now["task"]) - 1

    def _observe(self) -> Array:
        return np.concatenate([(self._now["state"] / _SCALE).astype(np.float32), self._scaled], axis=1)
