"""Mazes seen through a small window: the levels of the regret-based teachers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import torch
from gymnasium.vector import VectorEnv

from teacherstudent.contract.checks import check_keywords
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import Array
from teacherstudent.envs.mazes.batch.slots import (
    MazeEnv,
    MazeSlots,
    action_space,
    limits_of,
    observation_space,
)
from teacherstudent.envs.mazes.codes import MAX_STEPS, SIZE
from teacherstudent.envs.mazes.space import MazeLevels
from teacherstudent.envs.mazes.suites import make_suite
from teacherstudent.slots.processes.slots import spread
from teacherstudent.slots.tensor_envs import TensorEnvs


@FAMILIES.register("maze")
class Maze(RLFamily):
    """An agent looks for the goal of a maze of which it sees 5 x 5 cells; a level is the whole maze.

    The mazes of PAIRED (Dennis et al. 2020, https://arxiv.org/abs/2012.02096), PLR, ACCEL and their
    successors: 13 x 13 cells inside a border of walls. The score is ``1 - 0.9 * steps / cap`` for an agent
    that reaches the goal, else 0; every success counts as mastered. `MazeSlots` describes observations and
    actions, `MazeLevels` the levels. Training levels are capped at 250 steps; a test maze has its own cap,
    which it also has when it is trained on.

    Where the references differ: the start heading is a part of the level, as in jaxued and minimax (dcd draws
    it at every reset); a cap truncates and does not terminate; a test maze that dcd draws at every reset
    (SimpleCrossing, FourRooms, perfect mazes, corridors) is fixed here, or as many as ``repeats`` are.

    Attributes:
        test_names: a name for each test task.
        test_actions: sampled, as in dcd and jaxued.

    Args:
        levels: options of `MazeLevels`: ``generator``, ``n_walls`` (60 draws as in minimax and SFL, the
            default, or 25 as in jaxued and PAIRED), ``solvable``, ``edits``.
        suite: the test mazes: "jaxued-8", "dcd-7", "accel-12" (which makes levels arrays of 19 x 19),
            "random-solvable" (10 000 of them; "random-solvable-500" has 500), or a list of these and names of
            `teacherstudent.envs.mazes.layouts.MAZES`.
        test_steps: cap on steps of test mazes, jaxued's 250 say; None for each maze's own: dcd's
            ``2 * (size + 2)**2``, 100 in FourRooms, 484 in SimpleCrossing, 250 in random ones.
        repeats: how many test rows each maze has.
        observation: "flat" or "dict".
        actions: 7 as in the references, of which 3 act; or these 3.

    Raises:
        ValueError: if an option is not one of these, or a number is out of range.
        TypeError: if there is no such option of levels, or it is not free (``extent``, ``size``).
    """

    test_actions = "sampled"

    def __init__(
        self,
        *,
        levels: Mapping[str, Any] | None = None,
        suite: str | Sequence[str] = "jaxued-8",
        test_steps: int | None = None,
        repeats: int = 1,
        observation: str = "flat",
        actions: int = 7,
    ) -> None:
        # Called for the errors that they raise: wrong options are refused here, not when slots are made.
        observation_space(observation), action_space(actions)
        self._suite = make_suite(suite, steps=test_steps, repeats=repeats)
        # Levels are as large as the largest test maze: training and test levels are rows of one array.
        extent = self._suite.levels.shape[1]
        self.space: MazeLevels = MazeLevels(extent=extent, size=SIZE, **_free(levels))
        self.test_set = self._suite.name
        self.test_names = self._suite.names
        # Test mazes keep their own cap where they are trained on.
        self.max_steps = max(MAX_STEPS, int(self._suite.steps.max()))
        # Every success scores above 0, however long it took.
        self.mastered = 0.0
        self.score_range = (0.0, 1.0)
        # Slots are made later, perhaps in other processes: keep their arguments, not the slots.
        self._slots: dict[str, Any] = {
            "space": self.space,
            "observation": observation,
            "actions": actions,
            "limits": limits_of(self._suite.levels, self._suite.steps),
        }

    def test_tasks(self) -> Array:
        """Return the test mazes, ``(m, extent, extent)``."""
        return self._suite.levels.copy()

    def make_vec(self, n: int, *, processes: int = 1) -> VectorEnv[Any, Any, Any]:
        """Return ``n`` slots stepped as one batch, or as one batch in each of ``processes`` processes.

        Raises:
            ValueError: if there is no slot, or fewer slots than processes.
        """
        whole = partial(MazeSlots, **self._slots)
        return spread(whole, n, processes=processes, space=self.space, group=self._part)

    def make_env(self, *, render_mode: str | None = None) -> gym.Env[Any, Any]:
        """Return one maze; its cap on steps is a part of it."""
        return MazeEnv(render_mode=render_mode, **self._slots)

    def make_tensors(self, n: int, device: torch.device) -> TensorEnvs | None:
        """Return ``n`` slots on a GPU, stepped there; needs the package numba-cuda. None for "dict".

        Raises:
            ImportError: if the package is missing.
            ValueError: if there is no slot, or the device is of another type.
        """
        slots = dict(self._slots)
        if slots.pop("observation") != "flat":
            return None
        from teacherstudent.envs.mazes.batch.cuda import CudaMazes  # only where there is a GPU

        return CudaMazes(n, device=device, **slots)

    def _part(self, n: int, *, first_slot: int) -> MazeSlots:
        # Nothing in a maze depends on its number among all processes.
        del first_slot
        # One thread each, as the processes are spread over the cores already.
        return MazeSlots(n, threads=1, **self._slots)


def _free(levels: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options of levels; raise TypeError if they are no mapping, or one of them is not free."""
    if levels is not None and not isinstance(levels, Mapping):
        raise TypeError(f"maze: levels: expected a mapping of options of MazeLevels, got {levels!r}")
    # Another size would not fit the test mazes, so it is no option of a user's.
    taken = sorted({"extent", "size"} & set(levels or {}))
    if taken:
        raise TypeError(
            f"maze: levels: expected options of drawn levels, got {taken}, which suite and family set"
        )
    return check_keywords("maze: levels", levels, MazeLevels)
