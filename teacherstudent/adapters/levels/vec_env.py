"""A VecEnv of stable-baselines3 whose slots play one level each for a whole rollout."""

from __future__ import annotations

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from teacherstudent.adapters.levels.suited import check_suited
from teacherstudent.adapters.ordinary import OrdinaryVecEnv
from teacherstudent.adapters.watching import check_fits, home
from teacherstudent.contract import spaces
from teacherstudent.contract.checks import check_real
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Array, Assignment, BoolArray, IntArray, Outcomes, Seed, generator
from teacherstudent.slots.access import check_vector
from teacherstudent.slots.wrapping.task_reset import Apply
from teacherstudent.students.sb3.vec_env import TaskVecEnv


class Played(NamedTuple):
    """What a rollout's steps brought, a row for each, ``(steps, slots)``.

    Attributes:
        rewards: as the environments gave them.
        ends: bool: the step ended an episode.
        told: int8: where it did, whether the episode succeeded; -1 where nobody says.
    """

    rewards: Array
    ends: BoolArray
    told: Array


class LevelVecEnv(VecEnvWrapper):
    """A VecEnv for teachers of levels: each slot plays one level for a whole rollout, again and again.

    ``model.learn(steps, callback=LevelCallback())`` asks the teacher before each rollout and tells it after.
    Wrappers that scale rewards, such as ``VecNormalize``, belong around this one.

    Attributes:
        teacher: of levels.
        mastered: see below.

    Args:
        teacher: of levels, in this process.
        envs: a vector environment as ``family.make_vec(n)`` gives it, or a VecEnv.
        apply: how a level is set in a slot of a VecEnv; as of `TeacherVecEnv`.
        mastered: an episode succeeds if the environment says ``is_success``, else if its return is above
            this.
        seed: environment seeds of episodes are drawn from it; a VecEnv keeps its own.

    Raises:
        ValueError: if the teacher is one of episodes or of several models, or has tasks that the
            environments' ``task_space`` does not hold.
        TypeError: if ``teacher`` is no teacher or ``envs`` no vector environment, or if nothing brings a
            level to its slots.
    """

    def __init__(
        self,
        teacher: Teacher[Any],
        envs: VecEnv | gym.vector.VectorEnv[Any, Any, Any],
        *,
        apply: Apply | None = None,
        mastered: float | None = None,
        seed: Seed = 0,
    ) -> None:
        # The callback knows the discount, without which td_error could not be told.
        check_suited(teacher, 1.0, "LevelVecEnv")
        self.teacher = home(teacher, "LevelVecEnv")
        self.mastered = None if mastered is None else check_real("LevelVecEnv: mastered", mastered)
        self._levels = _Levels()
        self._rng = generator(seed)
        self._steps: list[Played] | None = None
        if isinstance(envs, VecEnv):
            inner: VecEnv = OrdinaryVecEnv(envs, self._levels, apply=apply, mastered=mastered)
        else:
            check_vector(envs, "LevelVecEnv")
            check_fits(teacher, getattr(envs, "task_space", None), "LevelVecEnv")
            if apply is not None:
                raise TypeError(
                    "LevelVecEnv: apply: expected None, as these slots take each level in the options of "
                    f"their reset, got {apply!r}"
                )
            inner = _LevelSlots(envs, self._levels, seed=seed, mastered=mastered)
        super().__init__(inner)

    def bind(self, assignment: Assignment) -> None:
        """Take the levels of the next rollout, one for each slot; `reset` starts them."""
        self._levels.ids = assignment.ids
        self._levels.tasks = assignment.tasks
        self._steps = []

    def release(self) -> None:
        """End the last rollout: no step is taken before the next `bind`."""
        self._steps = None

    def reset(self) -> Any:
        """Start every slot on its level."""
        # An algorithm starts its environments before any rollout: what it sees then is of no matter.
        if self._levels.tasks is None:
            n = self.num_envs
            self._levels.ids = np.full(n, -1)
            self._levels.tasks = spaces.sample(self.teacher.space, self._rng, n)
        if self._steps is not None:
            self._steps = []
        obs = self.venv.reset()
        self.reset_infos = self.venv.reset_infos
        return obs

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot, and write down what it brought.

        Raises:
            RuntimeError: outside of a rollout.
        """
        if self._steps is None:
            raise RuntimeError(
                "LevelVecEnv: expected model.learn(steps, callback=LevelCallback()), which asks the teacher "
                "for the levels of each rollout, got a step without one; tests belong to environments of "
                "their own: TeacherVecEnv.evaluation(envs, tasks)"
            )
        obs, rewards, dones, infos = self.venv.step_wait()
        told = np.full(self.num_envs, -1, np.int8)
        for slot in np.flatnonzero(dones).tolist():
            told[slot] = int(infos[slot].get("is_success", -1))
        # Copies, as algorithms change the rewards of episodes that a time limit has cut.
        self._steps.append(Played(np.array(rewards, np.float64), np.array(dones, np.bool_), told))
        return obs, rewards, dones, infos

    def played(self, steps: int) -> Played:
        """Return the tables of the rollout so far.

        Raises:
            RuntimeError: unless it has so many steps: somebody else has stepped or reset the slots.
        """
        rows = self._steps or []
        if len(rows) != steps:
            raise RuntimeError(
                f"LevelVecEnv: expected {steps} steps of the algorithm in a rollout, got {len(rows)}: nobody "
                "else may step or reset these environments; tests belong to environments of their own"
            )
        return Played(*(np.stack(column) for column in zip(*rows, strict=True)))


class _Levels:
    """Gives each slot its level, whenever it starts (a `Source`)."""

    def __init__(self) -> None:
        self.ids: IntArray = np.zeros(0, np.int64)
        self.tasks: Array | None = None

    def take(self, slots: IntArray) -> tuple[IntArray, Array]:
        """Return the slots' ids and levels."""
        assert self.tasks is not None
        return self.ids[slots], self.tasks[slots]

    def tell(self, outcomes: Outcomes) -> None:
        """Let episodes go: whole rollouts are told of."""

    def drop(self, ids: IntArray) -> None:
        """Let episodes under way go."""

    def rewind(self) -> bool:
        """Forget levels that were taken ahead: the next rollout has others."""
        return True


class _LevelSlots(TaskVecEnv):
    """Slots of a family, each on its level."""

    def __init__(
        self,
        envs: gym.vector.VectorEnv[Any, Any, Any],
        levels: _Levels,
        *,
        seed: Seed,
        mastered: float | None,
    ) -> None:
        super().__init__(envs, _none, seed=seed, tell=levels.tell, mastered=mastered)
        self._levels = levels

    def reset(self) -> Any:
        """Start every slot."""
        # Nobody asks which episodes were kept, and the list would only grow.
        self.pop_kept()
        return super().reset()

    def _next_tasks(self, slots: IntArray) -> tuple[IntArray, Array]:
        return self._levels.take(slots)


def _none(n: int) -> tuple[IntArray, Array]:
    raise RuntimeError(f"slots on levels: expected no draw of tasks, got one of {n}")
