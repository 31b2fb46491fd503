"""A batch of cart-poles whose physics differ from slot to slot, stepped as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from teacherstudent import spaces
from teacherstudent.envs.cartpole_physics import (
    CARTPOLE_V1,
    START,
    STEPS_PER_PUSH,
    advance,
    failed,
    push,
)
from teacherstudent.rl.task_slots import (
    UNSEEDED,
    SlotSeeds,
    Step,
    check_live,
    check_slots,
    slot_mask,
    slot_seeds,
    slot_tasks,
)
from teacherstudent.simulation.counters import UIntArray, uniform_array
from teacherstudent.types import Array, IntArray, State, check_names

_TASK_DRAW = 4  # draws 0 to 3 are the start, these the task
_PUSH_DRAW = 16  # and these the pushes


class CartPoleSlots(VectorEnv[Any, Any, Any]):
    """``n`` cart-poles with autoreset disabled, each with the physics of its own task.

    Reward 1 a step. All that is random in an episode is a function of the slot's seed, the number of episodes
    since it was seeded, and the number of the draw: a seed gives the same episode in any slot of any batch.

    Implements `teacherstudent.family.Snapshot`.

    Args:
        n: number of slots.
        space: the task space; its names are among `CARTPOLE_V1`, and what it lacks keeps its value there.
        observe_task: whether the task, scaled to -1..1, is part of the observation.
        max_steps: cap that truncates an episode; None for none.
    """

    def __init__(
        self, n: int, *, space: spaces.Parameters, observe_task: bool = True, max_steps: int | None = None
    ) -> None:
        check_slots(n, 1)
        self.num_envs = n
        self.task_space = space
        bound = np.full(4 + (len(space.names) if observe_task else 0), np.inf, np.float32)
        bound[4:] = 1.0
        self.single_observation_space = Box(-bound, bound, dtype=np.float32)
        self.single_action_space = Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self.metadata = {"autoreset_mode": AutoresetMode.DISABLED}
        self._max_steps = np.iinfo(np.int64).max if max_steps is None else max_steps
        self._columns = [list(CARTPOLE_V1).index(name) for name in space.names]
        self._now = _start(n, space)
        self._scaled = np.zeros((n, len(bound) - 4), np.float32)

    def reset(
        self, *, seed: SlotSeeds = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode in every slot of the mask (all without one), each on its own task.

        Without ``options["task"]`` every slot draws its own task uniformly.
        """
        options = options or {}
        seeds = slot_seeds(seed, self.num_envs)
        mask = slot_mask(options, self.num_envs)
        tasks = slot_tasks(self.task_space, options, mask)
        now, rows = self._now, np.flatnonzero(mask)
        now["episode"][rows] += 1
        if seed is not None:
            given = mask & (seeds != UNSEEDED)
            now["seed"][given] = seeds[given]
            now["episode"][given] = 0
        if tasks is None:
            drawn = self._draw(rows, _TASK_DRAW + np.arange(len(self._columns)))
            now["task"][rows] = spaces.from_unit(self.task_space, drawn)
        else:
            now["task"][rows] = tasks[rows]
        now["physics"][rows[:, None], self._columns] = now["task"][rows]
        now["state"][rows] = START * (2 * self._draw(rows, np.arange(4)) - 1)
        now["steps"][rows] = 0
        now["done"][rows] = False
        self._scale()
        return self._observe(), {"task": np.where(mask[:, None], now["task"], 0.0), "_task": mask.copy()}

    def step(self, actions: npt.ArrayLike) -> Step:
        """Step every slot; every slot must have an episode in flight.

        Raises:
            RuntimeError: if one has none.
            ValueError: if an action is neither 0 (left) nor 1 (right).
        """
        now = self._now
        check_live(now["done"])
        right = np.asarray(actions) == 1
        if right.shape != (self.num_envs,) or not (right | (np.asarray(actions) == 0)).all():
            raise ValueError(f"actions: expected {self.num_envs} zeros and ones, got {actions!r}")
        state = advance(now["state"], right, now["physics"])
        now["steps"] += 1
        hit = np.flatnonzero(now["steps"] % STEPS_PER_PUSH == 0)
        if hit.size:
            side = uniform_array(now["seed"][hit], now["episode"][hit], _PUSH_DRAW + now["steps"][hit]) < 0.5
            state[hit] = push(state[hit], side, now["physics"][hit])
        now["state"] = state
        terminated = failed(state)
        truncated = (now["steps"] >= self._max_steps) & ~terminated
        now["done"] = terminated | truncated
        return self._observe(), np.ones(self.num_envs), terminated, truncated, {}

    def get_state(self) -> State:
        """Return the whole state as plain data; a copy."""
        return {name: values.copy() for name, values in self._now.items()}

    def set_state(self, state: State) -> None:
        """Continue exactly from `get_state` of an environment made with the same arguments.

        Raises:
            ValueError: if the state is incomplete or of other slots.
        """
        check_names("cart-pole state", list(self._now), state)
        for name, values in self._now.items():
            if np.shape(state[name]) != values.shape:
                raise ValueError(f"state: {name}: expected shape {values.shape}, got {np.shape(state[name])}")
        self._now = {name: np.array(state[name], v.dtype) for name, v in self._now.items()}
        self._scale()

    def _draw(self, rows: IntArray, draws: IntArray) -> Array:
        """Return ``(rows, draws)`` numbers in [0, 1) of the slots' present episodes."""
        seeds, episodes = self._now["seed"][rows, None], self._now["episode"][rows, None]
        return uniform_array(seeds, episodes, draws[None, :])

    def _scale(self) -> None:
        """Scale the tasks to -1..1 for observations."""
        if self._scaled.size:
            self._scaled[:] = 2 * spaces.to_unit(self.task_space, self._now["task"]) - 1

    def _observe(self) -> Array:
        return np.concatenate([self._now["state"].astype(np.float32), self._scaled], axis=1)


def _start(n: int, space: spaces.Parameters) -> dict[str, Array]:
    """Return the state of ``n`` slots before their first episode; the seeds are fresh entropy."""
    seed: UIntArray = np.random.default_rng().integers(2**64, size=n, dtype=np.uint64)
    return {
        "state": np.zeros((n, 4)),
        "task": np.zeros((n, len(space.names))),
        "physics": np.tile(np.array(list(CARTPOLE_V1.values())), (n, 1)),
        "seed": seed,
        "episode": np.full(n, -1, np.int64),
        "steps": np.zeros(n, np.int64),
        "done": np.ones(n, np.bool_),
    }
