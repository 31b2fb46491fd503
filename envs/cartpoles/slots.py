"""A batch of cart-poles whose physics differ from slot to slot, stepped as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Discrete

from teacherstudent.contract import spaces
from teacherstudent.contract.types import Array, IntArray
from teacherstudent.envs.cartpoles.physics import CARTPOLE_V1, START, STEPS_PER_PUSH, advance, failed, push
from teacherstudent.simulation.counters import uniform_array
from teacherstudent.slots.batch import BatchSlots
from teacherstudent.slots.requests import Step, check_live

# Draws 0 to 3 are the start; from here on they are the task.
_TASK_DRAW = 4
# From here on they are the pushes.
_PUSH_DRAW = 16


class CartPoleSlots(BatchSlots):
    """``n`` cart-poles with autoreset disabled, each with the physics of its own task.

    Reward 1 a step. All that is random in an episode is a function of the slot's seed, the number of episodes
    since it was seeded, and the number of the draw: a seed gives the same episode in any slot of any batch.

    Implements `teacherstudent.contract.family.Snapshot`.

    Args:
        n: number of slots.
        space: the task space; its names are among `CARTPOLE_V1`, and what it lacks keeps its value there.
        observe_task: whether the task, scaled to -1..1, is part of the observation.
        max_steps: cap that truncates an episode; None for none.
    """

    what = "cart-pole"
    task_space: spaces.Parameters

    def __init__(
        self, n: int, *, space: spaces.Parameters, observe_task: bool = True, max_steps: int | None = None
    ) -> None:
        # Positions and speeds are unbounded; the task behind them is scaled to -1..1.
        bound = np.full(4, np.inf, np.float32)
        if observe_task:
            bound = np.append(bound, np.ones(len(space.names), np.float32))
        observations = Box(-bound, bound, dtype=np.float32)
        super().__init__(n, space=space, observations=observations, actions=Discrete(2))
        self._max_steps = np.iinfo(np.int64).max
        if max_steps is not None:
            self._max_steps = max_steps
        # The columns that the task sets; all others keep CartPole-v1's values.
        self._columns = [list(CARTPOLE_V1).index(name) for name in space.names]
        self._now |= {
            "seed": self._now["seed"].astype(np.uint64),  # as saved states have it
            "state": np.zeros((n, 4)),
            "physics": np.tile(np.array(list(CARTPOLE_V1.values())), (n, 1)),
            "steps": np.zeros(n, np.int64),
        }
        self._scaled = np.zeros((n, len(bound) - 4), np.float32)

    def step(self, actions: npt.ArrayLike) -> Step:
        """Step every slot; every slot must have an episode in flight.

        Raises:
            RuntimeError: if one has none.
            ValueError: if an action is neither 0 (left) nor 1 (right).
        """
        now = self._now
        check_live(now["done"])
        right = np.asarray(actions) == 1
        # NaN fails both comparisons, so that it is refused too.
        if right.shape != (self.num_envs,) or not (right | (np.asarray(actions) == 0)).all():
            raise ValueError(f"actions: expected {self.num_envs} zeros and ones, got {actions!r}")
        state = advance(now["state"], right, now["physics"])
        now["steps"] += 1
        # Most steps push nobody, and then nothing is drawn.
        hit = np.flatnonzero(now["steps"] % STEPS_PER_PUSH == 0)
        if hit.size:
            # The step numbers the draw: a push depends neither on the
            # other slots nor on what was drawn before.
            side = uniform_array(now["seed"][hit], now["episode"][hit], _PUSH_DRAW + now["steps"][hit]) < 0.5
            state[hit] = push(state[hit], side, now["physics"][hit])
        now["state"] = state
        terminated = failed(state)
        # A pole that falls in the last step has failed: it is not cut as well.
        truncated = (now["steps"] >= self._max_steps) & ~terminated
        now["done"] = terminated | truncated
        return self._observe(), np.ones(self.num_envs), terminated, truncated, {}

    def _start(self, slots: IntArray) -> Array:
        now = self._now
        now["physics"][slots[:, None], self._columns] = now["task"][slots]
        now["state"][slots] = START * (2 * self._uniform(slots, np.arange(4)) - 1)
        now["steps"][slots] = 0
        # The scaled tasks follow from the tasks: compute them as after a restored state.
        self._restore()
        return self._observe()

    def _draw(self, slots: IntArray) -> Array:
        drawn = self._uniform(slots, _TASK_DRAW + np.arange(len(self._columns)))
        return spaces.from_unit(self.task_space, drawn)

    def _restore(self) -> None:
        if self._scaled.size:
            self._scaled[:] = 2 * spaces.to_unit(self.task_space, self._now["task"]) - 1

    def _observe(self) -> Array:
        return np.concatenate([self._now["state"].astype(np.float32), self._scaled], axis=1)
