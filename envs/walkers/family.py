"""What the walker families share: test tasks, scores, cap."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import VectorEnv
from gymnasium.wrappers import TimeLimit

from teacherstudent.contract.checks import is_one_of
from teacherstudent.contract.types import Array
from teacherstudent.envs.walkers.embodiments import embodiment
from teacherstudent.envs.walkers.episode import check_stuck
from teacherstudent.envs.walkers.slots import CompiledWalkerEnv, WalkerSlots, check_solver
from teacherstudent.envs.walkers.terrain import TaskSpace
from teacherstudent.slots.processes.slots import spread
from teacherstudent.slots.tensor_envs import TensorEnvs
from teacherstudent.slots.wrapping.family import GymnasiumFamily
from teacherstudent.slots.wrapping.making import EnvMaker

MAX_STEPS = 2000
MASTERED = 230.0
SCORE_RANGE = (-150.0, 350.0)
_TEST_TASKS = 50
_TEST_SEED = 4222

SIMULATORS = ("compiled", "box2d")
_BOX2D = "teacherstudent.envs.walkers.box2d"


class WalkerFamily(GymnasiumFamily):
    """A walker family with the scores of Portelas et al. (2019): mastered above 230.

    Attributes:
        simulator: "compiled" (`WalkerSlots`) or "box2d" (one Box2D world for each slot).

    Args:
        env: makes the Box2D environment, which it imports then only.
        options: its keyword arguments.
        kind: of the compiled walkers' tracks, from `teacherstudent.envs.walkers.ground.tracks`.
        name: name of the family.
        space: the task space.
        test_tasks: ``(m, d)``, such as `published_test_tasks`.
        test_set: name of the test tasks.
        difficulty_step: direction and stride in which tasks get harder; None if there is none.
        simulator: as above.
        solver: how exactly the compiled walkers are solved, a name of `SOLVERS`.
        stuck: steps and metres: an episode is truncated after so many steps in which the hull did not get so
            much farther. The test set's name says it. None for never, as published.

    Raises:
        ImportError: if the simulator is Box2D and Box2D is missing.
        TypeError: if ``options["embodiment"]`` or the solver is no name.
        ValueError: if ``options["embodiment"]`` names no walker, there is no such simulator or solver, or
            ``stuck`` is neither None nor a pair of numbers above 0.
    """

    def __init__(
        self,
        env: Callable[..., gym.Env[Any, Any]],
        options: Mapping[str, Any],
        *,
        kind: int,
        name: str,
        space: TaskSpace,
        test_tasks: Array,
        test_set: str,
        difficulty_step: tuple[float, ...] | None,
        simulator: str,
        solver: str,
        stuck: tuple[int, float] | None,
    ) -> None:
        # Called for the errors that it raises: a wrong name is refused before anything is made.
        embodiment(options["embodiment"])
        if not is_one_of(simulator, SIMULATORS):
            raise ValueError(f"simulator: expected one of {SIMULATORS}, got {simulator!r}")
        check_solver(solver)
        if stuck is not None:
            stuck = check_stuck(stuck)
        if simulator == "box2d":
            importlib.import_module(_BOX2D)  # raises if Box2D is missing
        super().__init__(
            EnvMaker(target=_InBox2D(env, stuck), options=dict(options), max_episode_steps=MAX_STEPS),
            name=name,
            space=space,
            test_tasks=test_tasks,
            test_set=_named(test_set, stuck),
            mastered=MASTERED,
            score_range=SCORE_RANGE,
            difficulty_step=difficulty_step,
        )
        self.max_steps = MAX_STEPS
        self.simulator = simulator
        self._slots = {
            "space": space,
            "kind": kind,
            "walker": options["embodiment"],
            "solver": solver,
            "stuck": stuck,
        }

    def make_vec(self, n: int, *, processes: int = 1) -> VectorEnv[Any, Any, Any]:
        """Return ``n`` slots; compiled ones are stepped as one batch, or one in each of the processes.

        Raises:
            ValueError: if there is no slot, or fewer slots than processes.
        """
        # Box2D has a world for each slot: those are the base class's.
        if self.simulator == "box2d":
            return super().make_vec(n, processes=processes)
        return spread(self._group, n, processes=processes, space=self.space, group=self._part)

    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Return one walker, capped at 2000 steps.

        Raises:
            ImportError: if it is to be rendered, and Box2D or pygame is missing: gymnasium's walker draws it.
        """
        if self.simulator == "box2d":
            return super().make_env(render_mode=render_mode)
        return TimeLimit(CompiledWalkerEnv(render_mode=render_mode, **self._slots), MAX_STEPS)

    def make_tensors(self, n: int, device: torch.device) -> TensorEnvs | None:
        """Return ``n`` slots on a GPU, stepped there; needs the package numba-cuda. None of Box2D's.

        Raises:
            ImportError: if the package is missing.
            ValueError: if there is no slot, or the device is of another type.
        """
        if self.simulator == "box2d":
            return None
        from teacherstudent.envs.walkers.cuda import CudaWalkers  # only where there is a GPU

        return CudaWalkers(n, device=device, max_steps=MAX_STEPS, **self._slots)

    def _group(self, n: int, threads: int | None = None) -> WalkerSlots:
        return WalkerSlots(n, max_steps=MAX_STEPS, threads=threads, **self._slots)

    def _part(self, n: int, *, first_slot: int) -> WalkerSlots:
        # One thread each, as the processes are spread over the cores already.
        return self._group(n, threads=1)


@dataclass(frozen=True)
class _InBox2D:
    """Makes one walker in Box2D, cut where it is stuck."""

    env: Callable[..., gym.Env[Any, Any]]
    stuck: tuple[int, float] | None

    def __call__(self, **options: Any) -> gym.Env[Any, Any]:
        env = self.env(**options)
        if self.stuck is None:
            return env
        from teacherstudent.envs.walkers.box2d.stuck import StuckLimit  # Box2D is an optional extra

        return StuckLimit(env, *self.stuck)


def _named(test_set: str, stuck: tuple[int, float] | None) -> str:
    """Return the name of a test set, with the cut of stuck walkers in it: returns differ by it."""
    if stuck is None:
        return test_set
    steps, metres = stuck
    return f"{test_set}/stuck{steps}steps{metres:g}m"


def published_test_tasks(ranges: Sequence[tuple[float, float]]) -> Array:
    """Return the authors' 50 test tasks, ``(50, d)``: the draws of NumPy's legacy generator."""
    low, high = np.array(ranges).T
    # The published draws came from this legacy generator.
    legacy = np.random.RandomState(_TEST_SEED)
    return legacy.uniform(low, high, (_TEST_TASKS, len(low)))
