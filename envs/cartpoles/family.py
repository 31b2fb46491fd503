"""A control family that is learned in a minute: cart-poles with varied physics, and pushed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import TimeLimit

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_flag, check_mapping
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array, generator
from teacherstudent.envs.cartpoles.physics import CARTPOLE_V1
from teacherstudent.envs.cartpoles.slots import CartPoleSlots
from teacherstudent.slots.processes.slots import spread
from teacherstudent.slots.single import OneSlotEnv

MAX_STEPS = 500
RANGES: Mapping[str, tuple[float, float]] = {
    "pole_length": (0.2, 2.0),
    "force": (5.0, 20.0),
    "gravity": (5.0, 20.0),
    "push": (0.0, 3.0),
}
# Which way each parameter makes a task harder.
_HARDER = {"pole_length": -1, "force": -1, "gravity": -1, "push": 1}
_TEST_TASKS = 50
_TEST_SEED = 4222


def task_space(ranges: Mapping[str, tuple[float, float]]) -> spaces.Parameters:
    """Return the task space of the given ranges.

    Raises:
        ValueError: if a name is unknown, or a range is empty or reaches values that have no physics.
    """
    ranges = check_mapping("ranges", ranges, optional=False)
    unknown = sorted(set(ranges) - set(CARTPOLE_V1))
    if unknown:
        raise ValueError(f"ranges: expected names among {list(CARTPOLE_V1)}, got {unknown}")
    space = spaces.Parameters(**ranges)
    for name, low in zip(space.names, space.low, strict=True):
        # The physics divide by the pole's length; anything else may be 0.
        if low < 0 or (low == 0 and name == "pole_length"):
            raise ValueError(f"ranges: {name}: expected values of at least 0 (a length above 0), got {low}")
    return space


class CartPoleParametersEnv(OneSlotEnv[CartPoleSlots]):
    """One cart-pole that takes its physics by ``reset(options={"task": task})``; no cap on steps of its own.

    Agrees with a slot of the family's vector environment step for step, starts included. Action 0 pushes the
    cart left, 1 right.

    Args:
        ranges: what varies, and how far; see `CartPoleParameters`.
        observe_task: whether the task, scaled to -1..1, is part of the observation.
        render_mode: "human", "rgb_array" or None.
    """

    metadata = CartPoleEnv.metadata

    def __init__(
        self,
        ranges: Mapping[str, tuple[float, float]] = RANGES,
        observe_task: bool = True,
        render_mode: str | None = None,
    ) -> None:
        slot = CartPoleSlots(1, space=task_space(ranges), observe_task=observe_task)
        super().__init__(slot, render_mode=render_mode)
        self._picture: Any = CartPoleEnv(render_mode=render_mode)

    def render(self) -> Any:
        """Return or show a frame, drawn by gymnasium's CartPole-v1."""
        # gymnasium's environment only paints: before every frame it gets the state of this slot.
        now = self._slot.get_state()
        self._picture.spec = self.spec
        self._picture.state = now["state"][0]
        # gymnasium's `length` is half of the pole.
        self._picture.length = now["physics"][0, 0] / 2
        return self._picture.render()

    def close(self) -> None:
        """Close the window."""
        self._picture.close()


@FAMILIES.register("cartpole-parameters")
class CartPoleParameters(RLFamily):
    """Balance a pole on a cart: length, force, gravity and pushes vary; learned in a minute on a CPU.

    The score is the number of steps that the pole stays up, at most 500; mastered is more than 475, as for
    CartPole-v1. Once a second something hits the pole; what makes a task hard is above all how strong that
    ``push`` is, then a short pole, a weak cart, and weak gravity: after a push the cart must stop before the
    track ends, and it is a leaning pole's weight that lets it. The box holds tasks that are learned at once,
    tasks that are learned late, and a large part in which linear-quadratic controllers fail that know the
    task's physics (``benchmarks/feasible.py`` measures the shares).

    Args:
        ranges: what varies and how far, by the names of `CARTPOLE_V1`; the others keep their value there.
        observe_task: whether the observation ends with the task, scaled to -1..1. True by default: two tasks
            whose best action differs can look the same in position, angle and speeds, and it is the
            curriculum, not the guessing of hidden physics, that is studied here.
    """

    def __init__(
        self, *, ranges: Mapping[str, tuple[float, float]] = RANGES, observe_task: bool = True
    ) -> None:
        self.space: spaces.Parameters = task_space(ranges)
        self.ranges = {name: (float(low), float(high)) for name, (low, high) in ranges.items()}
        self.observe_task = check_flag("observe_task", observe_task)
        self.test_set = f"cartpole-parameters/uniform{_TEST_TASKS}_seed{_TEST_SEED}"
        self.mastered = 475.0
        self.max_steps = MAX_STEPS
        self.score_range = (0.0, float(MAX_STEPS))
        # A teacher's step is a thirtieth of the range, towards harder tasks.
        self.difficulty_step = tuple(
            _HARDER[name] * (high - low) / 30 for name, (low, high) in self.ranges.items()
        )

    def test_tasks(self) -> Array:
        """Return the 50 test tasks, ``(50, d)``: uniform draws."""
        return spaces.sample(self.space, generator(_TEST_SEED), _TEST_TASKS)

    def make_vec(self, n: int, *, processes: int = 1) -> VectorEnv[Any, Any, Any]:
        """Return ``n`` slots stepped as one batch, or as one batch in each of ``processes`` processes.

        Raises:
            ValueError: if there is no slot, or fewer slots than processes.
        """
        return spread(self._group, n, processes=processes, space=self.space)

    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Return one environment, capped at 500 steps."""
        env = CartPoleParametersEnv(self.ranges, self.observe_task, render_mode)
        return TimeLimit(env, MAX_STEPS)

    def _group(self, n: int, *, first_slot: int = 0) -> CartPoleSlots:
        # Slots with seeds of their own need not know which number they have among all processes.
        return CartPoleSlots(n, space=self.space, observe_task=self.observe_task, max_steps=MAX_STEPS)
