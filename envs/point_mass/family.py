"""The gate of self-paced learning: a narrow way that an unpractised student never finds."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import TimeLimit

from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_flag, check_real
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array, FloatArray, generator
from teacherstudent.envs.point_mass.picture import draw
from teacherstudent.envs.point_mass.slots import PointMassSlots
from teacherstudent.slots.processes.slots import SnapshotProcessSlots
from teacherstudent.slots.requests import check_slots
from teacherstudent.slots.single import OneSlotEnv

MAX_STEPS = 100
_TEST_TASKS = 50
_TEST_SEED = 4222
# Means and deviations of the authors' code, by dimension: gate position, gate width, friction.
_EASY = ((0.0, 4.25, 2.0), (2.0, 1.875, 1.0))
_TWO_GATES = ((3.0, 0.5), (0.01, 0.01))
_ONE_GATE = ((2.5, 0.5, 0.0), (0.004, 0.00375, 0.002))


class PointMassEnv(OneSlotEnv[PointMassSlots]):
    """One point mass that takes its gate by ``reset(options={"task": task})``.

    Agrees with a slot of the family's vector environment step for step. The action ``(2,)`` in [-1, 1] is the
    force along x and y.

    Args:
        slot: a batch of one.
        render_mode: "rgb_array" or None.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, slot: PointMassSlots, *, render_mode: str | None = None) -> None:
        super().__init__(slot, render_mode=render_mode)

    def render(self) -> Any:
        """Return a frame, ``(320, 320, 3)`` uint8: the wall with its gate, the goal and the point."""
        now = self._slot.get_state()
        return draw(now["state"][0], now["task"][0])


@FAMILIES.register("point-mass")
class PointMass(RLFamily):
    """Pass a gate to the goal behind a wall: the gate's position and width vary, and friction on request.

    The environment of self-paced deep RL (Klink et al. 2020, "Self-paced deep reinforcement learning",
    https://arxiv.org/abs/2004.11812, with friction) and of CURROT (Klink et al. 2022, "Curriculum
    reinforcement learning via constrained optimal transport",
    https://proceedings.mlr.press/v162/klink22a.html, without). The point starts in the middle of the upper
    half; beside the gate the wall ends its episode. The reward is exp(-0.6 d) a step, d metres from the goal,
    over 100 steps: whoever waits before the wall gets 16.5 in them at most.

    The target is narrow: without friction two gates 0.5 m wide, at 3 m to the left and to the right; with
    friction one at 2.5 m, with no friction. Tests are 50 draws of it. Mastered is a return above 30, which
    nobody gets on this side of the wall. Teachers may be told the target and the authors' easy tasks
    (`teacherstudent.contract.family.HasTarget`, `HasEasy`).

    Deviations from the authors' code: actions are in [-1, 1] instead of newtons in [-10, 10]; noise on the
    acceleration has a generator for each slot; draws outside the box are clipped to it, as theirs are.

    Args:
        friction: whether friction is a third dimension, 0 to 4 a second; without it there is none.
        sparse: reward 1 at the goal, where the episode ends, and 0 elsewhere; mastered is then above 0.5.
        noise: standard deviation of the noise on the acceleration, m/s^2.

    Raises:
        ValueError: if ``noise`` is below 0, or a flag is no truth value.
    """

    def __init__(self, *, friction: bool = False, sparse: bool = False, noise: float = 0.05) -> None:
        self.friction = check_flag("friction", friction)
        self.sparse = check_flag("sparse", sparse)
        self.noise = check_real("noise", noise, low=0.0)
        ranges = {"gate_position": (-4.0, 4.0), "gate_width": (0.5, 8.0)}
        if friction:
            ranges["friction"] = (0.0, 4.0)
        self.space: spaces.Parameters = spaces.Parameters(**ranges)
        self.max_steps = MAX_STEPS
        dimensions = len(ranges)
        reward = "sparse" if sparse else "dense"
        self.test_set = f"point-mass/{dimensions}d-{reward}_target{_TEST_TASKS}_seed{_TEST_SEED}"
        self.mastered = 0.5 if sparse else 30.0
        self.score_range = (0.0, 1.0) if sparse else (0.0, 80.0)

    def test_tasks(self) -> Array:
        """Return the 50 test tasks, ``(50, d)``: draws of the target."""
        return self.target(generator(_TEST_SEED), _TEST_TASKS)

    def target(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, d)`` gates as in the authors' target distribution."""
        if self.friction:
            return self._normal(rng, n, np.array(_ONE_GATE))
        tasks = self._normal(rng, n, np.array(_TWO_GATES))
        # Half of the gates lie to the left.
        tasks[:, 0] *= np.where(rng.random(n) < 0.5, -1.0, 1.0)
        return tasks

    def easy(self, rng: np.random.Generator, n: int) -> Array:
        """Return ``(n, d)`` gates as in the authors' initial distribution: wide ones, in the middle."""
        return self._normal(rng, n, np.array(_EASY)[:, : len(self.space.names)])

    def _normal(self, rng: np.random.Generator, n: int, gaussian: FloatArray) -> FloatArray:
        mean, deviation = gaussian
        drawn = mean + deviation * rng.standard_normal((n, len(mean)))
        return np.asarray(np.clip(drawn, self.space.low, self.space.high))

    def make_vec(self, n: int, *, processes: int = 1) -> VectorEnv[Any, Any, Any]:
        """Return ``n`` slots stepped as one batch, or as one batch in each of ``processes`` processes.

        Raises:
            ValueError: if there is no slot, or fewer slots than processes.
        """
        check_slots(n, processes)
        if processes == 1:
            return self._group(n)
        return SnapshotProcessSlots(self._group, n, processes=processes, space=self.space)

    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Return one environment, capped at 100 steps."""
        slot = PointMassSlots(1, space=self.space, sparse=self.sparse, noise=self.noise)
        return TimeLimit(PointMassEnv(slot, render_mode=render_mode), MAX_STEPS)

    def _group(self, n: int, *, first_slot: int = 0) -> PointMassSlots:
        # Slots with seeds of their own need not know which number they have among all processes.
        return PointMassSlots(n, space=self.space, sparse=self.sparse, noise=self.noise, max_steps=MAX_STEPS)
