"""Training loops that a user owns: a teacher behind a gymnasium environment or a VecEnv."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from teacherstudent.rl.task_vec_env import TaskVecEnv
from teacherstudent.teacher import Teacher
from teacherstudent.types import Array, BoolArray, IntArray, Outcomes, Seed


def _check_teacher(teacher: Teacher[Any], mastered: float | None, where: str) -> None:
    provides = {"length"} if mastered is None else {"length", "success"}
    missing = sorted(teacher.needs - provides)
    if missing:
        raise ValueError(
            f"{where}: {type(teacher).__name__} needs {missing}, which episodes alone do not give "
            f"(they give {sorted(provides)}); use a student that does"
        )
    if teacher.granularity != "episode":
        raise ValueError(f"{where}: expected a teacher of episodes, got granularity {teacher.granularity!r}")


def _check_budget(budget: float | None) -> float:
    if budget is None:
        return np.inf
    if not budget > 0:
        raise ValueError(f"budget: expected steps above 0, got {budget}")
    return budget


class TeacherEnv(gym.Wrapper[Any, Any, Any, Any]):
    """A gymnasium environment whose teacher chooses the task of every episode.

    ``reset`` asks the teacher and passes ``options={"task": task}`` on; the step that ends an episode tells
    it the undiscounted return, with the signals ``length`` and ``success``. An episode that a reset gives up
    is dropped. The task and its id are in the reset's ``info["task"]`` and ``info["task_id"]``.

    Args:
        env: takes ``reset(options={"task": task})``.
        teacher: of a space that fits ``env``; needs no signals but ``length`` and ``success``.
        mastered: ``success`` is the environment's ``is_success`` if it reports one, else return > mastered,
            else (None) it is left out.
        budget: steps over which the teacher's ``progress`` goes from 0 to 1; None leaves it at 0.

    Raises:
        ValueError: if the teacher needs other signals or binds tasks for longer than an episode.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        teacher: Teacher[Any],
        *,
        mastered: float | None = None,
        budget: float | None = None,
    ) -> None:
        super().__init__(env)
        _check_teacher(teacher, mastered, "TeacherEnv")
        self.teacher = teacher
        self._mastered = mastered
        self._budget, self._steps = _check_budget(budget), 0
        self._task_id: int | None = None
        self._task: Array | None = None
        self._return, self._length = 0.0, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start the teacher's next task."""
        if self._task_id is not None:
            given_up, self._task_id = self._task_id, None
            self.teacher.drop(np.array([given_up]))
        assignment = self.teacher.ask(progress=min(1.0, self._steps / self._budget))
        self._task_id, self._task = int(assignment.ids[0]), assignment.tasks[0]
        self._return, self._length = 0.0, 0
        obs, info = self.env.reset(seed=seed, options={**(options or {}), "task": self._task})
        return obs, {**info, "task": self._task, "task_id": self._task_id}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step; at the end of the episode tell the teacher."""
        obs, reward, terminated, truncated, info = self.env.step(action)
        self._return += float(reward)
        self._length += 1
        self._steps += 1
        if (terminated or truncated) and self._task_id is not None:
            assert self._task is not None
            signals: dict[str, Array] = {"length": np.array([self._length])}
            if "is_success" in info:
                signals["success"] = np.array([bool(info["is_success"])])
            elif self._mastered is not None:
                signals["success"] = np.array([self._return > self._mastered])
            ended = np.array([self._task_id])
            self._task_id = None
            self.teacher.tell(
                Outcomes(
                    ids=ended,
                    tasks=self._task[None],
                    score=np.array([self._return]),
                    cost=np.array([float(self._length)]),
                    signals=signals,
                )
            )
        return obs, reward, terminated, truncated, info


class TeacherVecEnv(TaskVecEnv):
    """A stable-baselines3 VecEnv whose teacher chooses the task of every episode, for ``model.learn()``.

    Args:
        teacher: needs no signals but ``length`` and ``success``.
        envs: a vector environment as ``family.make_vec(n)`` gives it.
        mastered: see `TaskVecEnv`.
        budget: steps of all slots together over which the teacher's ``progress`` goes from 0 to 1; None
            leaves it at 0.
        seed: each episode's environment seed is drawn from it.

    Raises:
        ValueError: if the teacher needs other signals or binds tasks for longer than an episode.
    """

    def __init__(
        self,
        teacher: Teacher[Any],
        envs: gym.vector.VectorEnv[Any, Any, Any],
        *,
        mastered: float | None = None,
        budget: float | None = None,
        seed: Seed = 0,
    ) -> None:
        _check_teacher(teacher, mastered, "TeacherVecEnv")
        super().__init__(envs, self._ask, tell=teacher.tell, mastered=mastered, seed=seed)
        self.teacher = teacher
        self._budget, self._steps = _check_budget(budget), 0

    def step_wait(self) -> tuple[Any, Array, BoolArray, list[dict[str, Any]]]:
        """Step every slot; the teacher hears of the episodes that end before it is asked for the next."""
        self._steps += self.num_envs
        return super().step_wait()

    def _ask(self, n: int) -> tuple[IntArray, Array]:
        assignment = self.teacher.ask(n, progress=min(1.0, self._steps / self._budget))
        return assignment.ids, assignment.tasks

    def reset(self) -> Any:
        """Start a new task in every slot; episodes under way are dropped."""
        self.teacher.drop(self.ids[self.ids >= 0])
        return super().reset()


class TeacherCallback(BaseCallback):
    """Writes the teacher's metrics to stable-baselines3's own log (``teacher/...``), once a rollout."""

    def __init__(self, teacher: Teacher[Any]) -> None:
        super().__init__()
        self.teacher = teacher

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        for name, value in self.teacher.metrics().items():
            self.logger.record(f"teacher/{name}", value)
